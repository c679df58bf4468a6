"""The modules of an embedding checkpoint, in the format of sentence-transformers.

modules.json lists them in their order: the class of each, and the folder with its settings.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from llmcli.errors import ModelUnsuitable
from llmcli.models.checkpoint import Checkpoint
from llmcli.models.file_shapes import MODULES
from llmcli.system.metadata import Metadata

LIBRARY = "sentence_transformers."
SETTINGS = ("config_sentence_transformers.json", "sentence_*_config.json")
KEPT = (".json", ".safetensors")


@dataclass(frozen=True, slots=True)
class Module:
    """One entry of modules.json."""

    kind: str
    """Its class: of sentence-transformers by its name alone, another one with its module."""
    folder: Path
    """Where its settings and weights are."""


def read_modules(root: Path) -> list[Module]:
    """The modules of a checkpoint in their order; empty without a modules.json.

    Raises ModelUnsuitable for a damaged file, or a folder outside of `root`.
    """
    path = root / "modules.json"
    if not path.is_file():
        return []
    file = Metadata(path, ModelUnsuitable, "copy it again")
    entries = file.json(MODULES)
    for at, entry in enumerate(entries):
        if not _is_inside(root, entry["path"]):
            name = f"{entry['path']!r:.80}"
            raise file.about(f"`[{at}].path` names a folder outside of the model: {name}")
    return [Module(_kind(entry["type"]), root / entry["path"]) for entry in entries]


def _is_inside(root: Path, name: str) -> bool:
    try:
        return (root / name).resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError):  # too long a name, a loop of links, a NUL
        return False


def _kind(name: str) -> str:
    return name.rpartition(".")[2] if name.startswith(LIBRARY) else name


def located(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with the folder of its transformer, such as 0_Transformer.

    Raises ModelUnsuitable where the first module is no transformer, and nothing else is there.
    """
    root = checkpoint.folder
    if (root / "config.json").exists():
        return checkpoint
    modules = read_modules(root)
    if not modules:
        return checkpoint
    if modules[0].kind != "Transformer":
        raise module_refused(checkpoint, modules[0].kind)
    if not (modules[0].folder / "config.json").is_file():
        return checkpoint
    return replace(checkpoint, folder=modules[0].folder, modules=root)


def module_refused(checkpoint: Checkpoint, kind: str) -> ModelUnsuitable:
    """The error for a module that is not supported."""
    return ModelUnsuitable(
        f"{checkpoint.model_id} needs a module that is unknown here: {kind}; Transformer, Pooling, "
        "Dense, LayerNorm, Dropout and Normalize are supported"
    )


def setting_refused(checkpoint: Checkpoint, what: str) -> ModelUnsuitable:
    """The error for something that a module asks for and that is not supported."""
    return ModelUnsuitable(f"{checkpoint.model_id} needs {what}, which is unknown here")


def copy_modules(checkpoint: Checkpoint, target: Path) -> Iterator[Path]:
    """Copy the modules of a checkpoint beside its transformer, which is in `target` already.

    Yields the files with pickled weights in place of copying them.
    """
    modules = read_modules(checkpoint.root)
    if not modules:
        return
    entries = Metadata(checkpoint.root / "modules.json", ModelUnsuitable).json(MODULES)
    entries[0]["path"] = ""
    (target / "modules.json").write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
    for folder in dict.fromkeys((checkpoint.root, checkpoint.folder)):
        for pattern in SETTINGS:
            for path in folder.glob(pattern):
                shutil.copy(path, target / path.name)
    for module in modules[1:]:
        for path in sorted(module.folder.glob("*")):
            aside = target / path.relative_to(checkpoint.root)
            if path.suffix == ".bin":
                yield path
            elif path.suffix in KEPT:
                aside.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, aside)
