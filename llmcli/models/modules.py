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
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        modules = [Module(_kind(entry["type"]), root / entry["path"]) for entry in entries]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelUnsuitable(f"{path} is damaged: {error!r}") from None
    for module in modules:
        if not module.folder.resolve().is_relative_to(root.resolve()):
            raise ModelUnsuitable(f"{path} names a folder outside of the model: {module.folder}")
    return modules


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


def copy_modules(checkpoint: Checkpoint, target: Path) -> Iterator[Path]:
    """Copy the modules of a checkpoint beside its transformer, which is in `target` already.

    Yields the files with pickled weights in place of copying them.
    """
    modules = read_modules(checkpoint.root)
    if not modules:
        return
    entries = json.loads((checkpoint.root / "modules.json").read_text(encoding="utf-8"))
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
