"""Models to be trained: from a checkpoint with a new head, or from a configuration alone."""

import json
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig, AutoTokenizer
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from llmcli.engines.base import Loaded
from llmcli.engines.pytorch.device import place
from llmcli.engines.pytorch.errors import _first_line, _last_line, errors_explained
from llmcli.engines.pytorch.loading import AUTO_CLASSES, _common, _config, _ready, _tokenizer
from llmcli.errors import InputError, ModelUnsuitable
from llmcli.models import hub
from llmcli.models.architectures import WORDS, Kind, context_length, kind_of
from llmcli.models.checkpoint import check, read_config, weight_files
from llmcli.spec import ModelSpec


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


def known_labels(model: ModelSpec) -> list[str]:
    """The labels that a checkpoint was trained with; none where it has but placeholders."""
    settings = read_config(hub.resolve(model))
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


def folder_of(model: ModelSpec) -> Path:
    """Where a checkpoint lies."""
    return hub.resolve(model).folder
