"""Checkpoint folders: their files, and what is wrong with them, without torch."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from llmcli.errors import ModelNotFound, ModelUnsuitable
from llmcli.models.file_shapes import shape_of
from llmcli.system.metadata import SETTINGS, VOCABULARY, Metadata, kind_of_file
from llmcli.system.shapes import Shape

Origin = Literal["starter", "local", "hub"]

STARTERS = Path(__file__).parent.parent / "starter"
INDEX = "model.safetensors.index.json"
ADAPTERS = "adapter_config.json"
READ = (".json", ".safetensors", ".txt", ".model", ".spm", ".jinja", ".tiktoken")
"""Endings of the files that are read in a model's folder."""
LONG = ("vocab.json", INDEX)
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
    unpacked_from: Path | None = None
    """The GGUF file whose contents `folder`, in the cache, holds."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """What adapters without a config.json change in the settings of `base`."""

    @property
    def root(self) -> Path:
        """The folder that holds all files of the model."""
        return self.modules or self.folder

    @property
    def path(self) -> Path:
        """The folder, or the GGUF file in it or whose contents it holds."""
        if self.unpacked_from is not None:
            return self.unpacked_from
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
    if not config.get("model_type"):
        raise ModelUnsuitable(f"{path} names no model_type: it is not a transformers configuration")
    _require_labels(checkpoint, path, config)
    return config


def _require_labels(checkpoint: Checkpoint, path: Path, config: dict[str, Any]) -> None:
    """Raise ModelUnsuitable if a classifier has no name for one of its labels."""
    names = config.get("id2label")
    is_classifier = any("Classification" in name for name in config.get("architectures") or [])
    if names is None or not is_classifier:
        return
    ids = {int(at) for at in names}
    missing = next((at for at in range(len(names)) if at not in ids), 0 if not names else None)
    if missing is not None:
        fault = f"`id2label` has no name for the label {missing}"
        raise metadata(checkpoint, path).about(fault)


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
    if not settings.get("base_model_name_or_path"):
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


def metadata(checkpoint: Checkpoint, path: Path) -> Metadata:
    """A file of settings in a checkpoint's folder; what is wrong with it is a ModelUnsuitable."""
    limit = VOCABULARY if path.name in LONG else SETTINGS
    return Metadata(path, ModelUnsuitable, _replace(checkpoint), limit)


def read_json(checkpoint: Checkpoint, path: Path, shape: Shape | None = None) -> dict[str, Any]:
    """The JSON object in a file. Raises ModelUnsuitable if it is not one of this shape.

    shape: None: that of files with this name in the main folder of a model.
    """
    value: dict[str, Any] = metadata(checkpoint, path).json(shape or shape_of(path.name))
    return value


def check_settings(checkpoint: Checkpoint, names: Iterable[str]) -> None:
    """Raise ModelUnsuitable for a damaged file of settings; those that are missing are no fault."""
    for name in names:
        if checkpoint.gguf_file is None and (checkpoint.folder / name).is_file():
            read_json(checkpoint, checkpoint.folder / name)


TOKENIZER_FILES = (
    *("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json"),
)


def require_files(checkpoint: Checkpoint) -> None:
    """Raise ModelUnsuitable if a name of a file in the folder belongs to something else.

    A named pipe would never end, and transformers takes a file that is a directory, or a link to
    nothing, for one that is not there.
    """
    for folder in dict.fromkeys((checkpoint.root, checkpoint.folder)):
        for path in (folder / name for name in sorted(os.listdir(folder)) if name.endswith(READ)):
            try:
                kind = kind_of_file(path.stat().st_mode)
            except OSError as error:
                raise ModelUnsuitable(
                    f"cannot read {path}: {error.strerror}; {_complete(checkpoint)}"
                ) from None
            if kind is not None:
                raise metadata(checkpoint, path).fault(f"is {kind}, a file was expected")


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
        shards = sorted(set(read_json(checkpoint, index)["weight_map"].values()))
        outside = [name for name in shards if not name.endswith(".safetensors") or _leaves(name)]
        if outside:
            fault = f"`weight_map` names {outside[0]!r:.80}, which is no safetensors file beside it"
            raise metadata(checkpoint, index).about(fault)
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


def _leaves(name: str) -> bool:
    """True for a path that is not the plain name of a file."""
    return Path(name).name != name or "\\" in name or "\0" in name


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
    if checkpoint.unpacked_from is not None:
        return _replace(checkpoint)
    if checkpoint.origin == "hub":
        return f"download it again: llmcli models pull {checkpoint.model_id}"
    return "copy it again"


def _replace(checkpoint: Checkpoint) -> str:
    """What to do about a damaged file, which a pull alone would not replace."""
    if checkpoint.unpacked_from is not None:
        return f"remove it with llmcli models rm {checkpoint.model_id}: it is unpacked again"
    if checkpoint.origin == "hub":
        name = checkpoint.model_id
        return f"remove it with llmcli models rm {name}, then llmcli models pull {name}"
    return "copy it again"
