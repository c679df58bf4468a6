"""Checkpoint folders: their files, and what is wrong with them, without torch."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from llmcli.errors import ModelNotFound, ModelUnsuitable

Origin = Literal["starter", "local", "hub"]

STARTERS = Path(__file__).parent.parent / "starter"
INDEX = "model.safetensors.index.json"
ADAPTERS = "adapter_config.json"
PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model on disk."""

    model_id: str
    """What the user typed."""
    folder: Path
    origin: Origin
    revision: str | None = None
    """The commit on the hub."""
    gguf_file: str | None = None
    """The file in `folder` that holds the model, if it is a GGUF file."""
    modules: Path | None = None
    """The folder with modules.json, if `folder` lies in it; None: they are the same."""
    base: "Checkpoint | None" = None
    """The model that the adapters in `folder` are for; None: `folder` holds a whole model."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """What adapters without a config.json change in the settings of `base`."""

    @property
    def root(self) -> Path:
        """The folder that holds all files of the model."""
        return self.modules or self.folder

    @property
    def path(self) -> Path:
        """The folder, or the GGUF file in it."""
        return self.folder / self.gguf_file if self.gguf_file else self.folder


def lowest(checkpoint: Checkpoint) -> Checkpoint:
    """The whole model below adapters, which may be for other adapters; else the checkpoint."""
    return checkpoint if checkpoint.base is None else lowest(checkpoint.base)


def starters() -> list[str]:
    """Names of the models that come with the package, sorted."""
    return sorted(path.parent.name for path in STARTERS.glob("*/config.json"))


def check(checkpoint: Checkpoint) -> None:
    """Check that a checkpoint can be loaded, before anything heavy is imported.

    Raises ModelNotFound for missing files (an incomplete download, Git LFS pointers),
    ModelUnsuitable for a folder that is not a model, is damaged, or has pickled weights.
    """
    if checkpoint.gguf_file is not None:
        check_gguf(checkpoint)
        return
    read_config(checkpoint)
    if checkpoint.base is not None:
        check(checkpoint.base)
        check_safetensors(checkpoint, adapter_weights(checkpoint))
        return
    weights = weight_files(checkpoint)
    for path in weights:
        check_safetensors(checkpoint, path)


def read_config(checkpoint: Checkpoint) -> dict[str, Any]:
    """The contents of config.json. Raises ModelUnsuitable if it is missing or not JSON.

    Of adapters without one: that of their base, with what they change.
    """
    path = checkpoint.folder / "config.json"
    if checkpoint.base is not None and not path.is_file():
        return {**read_config(checkpoint.base), **checkpoint.changes}
    if not path.is_file():
        raise ModelUnsuitable(
            f"{checkpoint.model_id} is not a model: {checkpoint.folder} has no config.json"
        )
    config = read_json(checkpoint, path)
    if "model_type" not in config:
        raise ModelUnsuitable(f"{path} names no model_type: it is not a transformers configuration")
    return config


def read_adapters(checkpoint: Checkpoint) -> dict[str, Any] | None:
    """The contents of adapter_config.json; None if the folder holds a whole model.

    Raises ModelUnsuitable if it does not name the model that the adapters are for.
    """
    path = checkpoint.folder / ADAPTERS
    if checkpoint.gguf_file is not None or not path.is_file():
        return None
    if any((checkpoint.folder / name).is_file() for name in ("model.safetensors", INDEX)):
        return None
    settings = read_json(checkpoint, path)
    if not isinstance(settings.get("base_model_name_or_path"), str):
        raise ModelUnsuitable(f"{path} does not name the model that the adapters are for")
    return settings


def adapter_weights(checkpoint: Checkpoint) -> Path:
    """The file with the weights of adapters.

    Raises ModelNotFound if it is missing, ModelUnsuitable if they are pickled.
    """
    path = checkpoint.folder / "adapter_model.safetensors"
    if path.is_file():
        return path
    if path.with_suffix(".bin").is_file():
        raise pickle_refused(checkpoint.model_id, "adapter_model.bin")
    raise ModelNotFound(f"{checkpoint.model_id} has no adapter_model.safetensors")


def read_json(checkpoint: Checkpoint, path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises ModelUnsuitable if it is not one."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise ModelUnsuitable(f"{path} is damaged: {error}; {_replace(checkpoint)}") from None
    if not isinstance(value, dict):
        raise ModelUnsuitable(f"{path} is damaged: not a JSON object; {_replace(checkpoint)}")
    return value


def weight_files(checkpoint: Checkpoint) -> list[Path]:
    """The safetensors files of a checkpoint.

    Raises ModelNotFound if some are missing, ModelUnsuitable if the weights are pickled.
    """
    folder = checkpoint.folder
    single = folder / "model.safetensors"
    if single.is_file():
        return [single]
    index = folder / INDEX
    if index.is_file():
        files = read_json(checkpoint, index).get("weight_map")
        if not isinstance(files, dict) or not all(isinstance(name, str) for name in files.values()):
            raise ModelUnsuitable(f"{index} is damaged: no weight_map; {_replace(checkpoint)}")
        shards = sorted(set(files.values()))
        missing = [name for name in shards if not (folder / name).is_file()]
        if missing or not shards:
            lost = ", ".join(missing) or "every weight file"
            raise ModelNotFound(
                f"{checkpoint.model_id} is incomplete: {lost} is missing; {_complete(checkpoint)}"
            )
        return [folder / name for name in shards]
    pickles = [path.name for pattern in PICKLES for path in folder.glob(pattern)]
    if pickles:
        raise pickle_refused(checkpoint.model_id, pickles[0])
    raise ModelNotFound(
        f"{checkpoint.model_id} has no weights: {folder} holds no model.safetensors; "
        f"{_complete(checkpoint)}"
    )


def pickle_refused(model_id: str, name: str) -> ModelUnsuitable:
    """The error for a file of pickled weights, which could run code when they are read."""
    is_convertible = bool(re.fullmatch(r"(?:.*/)?pytorch_model[^/]*\.bin", name))
    command = f"convert it with: llmcli models convert {model_id} FOLDER"
    return ModelUnsuitable(
        f"{model_id} has its weights in {name}, a pickle, which can run any code when it is read; "
        + (command if is_convertible else "ask its author for safetensors")
    )


VOCABULARIES = ("tokenizer.json", "vocab.*", "*.model", "*.spm", "*.tiktoken", "tekken.json")
NEED_NONE = ("ByT5Tokenizer", "CanineTokenizer", "PerceiverTokenizer")  # bytes, characters


def with_vocabulary(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint whose folder has the tokenizer: the base of adapters that have none."""
    if checkpoint.base is None or _has_vocabulary(checkpoint.folder):
        return checkpoint
    return with_vocabulary(checkpoint.base)


def _has_vocabulary(folder: Path) -> bool:
    return any(any(folder.glob(pattern)) for pattern in VOCABULARIES)


def check_tokenizer(checkpoint: Checkpoint) -> None:
    """Raise ModelUnsuitable if there is no vocabulary: transformers would use an empty one."""
    if _has_vocabulary(checkpoint.folder):
        return
    settings = checkpoint.folder / "tokenizer_config.json"
    if settings.is_file():
        name = str(read_json(checkpoint, settings).get("tokenizer_class"))
        if name.removesuffix("Fast") in NEED_NONE:
            return
    raise ModelUnsuitable(
        f"{checkpoint.model_id} has no tokenizer: {checkpoint.folder} holds no tokenizer.json"
    )


def check_gguf(checkpoint: Checkpoint) -> None:
    """Raise ModelUnsuitable if a GGUF file does not begin like one."""
    if _beginning(checkpoint.path, 4) != b"GGUF":
        raise ModelUnsuitable(f"{checkpoint.path} is not a GGUF file: it does not begin with GGUF")


def _beginning(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise ModelUnsuitable(f"cannot read {path}: {error.strerror}") from None


def check_safetensors(checkpoint: Checkpoint, path: Path) -> None:
    """Raise ModelUnsuitable for a damaged file of weights, ModelNotFound for a pointer to one."""
    from safetensors import SafetensorError, safe_open

    if _beginning(path, 18) == b"version https://gi":
        raise ModelNotFound(
            f"{path} is a Git LFS pointer, not the weights: run git lfs pull in {path.parent}"
        )
    try:
        with safe_open(path, framework="numpy"):  # reads the header, compares it with the size
            pass
    except SafetensorError as error:
        raise ModelUnsuitable(f"{path} is damaged: {error}; {_replace(checkpoint)}") from None


def _complete(checkpoint: Checkpoint) -> str:
    if checkpoint.origin == "hub":
        return f"download it again: llmcli models pull {checkpoint.model_id}"
    return "copy it again"


def _replace(checkpoint: Checkpoint) -> str:
    """What to do about a damaged file, which a pull alone would not replace."""
    if checkpoint.origin == "hub":
        name = checkpoint.model_id
        return f"remove it with llmcli models rm {name}, then llmcli models pull {name}"
    return "copy it again"
