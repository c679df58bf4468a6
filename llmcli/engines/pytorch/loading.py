"""The only file that calls from_pretrained. Foreign errors of loading are translated here."""

import contextlib
import functools
import importlib
import json
import pickle
import struct
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForQuestionAnswering,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForTextEncoding,
    AutoModelForTokenClassification,
    AutoTokenizer,
)
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.utils import logging

from llmcli.engines.base import Loaded, Placement
from llmcli.engines.pytorch.device import place
from llmcli.engines.pytorch.engine import TorchEngine
from llmcli.errors import InputError, LlmcliError, ModelUnsuitable
from llmcli.models import hub
from llmcli.models.checkpoint import (
    ADAPTERS,
    WORDS,
    Checkpoint,
    Kind,
    architectures,
    check,
    check_tokenizer,
    choose_kind,
    context_length,
    kind_of,
    kinds_of,
    read_adapters,
    read_config,
    weight_files,
)
from llmcli.spec import Dtype, ModelSpec
from llmcli.training.lora import peft_library

logging.set_verbosity_error()
logging.disable_progress_bar()  # stderr is ours: cli/output.py draws what the user sees

AUTO_CLASSES = {
    "causal": AutoModelForCausalLM,
    "masked": AutoModelForMaskedLM,
    "seq2seq": AutoModelForSeq2SeqLM,
    "classifier": AutoModelForSequenceClassification,
    "tagger": AutoModelForTokenClassification,
    "reader": AutoModelForQuestionAnswering,
}


def load_causal(spec: ModelSpec) -> Loaded:
    """Load a model that predicts the next token. Raises ModelNotFound, ModelUnsuitable."""
    return load(spec, ("causal",))


def load(spec: ModelSpec, kinds: tuple[Kind, ...]) -> Loaded:
    """Load a model of one of `kinds` in evaluation mode, with its head and its tokenizer.

    Raises ModelNotFound; ModelUnsuitable if it is of another kind, is damaged, or lacks
    weights that its architecture needs.
    """

    return _load(spec, lambda settings: choose_kind(spec.model_id, settings, kinds))


def load_encoder(spec: ModelSpec) -> Loaded:
    """Load what a model of any kind has below its head, in evaluation mode, with its tokenizer.

    Of a sequence-to-sequence model, that is its encoder. Raises as `load` does.
    """

    def kind_for(settings: dict[str, Any]) -> Kind:
        kinds = kinds_of(settings)
        return "encoder" if "encoder" in kinds else kinds[0]

    def class_for(settings: dict[str, Any]) -> Any:
        if any(name.endswith("EncoderModel") for name in architectures(settings)):
            return AutoModelForTextEncoding  # T5's encoder alone
        return AutoModelForSeq2SeqLM if kind_of(settings) == "seq2seq" else AutoModel

    loaded = _load(spec, kind_for, class_for)
    if loaded.kind == "seq2seq":
        encoder = loaded.model.get_encoder()
        return replace(loaded, model=encoder, engine=TorchEngine(encoder))
    return loaded


def _load(
    spec: ModelSpec,
    kind_for: Callable[[dict[str, Any]], Kind],
    class_for: Callable[[dict[str, Any]], Any] | None = None,
) -> Loaded:
    """kind_for, class_for: what a model's configuration is loaded as; None: its kind's class."""
    placement = place(spec.device, spec.dtype)
    checkpoint = hub.resolve(spec)
    check(checkpoint)
    adapters = read_adapters(checkpoint)
    if adapters is not None:
        return _load_adapted(spec, checkpoint, adapters, kind_for, class_for)
    with errors_explained(checkpoint):
        config = _config(checkpoint, spec)
        settings = config.to_dict()
        kind = kind_for(settings)
        model_class = class_for(settings) if class_for else AUTO_CLASSES[kind]
        tokenizer = _tokenizer(checkpoint, spec)
        model, found = model_class.from_pretrained(
            checkpoint.folder,
            config=config,
            dtype=placement.dtype,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are refused below, by name
            use_safetensors=True,
            **_common(checkpoint, spec),
        )
    _require_all_weights(checkpoint, found)
    context = context_length(settings)
    model = model.to(placement.device).eval()
    return _ready(model, tokenizer, kind, context, checkpoint, placement)


def _ready(
    model: Any,
    tokenizer: Any,
    kind: Kind,
    context: int | None,
    checkpoint: Checkpoint,
    placement: Placement,
) -> Loaded:
    return Loaded(
        model,
        tokenizer,
        kind,
        context,
        checkpoint,
        placement,
        config=model.config,
        generation=getattr(model, "generation_config", None),
        engine=TorchEngine(model),
    )


def _load_adapted(
    spec: ModelSpec,
    checkpoint: Checkpoint,
    adapters: dict[str, Any],
    kind_for: Callable[[dict[str, Any]], Kind],
    class_for: Callable[[dict[str, Any]], Any] | None,
) -> Loaded:
    """Load the model that adapters were made for, and merge them into it."""
    peft = peft_library()
    base = hub.resolve(replace(spec, model_id=adapters["base_model_name_or_path"], revision=None))
    check(base)
    placement = place(spec.device, spec.dtype)
    with errors_explained(checkpoint):
        config = _config(checkpoint, spec)
        settings = config.to_dict()
        kind = kind_for(settings)
        model_class: Any = class_for(settings) if class_for else AUTO_CLASSES[kind]
        model = model_class.from_pretrained(
            base.folder,
            config=config,
            dtype=placement.dtype,
            ignore_mismatched_sizes=True,  # of a head that comes with the adapters
            use_safetensors=True,
            **_common(base, spec),
        )
        model = peft.PeftModel.from_pretrained(model, str(checkpoint.folder)).merge_and_unload()
        tokenizer = _tokenizer(checkpoint, spec)
    model = model.to(placement.device).eval()
    context = context_length(settings)
    return _ready(model, tokenizer, kind, context, checkpoint, placement)


def load_trainable(
    spec: ModelSpec, kind: Kind, changes: dict[str, Any]
) -> tuple[Loaded, list[str]]:
    """Load a model to be trained as `kind`, in float32 on the CPU; its head may be new.

    changes: to its configuration, such as the labels. Returns the names of the weights that are
    new, random ones, too. Raises as `load` does, and ModelUnsuitable where the architecture has
    no such head or weights of the body are missing.
    """
    checkpoint = hub.resolve(spec)
    check(checkpoint)
    with errors_explained(checkpoint):
        config = _config(checkpoint, spec)
        for name, value in changes.items():
            setattr(config, name, value)
        tokenizer = _tokenizer(checkpoint, spec)
        auto_class: Any = AUTO_CLASSES[kind]
        if type(config) not in auto_class._model_mapping:
            raise ModelUnsuitable(f"{spec.model_id} cannot be trained as {WORDS[kind]}")
        model, found = auto_class.from_pretrained(
            checkpoint.folder,
            config=config,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # heads are new where they differ; bodies are refused
            use_safetensors=True,
            **_common(checkpoint, spec),
        )
    body = f"{model.base_model_prefix}."
    new = {*found["missing_keys"], *(key for key, *_ in found["mismatched_keys"])}
    lost = sorted(key for key in new if key.startswith(body) and ".pooler." not in key)
    if lost:
        raise ModelUnsuitable(
            f"{spec.model_id} lacks {lost[0]} and {len(lost) - 1} more weights of its body: it is "
            "damaged, or of another architecture"
        )
    context = context_length(config.to_dict())
    placement = place("cpu", "float32")
    return _ready(model, tokenizer, kind, context, checkpoint, placement), sorted(new)


def known_labels(spec: ModelSpec) -> list[str]:
    """The labels that a checkpoint was trained with; none where it has but placeholders."""
    settings = read_config(hub.resolve(spec))
    names = settings.get("id2label")
    if not isinstance(names, dict) or not isinstance(settings.get("label2id"), dict):
        return []
    labels = [str(names[at]) for at in sorted(names, key=int)]
    return [] if all(one.startswith("LABEL_") for one in labels) else labels


def take_weights(model: Any, spec: ModelSpec, names: list[str]) -> list[str]:
    """Give the weights `names` of a model the values that another checkpoint has under them.

    Returns the names that were found there with the same shape. Raises as `load` does.
    """
    from safetensors import safe_open

    checkpoint = hub.resolve(spec)
    check(checkpoint)
    own = dict(model.named_parameters())
    taken = []
    for path in weight_files(checkpoint):
        with safe_open(path, framework="pt") as file:
            for name in set(file.keys()) & set(names) & set(own):
                value = file.get_tensor(name)
                if value.shape == own[name].shape:
                    own[name].data.copy_(value)
                    taken.append(name)
    return sorted(taken)


def load_tokenizer(spec: ModelSpec) -> Any:
    """Load a checkpoint's tokenizer alone. Raises ModelNotFound, ModelUnsuitable."""
    checkpoint = hub.resolve(spec)
    with errors_explained(checkpoint):
        return _tokenizer(checkpoint, spec)


def convert_pickle(spec: ModelSpec, output: Path) -> None:
    """Rewrite pickled weights as safetensors; torch's weights-only reader runs no code.

    output: a folder that is not there yet, or empty. Raises ModelNotFound; ModelUnsuitable if
    there is nothing to convert or it is damaged; InputError if `output` cannot be written.
    """
    checkpoint = hub.resolve_local(spec) or hub.pull_pickle(spec)
    if not any(checkpoint.folder.glob("pytorch_model*.bin")):
        raise ModelUnsuitable(f"{spec.model_id} has no pytorch_model.bin: nothing to convert")
    architecture = (architectures(read_config(checkpoint)) or ["AutoModel"])[0]
    with errors_explained(checkpoint):
        import transformers

        model_class = getattr(transformers, architecture, None)
        if model_class is None:
            raise ModelUnsuitable(f"transformers has no architecture {architecture!r}")
        model = model_class.from_pretrained(
            checkpoint.folder, use_safetensors=False, **_common(checkpoint, spec)
        )
        tokenizer = _tokenizer(checkpoint, spec)
    aside = output.with_name(output.name + ".part")
    try:
        save(model, tokenizer, aside, "auto")
        aside.replace(output)
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot write {output}: {error}") from None


def _common(checkpoint: Checkpoint, spec: ModelSpec) -> dict[str, Any]:
    gguf = {"gguf_file": checkpoint.gguf_file} if checkpoint.gguf_file else {}
    return {"local_files_only": True, "trust_remote_code": spec.trust_remote_code, **gguf}


def _config(checkpoint: Checkpoint, spec: ModelSpec) -> Any:
    return AutoConfig.from_pretrained(checkpoint.folder, **_common(checkpoint, spec))


def _tokenizer(checkpoint: Checkpoint, spec: ModelSpec) -> Any:
    if checkpoint.gguf_file is None:
        check_tokenizer(checkpoint)
    return AutoTokenizer.from_pretrained(checkpoint.folder, **_common(checkpoint, spec))


UNUSED = ("pooler.",)  # of an encoder: its token states are pooled by us


def _require_all_weights(checkpoint: Checkpoint, found: dict[str, Any]) -> None:
    """Refuse a model some of whose weights would be random numbers."""
    missing = sorted(key for key in found["missing_keys"] if not key.startswith(UNUSED))
    wrong = sorted(key for key, *_ in found["mismatched_keys"])
    for what, keys in (("lacks", missing), ("has the wrong shape for", wrong)):
        if keys:
            more = f" and {len(keys) - 1} more weights" if len(keys) > 1 else ""
            raise ModelUnsuitable(
                f"{checkpoint.model_id} {what} {keys[0]}{more}: it is damaged, or was made for "
                "another task"
            )


@contextlib.contextmanager
def errors_explained(checkpoint: Checkpoint) -> Iterator[None]:
    """Turn what transformers raises about a checkpoint into one line."""
    name = checkpoint.model_id
    try:
        with warnings.catch_warnings(), _silent_gguf(checkpoint):
            warnings.simplefilter("ignore")
            yield
    except LlmcliError:
        raise
    except ImportError as error:
        raise ModelUnsuitable(f"{name} {_missing_package(str(error))}") from None
    except (MemoryError, torch.OutOfMemoryError):
        raise ModelUnsuitable(f"{name} does not fit into memory: try --dtype bfloat16") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise ModelUnsuitable(f"{name} cannot be loaded: {_one_line(name, error)}") from None
    except (pickle.UnpicklingError, EOFError):
        raise ModelUnsuitable(
            f"{name} is refused: its pickle is damaged, or would run code when it is read"
        ) from None
    except StrictDataclassError as error:
        raise ModelUnsuitable(
            f"{name} has a broken config.json: {_last_line(str(error))}"
        ) from None
    except (SafetensorError, struct.error) as error:
        raise ModelUnsuitable(f"{name} is damaged: {error}") from None


@contextlib.contextmanager
def _silent_gguf(checkpoint: Checkpoint) -> Iterator[None]:
    """Keep the GGUF reader's progress bar off stderr: it heeds no setting of transformers."""
    if checkpoint.gguf_file is None:
        yield
        return
    reader: Any = importlib.import_module("transformers.modeling_gguf_pytorch_utils")
    bar = reader.tqdm
    reader.tqdm = functools.partial(bar, disable=True)
    try:
        yield
    finally:
        reader.tqdm = bar


def _missing_package(message: str) -> str:
    for extra in ("gguf", "sentencepiece"):
        if extra in message.lower():
            return f"needs the {extra} package: pip install 'llmcli[{extra}]'"
    return f"needs a package that is not installed: {_first_line(message)}"


def _one_line(name: str, error: Exception) -> str:
    text = str(error)
    if "trust_remote_code" in text:
        return "it brings its own Python code; run it with --trust-remote-code if you trust it"
    if "tokenizer" in text.lower() and isinstance(error, (OSError, ValueError)):
        return f"it has no tokenizer that can be read ({_first_line(text)})"
    if isinstance(error, KeyError):
        return f"its configuration lacks {text}"
    return _first_line(text) or type(error).__name__


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:300].rstrip(".:") if lines else ""


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1].strip().removeprefix("TypeError: ")


def read_new_config(path: str, kind: Kind = "causal") -> dict[str, Any]:
    """Read a model configuration for training from scratch: JSON with a `model_type`.

    Raises InputError if it is not there, not JSON, has keys that the model does not know, or is
    of a model that cannot be trained as `kind`.
    """
    try:
        settings = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from None
    example = EXAMPLES[kind]
    auto_class: Any = AUTO_CLASSES[kind]
    if not isinstance(settings, dict) or "model_type" not in settings:
        raise InputError(f'{path} names no architecture: add "model_type": "{example}"')
    name = settings["model_type"]
    if not isinstance(name, str) or name not in CONFIG_MAPPING:
        raise InputError(f"{path}: model_type {name!r} is not one that transformers knows")
    is_causal = kind_of({**settings, "architectures": None}) == "causal"
    if type(AutoConfig.for_model(name)) not in auto_class._model_mapping or (
        kind == "causal" and not is_causal
    ):
        wanted = WORDS[kind].replace("a ", "no ", 1).replace("an ", "no ", 1)
        raise InputError(f"{path}: {name} is {wanted}: use {example}")
    known = AutoConfig.for_model(name)
    unknown = [key for key in settings if not hasattr(known, key)]
    if unknown:
        raise InputError(f"{path}: {name} has no setting {', '.join(map(repr, unknown))}")
    return settings


EXAMPLES: dict[Kind, str] = {
    "causal": "gpt2 or llama",
    "masked": "bert",
    "seq2seq": "marian",
    "classifier": "bert",
    "tagger": "bert",
    "reader": "bert",
}


def plan_new(settings: dict[str, Any], kind: Kind = "causal") -> Any:
    """The whole configuration that `new_model` would use, without the memory of a model.

    Raises InputError if the settings do not fit together.
    """
    with torch.device("meta"):
        return new_model(settings, kind, seed=0).config


def new_model(settings: dict[str, Any], kind: Kind, seed: int) -> Any:
    """Make a model of a configuration, with fresh weights in float32.

    Raises InputError if the settings do not fit together.
    """
    torch.manual_seed(seed)
    try:
        config = AutoConfig.for_model(**settings)
        return AUTO_CLASSES[kind].from_config(config, dtype=torch.float32)
    except StrictDataclassError as error:
        raise InputError(f"no model can be made of this: {_last_line(str(error))}") from None
    except (ValueError, TypeError, RuntimeError, AttributeError, ArithmeticError) as error:
        raise InputError(f"no model can be made of this: {_first_line(str(error))}") from None


def load_tokenizer_folder(folder: Path) -> Any:
    """Load the tokenizer of a run that is being resumed."""
    return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def round_weights(model: Any, dtype: Dtype) -> None:
    """Give the weights of a float32 model the values that they will be stored with."""
    if dtype != "auto":
        model.to(getattr(torch, dtype)).to(torch.float32)


def save(model: Any, tokenizer: Any, folder: Path, dtype: Dtype) -> None:
    """Write a Hugging Face folder, the weights in `dtype` (auto: as they are).

    Of a model with adapters that are not merged, the adapters alone, with its configuration.
    """
    if dtype != "auto":
        model.to(getattr(torch, dtype))
    model.save_pretrained(folder)
    if (folder / ADAPTERS).is_file():
        whole = model.get_base_model()
        whole.config.architectures = [type(whole).__name__]
        whole.config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def save_state(
    config: Any, state: dict[str, torch.Tensor], tokenizer: Any, folder: Path, dtype: Dtype
) -> None:
    """Write a Hugging Face folder of weights that no single class holds."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    if dtype != "auto":
        config.dtype = getattr(torch, dtype)
        state = {
            name: value.to(config.dtype) if value.is_floating_point() else value
            for name, value in state.items()
        }
    whole = {name: value.contiguous() for name, value in state.items()}
    save_file(whole, folder / "model.safetensors", metadata={"format": "pt"})
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def folder_of(spec: ModelSpec) -> Path:
    """Where a checkpoint lies."""
    return hub.resolve(spec).folder
