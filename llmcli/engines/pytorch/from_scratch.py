"""New models with random weights, made from a configuration."""

from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from llmcli.engines.pytorch.errors import first_line, last_line
from llmcli.engines.pytorch.loading import AUTO_CLASSES
from llmcli.errors import InputError
from llmcli.models.architectures import DESCRIPTIONS, Kind, kind_of
from llmcli.models.file_shapes import CONFIG
from llmcli.models.presets import PRESETS
from llmcli.system.metadata import Metadata

EXAMPLES: dict[Kind, str] = {
    "causal": "gpt2 or llama",
    "masked": "bert",
    "seq2seq": "marian",
    "classifier": "bert",
    "tagger": "bert",
    "reader": "bert",
}
"""A `model_type` for each kind of model that can be trained."""


def read_new_config(path: str, kind: Kind = "causal") -> dict[str, Any]:
    """Read a model configuration for training from scratch: a preset, or JSON with a `model_type`.

    Raises InputError if the file cannot be read, is not JSON, has keys that the model does not
    know, or describes a model that cannot be trained as `kind`.
    """
    is_preset = path in PRESETS and not Path(path).is_file()
    settings = dict(PRESETS[path]) if is_preset else _read_json(path)
    example = EXAMPLES[kind]
    if not isinstance(settings, dict) or "model_type" not in settings:
        raise InputError(f'{path} names no architecture: add "model_type": "{example}"')
    name = settings["model_type"]
    if not isinstance(name, str) or name not in CONFIG_MAPPING:
        raise InputError(f"{path}: transformers does not know the model_type {name!r}")
    default = AutoConfig.for_model(name)
    is_causal = kind_of({**settings, "architectures": None}) == "causal"
    if type(default) not in AUTO_CLASSES[kind]._model_mapping or (
        kind == "causal" and not is_causal
    ):
        raise InputError(f"{path}: {name} is not {DESCRIPTIONS[kind]}: use {example}")
    unknown = [key for key in settings if not hasattr(default, key)]
    if unknown:
        raise InputError(f"{path}: {name} has no setting {', '.join(map(repr, unknown))}")
    return settings


def _read_json(path: str) -> Any:
    if not Path(path).exists():
        presets = ", ".join(PRESETS)
        raise InputError(
            f"cannot read {path}: no such file; `from_scratch` takes a file, or one of {presets}"
        )
    return Metadata(Path(path)).json(CONFIG)


def plan_new(settings: dict[str, Any], kind: Kind = "causal") -> Any:
    """The full configuration that `new_model` would use; takes no memory for weights.

    Raises InputError if the settings do not fit together.
    """
    with torch.device("meta"):
        return new_model(settings, kind, seed=0).config


def new_model(settings: dict[str, Any], kind: Kind, seed: int) -> Any:
    """A torch module of a configuration, with random weights in float32.

    Raises InputError if the settings do not fit together.
    """
    torch.manual_seed(seed)
    try:
        config = AutoConfig.for_model(**settings)
        return AUTO_CLASSES[kind].from_config(config, dtype=torch.float32)
    except StrictDataclassError as error:
        reason = last_line(str(error))
    except (ValueError, TypeError, RuntimeError, AttributeError, ArithmeticError) as error:
        reason = first_line(str(error))
    raise InputError(f"no model can be made from this configuration: {reason}")
