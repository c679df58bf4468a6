"""The only file that calls from_pretrained. Foreign errors of loading are translated here."""

import contextlib
import functools
import importlib
import json
import pickle
import struct
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
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
    AutoTokenizer,
)
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.utils import logging

from llmcli.core import hub
from llmcli.core.checkpoint import (
    Checkpoint,
    Kind,
    architectures,
    check,
    check_tokenizer,
    context_length,
    kind_of,
    read_config,
    require_kind,
)
from llmcli.core.device import Placement, place
from llmcli.errors import InputError, LlmcliError, ModelUnsuitable
from llmcli.spec import BatchSpec, Dtype, ModelSpec

logging.set_verbosity_error()
logging.disable_progress_bar()  # stderr is ours: cli/output.py draws what the user sees

AUTO_CLASSES = {
    "causal": AutoModelForCausalLM,
    "masked": AutoModelForMaskedLM,
    "seq2seq": AutoModelForSeq2SeqLM,
    "classifier": AutoModelForSequenceClassification,
    "reader": AutoModelForQuestionAnswering,
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model ready to run, with its tokenizer."""

    model: Any
    tokenizer: Any
    kind: Kind
    context: int | None
    """How many positions the model has; None where it sets no bound."""
    checkpoint: Checkpoint
    placement: Placement

    def batch(self, spec: BatchSpec) -> BatchSpec:
        """What the user asked for, or texts one by one where padding would change a result."""
        config = self.model.config
        finds_end_by_padding = self.kind == "classifier" and not config.is_encoder_decoder
        tokens = (config.pad_token_id, self.tokenizer.pad_token_id)
        has_none = finds_end_by_padding and not any(isinstance(one, int) for one in tokens)
        if has_none or config.model_type in UNPADDABLE:
            return replace(spec, batch_size=1)
        return spec


# RWKV takes padding for text; XLNet looks at the last place of a row, padding or not.
UNPADDABLE = ("rwkv", "xlnet")


def load_causal(spec: ModelSpec) -> Loaded:
    """Load a model that predicts the next token. Raises ModelNotFound, ModelUnsuitable."""
    return load(spec, ("causal",))


def load(spec: ModelSpec, kinds: tuple[Kind, ...]) -> Loaded:
    """Load a model of one of `kinds` in evaluation mode, with its head and its tokenizer.

    Raises ModelNotFound; ModelUnsuitable if it is of another kind, is damaged, or lacks
    weights that its architecture needs.
    """

    def class_for(settings: dict[str, Any]) -> Any:
        kind = kind_of(settings)
        require_kind(spec.model_id, kind, kinds)
        return AUTO_CLASSES[kind]

    return _load(spec, class_for)


def load_encoder(spec: ModelSpec) -> Loaded:
    """Load what a model of any kind has below its head, in evaluation mode, with its tokenizer.

    Of a sequence-to-sequence model, that is its encoder. Raises as `load` does.
    """

    def class_for(settings: dict[str, Any]) -> Any:
        if any(name.endswith("EncoderModel") for name in architectures(settings)):
            return AutoModelForTextEncoding  # T5's encoder alone
        return AutoModelForSeq2SeqLM if kind_of(settings) == "seq2seq" else AutoModel

    loaded = _load(spec, class_for)
    if loaded.kind == "seq2seq":
        return replace(loaded, model=loaded.model.get_encoder())
    return loaded


def _load(spec: ModelSpec, class_for: Callable[[dict[str, Any]], Any]) -> Loaded:
    """class_for: the auto class for a model's configuration."""
    placement = place(spec.device, spec.dtype)
    checkpoint = hub.resolve(spec)
    check(checkpoint)
    with errors_explained(checkpoint):
        config = _config(checkpoint, spec)
        settings = config.to_dict()
        model_class = class_for(settings)
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
    return Loaded(model, tokenizer, kind_of(settings), context, checkpoint, placement)


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


def read_new_config(path: str) -> dict[str, Any]:
    """Read a model configuration for training from scratch: JSON with a `model_type`.

    Raises InputError if it is not there, not JSON, or has keys that the model does not know.
    """
    try:
        settings = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from None
    if not isinstance(settings, dict) or "model_type" not in settings:
        raise InputError(f'{path} names no architecture: add "model_type": "gpt2"')
    kind = settings["model_type"]
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        raise InputError(f"{path}: model_type {kind!r} is not one that transformers knows")
    if kind_of({**settings, "architectures": None}) != "causal":
        raise InputError(f"{path}: {kind} is no causal language model: use gpt2 or llama")
    known = AutoConfig.for_model(kind)
    unknown = [key for key in settings if not hasattr(known, key)]
    if unknown:
        raise InputError(f"{path}: {kind} has no setting {', '.join(map(repr, unknown))}")
    return settings


def plan_causal(settings: dict[str, Any]) -> Any:
    """The whole configuration that `new_causal` would use, without the memory of a model.

    Raises InputError if the settings do not fit together.
    """
    with torch.device("meta"):
        return new_causal(settings, seed=0).config


def new_causal(settings: dict[str, Any], seed: int) -> Any:
    """Make a causal model of a configuration, with fresh weights in float32.

    Raises InputError if the settings do not fit together.
    """
    torch.manual_seed(seed)
    try:
        config = AutoConfig.for_model(**settings)
        return AutoModelForCausalLM.from_config(config, dtype=torch.float32)
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
    """Write a Hugging Face folder, the weights in `dtype` (auto: as they are)."""
    if dtype != "auto":
        model.to(getattr(torch, dtype))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
