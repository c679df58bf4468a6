"""Lists, describes, downloads, converts, removes and verifies the models on this machine."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from llmcli.data.results import Described
from llmcli.engines.ct2.converted_models import conversions, conversions_of, remove_conversion
from llmcli.engines.gguf import convert as convert_gguf
from llmcli.errors import LlmcliError, ModelUnsuitable, UsageError
from llmcli.models import hub
from llmcli.models.architectures import architectures, context_length, task_of
from llmcli.models.checkpoint import (
    Checkpoint,
    Origin,
    adapter_weights,
    check,
    read_adapters,
    read_config,
    starters,
    weight_files,
)
from llmcli.models.hub_errors import repo_of
from llmcli.models.unpacked import remove_unpacked, unpacked_files, unpacked_of
from llmcli.spec import ModelSpec
from llmcli.system.hashes import SUMS, expected_hash, hash_file, read_sums
from llmcli.system.metadata import Metadata, parse_yaml
from llmcli.system.shapes import Misshapen


@dataclass(frozen=True, slots=True)
class ModelEntry(Described):
    """A model on this machine."""

    name: str
    """A starter's name or a hub id."""
    origin: Literal["starter", "hub", "gguf", "ct2"]
    """starter: part of llmcli; hub: downloaded; gguf: a GGUF file, unpacked; ct2: a copy converted
    for that engine."""
    task: str
    """What it does, as the hub calls it: text-generation, fill-mask, ..."""
    bytes: int
    """Size on disk."""
    last_used: str | None
    """UTC, ISO 8601; of a conversion, when it was made; None for a starter."""
    dtype: str | None = None
    """Of an unpacked or converted copy, such as float32 or int8; else None."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file of a model's folder."""

    name: str
    """The file's name."""
    bytes: int
    """Its size."""


@dataclass(frozen=True, slots=True)
class ModelDetails(Described):
    """What the files of a model say about it."""

    name: str
    """The name that was given."""
    origin: Origin
    """Where it comes from."""
    folder: str
    """Where it is on this machine."""
    revision: str | None
    """The hub's commit; None for another origin."""
    architecture: str
    """The first class in its configuration, else the model type."""
    task: str
    """What it does, as the hub calls it: text-generation, fill-mask, ..."""
    parameters: int | None
    """Number of weights; None if they cannot be counted."""
    dtype: str | None
    """Of the stored weights."""
    context: int | None
    """Tokens that it takes at once; None if it sets no limit."""
    vocabulary: int | None
    """Number of tokens that it knows."""
    licence: str | None
    """As its model card says."""
    base: str | None
    """The model that LoRA adapters are for; None for a whole model."""
    files: tuple[ModelFile, ...]
    """The files of its folder."""


@dataclass(frozen=True, slots=True)
class FileCheck(Described):
    """Whether a file is as it was published."""

    file: str
    """The file's name."""
    state: str
    """ok, damaged, missing; unknown if no hash was published."""


def list_models() -> Iterator[ModelEntry]:
    """Yield the starters, the models in the hub cache (most recently used first), and copies.

    Copies are GGUF files that were unpacked, and conversions for the ct2 engine.
    """
    for name in starters():
        checkpoint = hub.resolve(ModelSpec(name))
        size = sum(file.bytes for file in _files(checkpoint))
        yield ModelEntry(name, "starter", task_of(read_config(checkpoint)), size, None)
    for repo in sorted(hub.cached_repos(), key=lambda repo: repo.last_accessed, reverse=True):
        used = datetime.fromtimestamp(repo.last_accessed, timezone.utc).isoformat("T", "seconds")
        yield ModelEntry(repo.repo_id, "hub", _cached_task(repo), repo.size_on_disk, used)
    for file in unpacked_files():
        task = task_of(read_config(Checkpoint(file.model_id, file.folder, "local")))
        yield ModelEntry(file.model_id, "gguf", task, file.bytes, file.date, file.dtype)
    for copy in conversions():
        yield ModelEntry(copy.model_id, "ct2", _TASKS[copy.kind], copy.bytes, copy.date, copy.dtype)


_TASKS = {"causal": "text-generation", "seq2seq": "text-to-text", "encoder": "feature-extraction"}


def _cached_task(repo: Any) -> str:
    """The task of a cached repository, from its first readable revision, else "unknown"."""
    for revision in repo.revisions:
        try:
            return task_of(read_config(Checkpoint(repo.repo_id, revision.snapshot_path, "hub")))
        except LlmcliError:
            continue
    return "unknown"


def show_model(model: ModelSpec) -> ModelDetails:
    """Describe a model from its files. Raises ModelNotFound, ModelUnsuitable."""
    checkpoint = hub.locate(model)
    if checkpoint.gguf_file is not None:
        return _show_gguf(checkpoint)
    adapters = read_adapters(checkpoint)
    if adapters is not None:
        checkpoint = hub.resolve(model)
    config = read_config(checkpoint)
    parameters, dtype = _parameters(checkpoint)
    return ModelDetails(
        name=checkpoint.model_id,
        origin=checkpoint.origin,
        folder=str(checkpoint.folder),
        revision=checkpoint.revision,
        architecture=(architectures(config) or [str(config["model_type"])])[0],
        task=task_of(config),
        parameters=parameters,
        dtype=dtype,
        context=context_length(config),
        vocabulary=config.get("vocab_size"),
        licence=_licence(checkpoint.folder),
        base=None if adapters is None else str(adapters["base_model_name_or_path"]),
        files=_files(checkpoint),
    )


def _show_gguf(checkpoint: Checkpoint) -> ModelDetails:
    from llmcli.models.gguf import read_metadata

    metadata = read_metadata(checkpoint)
    return ModelDetails(
        name=checkpoint.model_id,
        origin=checkpoint.origin,
        folder=str(checkpoint.folder),
        revision=checkpoint.revision,
        architecture=metadata.architecture,
        task="text-generation",
        parameters=metadata.parameters,
        dtype=metadata.dtype,
        context=metadata.context,
        vocabulary=metadata.vocabulary,
        licence=metadata.licence,
        base=None,
        files=_files(checkpoint),
    )


def _parameters(checkpoint: Checkpoint) -> tuple[int | None, str | None]:
    """Number of weights and their dtype, from the headers of the weight files; None if unknown."""
    from safetensors import safe_open

    total, dtypes = 0, set()
    try:
        check(checkpoint)
        paths = [adapter_weights(checkpoint)] if checkpoint.base else weight_files(checkpoint)
    except LlmcliError:
        return None, None
    for path in paths:
        with safe_open(path, framework="numpy") as file:
            for key in file.keys():  # noqa: SIM118  the handle is not a mapping
                tensor = file.get_slice(key)
                size = 1
                for length in tensor.get_shape():
                    size *= length
                total += size
                dtypes.add(tensor.get_dtype())
    return total, ", ".join(sorted(dtypes))


def _licence(folder: Path) -> str | None:
    """The licence in the YAML header of the model card, if any."""
    card = Metadata(folder / "README.md", ModelUnsuitable)
    try:
        parts = card.text().split("---", 2)
        if len(parts) < 3 or parts[0].strip():
            return None
        header = parse_yaml(parts[1])
    except (ModelUnsuitable, Misshapen):  # no card, or one that only people can read
        return None
    licence = header.get("license") if isinstance(header, dict) else None
    return None if licence is None else str(licence)


def _files(checkpoint: Checkpoint) -> tuple[ModelFile, ...]:
    """The files of a model, without subfolders such as training checkpoints."""
    paths = [checkpoint.path] if checkpoint.gguf_file else sorted(checkpoint.folder.iterdir())
    return tuple(ModelFile(path.name, path.stat().st_size) for path in paths if path.is_file())


def pull_model(model: ModelSpec) -> Path:
    """Download or update a model from the hub; return its folder or file.

    Raises UsageError for a starter or a local model, ModelNotFound if the hub does not have the
    model or cannot be reached.
    """
    if hub.resolve_local(model) is not None:
        raise UsageError(f"{model.model_id} is on this machine already: there is nothing to pull")
    return hub.pull_any(model).path


def model_path(model: ModelSpec) -> Path:
    """The folder or GGUF file of a model. Raises ModelNotFound."""
    return hub.locate(model).path


def convert_model(model: ModelSpec, folder: Path) -> None:
    """Convert a model with pickled weights, or in a GGUF file, to safetensors, in a new folder.

    Raises UsageError for a folder that is not empty, ModelNotFound, ModelUnsuitable.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty: give a new folder")
    checkpoint = hub.locate(model)
    if checkpoint.gguf_file is not None:
        convert_gguf(checkpoint, folder)
        return
    from llmcli.engines.pytorch.saving import convert_pickle

    convert_pickle(model, folder)


def removable(model_id: str) -> int:
    """Bytes that `remove_model` would free.

    Raises UsageError for a starter without copies, ModelNotFound if the model is neither in the hub
    cache nor in the cache of copies.
    """
    size = sum(conversion.bytes for conversion in conversions_of(model_id))
    size += sum(file.bytes for file in unpacked_of(model_id))
    if model_id in starters():
        if not size:
            raise UsageError(f"{model_id} comes with the package and cannot be removed by itself")
        return size
    if size and not _is_in_hub_cache(model_id):
        return size
    return size + int(hub.cached_repo(model_id).size_on_disk)


def remove_model(model_id: str) -> int:
    """Delete all revisions of a model from the hub cache, and its copies.

    Of a starter or a local model, only the copies are deleted. Returns the bytes freed.
    Raises the errors of `removable`, and InputError if a copy cannot be deleted.
    """
    size = removable(model_id)
    for conversion in conversions_of(model_id):
        remove_conversion(conversion)
    for file in unpacked_of(model_id):
        remove_unpacked(file)
    if _is_in_hub_cache(model_id):
        hub.remove(model_id)
    return size


def _is_in_hub_cache(model_id: str) -> bool:
    return any(repo.repo_id == model_id for repo in hub.cached_repos())


def verify_model(model: ModelSpec) -> list[FileCheck]:
    """Compare each file of a model with its published hash, without using the network.

    Raises ModelNotFound, and ModelUnsuitable for a local folder without hashes that is not a
    complete model.
    """
    checkpoint = hub.locate(model)
    sums = read_sums(checkpoint.folder, ModelUnsuitable)
    if not sums and checkpoint.origin == "local":
        check(hub.resolve(model))  # there are no hashes: check at least that it can be loaded
    results = []
    for file in _files(checkpoint):
        if file.name == SUMS:
            continue
        path = checkpoint.folder / file.name
        expected = sums.get(file.name) or expected_hash(path)
        state = "unknown"
        if expected is not None:
            state = "ok" if hash_file(path, expected) == expected else "damaged"
        results.append(FileCheck(file.name, state))
    missing = [name for name in sums if not (checkpoint.folder / name).is_file()]
    return results + [FileCheck(name, "missing") for name in missing]


def damaged(checks: list[FileCheck], name: str) -> ModelUnsuitable | None:
    """The error for a model that has damaged or missing files; None if it has none."""
    files = [result.file for result in checks if result.state in ("damaged", "missing")]
    if not files:
        return None
    return ModelUnsuitable(
        f"{name} is damaged: {', '.join(files)}; remove it with llmcli models rm {repo_of(name)}, "
        "then pull it again"
    )
