"""Finding a checkpoint: starter, path or hub model. The only file that talks to the hub."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmcli.errors import LlmcliError, ModelNotFound, ModelUnsuitable, UsageError, listed
from llmcli.models import unpacked
from llmcli.models.adapters import base_name, with_head
from llmcli.models.checkpoint import (
    STARTERS,
    Checkpoint,
    adapter_weights,
    check_tokenizer,
    pickle_refused,
    read_adapters,
    require_files,
    starters,
    weight_files,
)
from llmcli.models.hub_errors import cache_dir, hub_errors_explained, not_here, repo_of
from llmcli.models.modules import located
from llmcli.models.progress_bar import progress_bar
from llmcli.models.suggestions import did_you_mean, nearest_starter
from llmcli.spec import ModelSpec
from llmcli.system.hashes import known_hash

WANTED = ["*.json", "*.safetensors", "*.model", "*.spm", "*.txt", "*.jinja", "*.tiktoken", "*.md"]
# Folders with other formats, but not 1_Pooling of sentence-transformers; second copies.
UNWANTED = ["[!0-9]*/*", "consolidated*"]
CODE = "*.py"  # only with trust_remote_code
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
HUB_GGUF = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+/.+\.gguf")


def resolve(model: ModelSpec) -> Checkpoint:
    """Find the checkpoint that `model.model_id` names, and download it if necessary.

    A starter's name comes first, then a path, then the hub; a complete model in the cache is used
    without a request to the hub. Of adapters, the model that they are for is found too. A GGUF
    file that was unpacked into the cache is found there. Raises ModelNotFound.
    """
    return _with_base(locate(model), model)


def _with_base(checkpoint: Checkpoint, model: ModelSpec, seen: tuple[Path, ...] = ()) -> Checkpoint:
    """Add to a checkpoint of adapters the model that they are for. seen: adapters on the way."""
    checkpoint = unpacked.as_folder(checkpoint)
    if checkpoint.gguf_file is None:
        require_files(checkpoint)
    settings = read_adapters(checkpoint)
    if settings is None:
        return checkpoint
    name, revision = base_name(settings, checkpoint.folder)
    folder = checkpoint.folder.resolve()
    if folder in seen:
        raise ModelUnsuitable(f"{checkpoint.model_id} holds adapters that are for themselves")
    try:
        base = locate(replace(model, model_id=name, revision=revision))
        base = _with_base(base, model, (*seen, folder))
    except (ModelNotFound, UsageError) as error:
        raise ModelNotFound(f"{checkpoint.model_id} holds adapters for {name}: {error}") from None
    return with_head(replace(checkpoint, base=base), settings)


def locate(model: ModelSpec) -> Checkpoint:
    """Find a checkpoint as `resolve` does, but of adapters no base."""
    local = resolve_local(model)
    if local is not None:
        return local
    model_id = model.model_id
    if HUB_GGUF.fullmatch(model_id):
        return _hub_gguf(model)
    if not HUB_ID.fullmatch(model_id):
        raise ModelNotFound(
            f"no model {model_id!r}: no such file or folder, and not a valid hub id"
            + did_you_mean(model_id)
        )
    return _from_hub(model)


def resolve_local(model: ModelSpec) -> Checkpoint | None:
    """Find a starter or a path; None if `model.model_id` can only be a hub model."""
    model_id = model.model_id
    checkpoint = None
    if model_id in starters():
        checkpoint = Checkpoint(model_id, STARTERS / model_id, "starter")
    elif model_id:
        checkpoint = _on_disk(model_id)
    if checkpoint is not None and model.revision is not None:
        raise UsageError(f"--revision is for models on the hub; {model_id} is on this machine")
    return checkpoint


def _on_disk(model_id: str) -> Checkpoint | None:
    try:
        path = Path(model_id).expanduser()
        if path.is_file():
            return _file(model_id, path)
        if path.is_dir():
            return _folder(model_id, path)
    except (OSError, RuntimeError) as error:  # too long a name, no permission, no such ~user
        reason = getattr(error, "strerror", None) or error
        raise ModelNotFound(f"cannot look for {model_id[:80]!r}: {reason}") from None
    return None


def _file(model_id: str, path: Path) -> Checkpoint:
    if path.suffix != ".gguf":
        raise ModelUnsuitable(f"{path} is a file: give its folder, or a .gguf file")
    return Checkpoint(model_id, path.parent, "local", gguf_file=path.name)


def _folder(model_id: str, path: Path) -> Checkpoint:
    if not (path / "config.json").exists():
        files = sorted(path.glob("*.gguf"))
        if len(files) > 1:
            names = listed(file.name for file in files)
            raise ModelNotFound(f"{path} holds several GGUF files: choose one of {names}")
        if files:
            return Checkpoint(model_id, path, "local", gguf_file=files[0].name)
    return located(Checkpoint(model_id, path, "local"))


def fingerprint(checkpoint: Checkpoint) -> str:
    """What identifies a model: the hub's commit, else a hash of its files; and those of a base."""
    own = _own_fingerprint(checkpoint)
    return own if checkpoint.base is None else f"{own} {fingerprint(checkpoint.base)}"


def _own_fingerprint(checkpoint: Checkpoint) -> str:
    if checkpoint.revision is not None:
        return checkpoint.revision
    if checkpoint.gguf_file is not None or checkpoint.unpacked_from is not None:
        return known_hash(checkpoint.path)
    paths = {path for pattern in WANTED for path in checkpoint.root.glob(pattern)}
    paths |= set(checkpoint.root.glob("[0-9]*_*/*"))
    hashes = [f"{path.name} {known_hash(path)}" for path in sorted(paths) if path.suffix != ".md"]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def is_offline(model: ModelSpec) -> bool:
    """True if the setting `offline` or HF_HUB_OFFLINE forbids the network."""
    from huggingface_hub import constants

    return model.offline or constants.is_offline_mode()


def _from_hub(model: ModelSpec) -> Checkpoint:
    cached = cached_checkpoint(model)
    if cached is not None:
        return cached
    _refuse_typo(model.model_id)
    if is_offline(model):
        raise not_here(model)
    return pull(model)


def _refuse_typo(model_id: str) -> None:
    """Raise ModelNotFound for the name of a starter with a mistake; the Hub need not be asked."""
    near = nearest_starter(model_id)
    if near is not None:
        raise ModelNotFound(f"no model {model_id!r}; did you mean {near}?")


def cached_checkpoint(model: ModelSpec) -> Checkpoint | None:
    """A hub model in the cache; None if it is not there, or not complete."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        selection = _selection(model)
        selection["ignore_patterns"] = [*UNWANTED, "*.md"]  # not needed to run it
        folder = Path(snapshot_download(local_files_only=True, **selection))
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    checkpoint = Checkpoint(model.model_id, folder, "hub", revision=folder.name)
    try:
        checkpoint = located(checkpoint)
        if read_adapters(checkpoint) is not None:  # the rest of it is with its base
            return checkpoint if adapter_weights(checkpoint) else None
        weight_files(checkpoint)
        check_tokenizer(checkpoint)
    except LlmcliError:
        return None
    return checkpoint if (checkpoint.folder / "config.json").is_file() else None


def pull(model: ModelSpec) -> Checkpoint:
    """Download a model into the cache, or those files of it that are new.

    Raises ModelNotFound if it does not exist or cannot be downloaded, ModelUnsuitable if its
    weights are pickled.
    """
    from huggingface_hub import snapshot_download

    with hub_errors_explained(model):
        folder = Path(snapshot_download(**_selection(model)))
        checkpoint = Checkpoint(model.model_id, folder, "hub", revision=folder.name)
        checkpoint = located(checkpoint)
        if not any(checkpoint.folder.glob("*.safetensors")):
            _explain_no_safetensors(model, folder.name)
    return checkpoint


def pull_any(model: ModelSpec) -> Checkpoint:
    """Download a model, or one GGUF file (owner/name/file.gguf), as `pull` does."""
    if is_offline(model):
        raise ModelNotFound(
            f"HF_HUB_OFFLINE forbids the network: unset it to pull {model.model_id}"
        )
    if HUB_GGUF.fullmatch(model.model_id):
        return _pull_gguf(model)
    if not HUB_ID.fullmatch(model.model_id):
        more = "; ollama's names are not the Hub's" if ":" in model.model_id else ""
        raise ModelNotFound(
            f"{model.model_id!r} is not a valid hub id, which is owner/name{more}"
            + did_you_mean(model.model_id)
        )
    _refuse_typo(model.model_id)
    return pull(model)


def _explain_no_safetensors(model: ModelSpec, commit: str) -> None:
    from huggingface_hub import HfApi

    names = HfApi().list_repo_files(model.model_id, revision=commit)
    gguf = [name for name in names if name.endswith(".gguf")]
    if gguf:
        raise ModelNotFound(f"{model.model_id} holds GGUF files: use {model.model_id}/{gguf[0]}")
    pickles = [name for name in names if name.endswith((".bin", ".pt", ".pth"))]
    if pickles:
        raise pickle_refused(model.model_id, pickles[0])
    raise ModelUnsuitable(f"{model.model_id} holds no safetensors weights: it cannot be run")


def pull_pickle(model: ModelSpec) -> Checkpoint:
    """Download a model with its pickled weights, to convert them."""
    from huggingface_hub import snapshot_download

    selection = _selection(model)
    pickles = ["pytorch_model*.bin", "*/pytorch_model.bin"]
    selection["allow_patterns"] = [*selection["allow_patterns"], *pickles]
    with hub_errors_explained(model):
        folder = Path(snapshot_download(local_files_only=is_offline(model), **selection))
    return located(Checkpoint(model.model_id, folder, "hub", revision=folder.name))


def cached_repos() -> list[Any]:
    """The models in the cache, as objects of huggingface_hub. Raises ModelNotFound."""
    from huggingface_hub import CacheNotFound, scan_cache_dir

    try:
        cache = scan_cache_dir()
    except CacheNotFound:
        return []
    except ValueError:
        raise ModelNotFound(f"the cache {cache_dir()} is a file: set HF_HOME") from None
    return [repo for repo in cache.repos if repo.repo_type == "model"]


def cached_repo(model_id: str) -> Any:
    """A model in the cache, as an object of huggingface_hub. Raises ModelNotFound."""
    for repo in cached_repos():
        if repo.repo_id == model_id:
            return repo
    raise ModelNotFound(
        f"{model_id} is not in the cache; llmcli models list shows what is{did_you_mean(model_id)}"
    )


def remove(model_id: str) -> int:
    """Delete all revisions of a model from the cache; return the number of bytes freed.

    Raises ModelNotFound if the cache does not have it.
    """
    from huggingface_hub import scan_cache_dir

    hashes = [revision.commit_hash for revision in cached_repo(model_id).revisions]
    strategy = scan_cache_dir().delete_revisions(*hashes)
    strategy.execute()
    return int(strategy.expected_freed_size)


def _hub_gguf(model: ModelSpec) -> Checkpoint:
    from huggingface_hub import try_to_load_from_cache

    repo, file = _repo_and_file(model)
    with hub_errors_explained(model):
        # hf_hub_download opens a socket even with local_files_only: for its user agent
        path = try_to_load_from_cache(repo, file, revision=model.revision)
    if isinstance(path, str):
        return _gguf(model, path)
    if is_offline(model):
        raise not_here(model)
    return _pull_gguf(model)


def _pull_gguf(model: ModelSpec) -> Checkpoint:
    from huggingface_hub import hf_hub_download

    repo, file = _repo_and_file(model)
    with hub_errors_explained(model):
        path = hf_hub_download(repo, file, revision=model.revision, tqdm_class=progress_bar())
        return _gguf(model, path)


def _gguf(model: ModelSpec, file: str) -> Checkpoint:
    path = Path(file)
    return Checkpoint(model.model_id, path.parent, "hub", gguf_file=path.name)


def _repo_and_file(model: ModelSpec) -> tuple[str, str]:
    """Split what HUB_GGUF matches: owner/name/folder/file.gguf."""
    repo = repo_of(model.model_id)
    return repo, model.model_id[len(repo) + 1 :]


def _selection(model: ModelSpec) -> dict[str, Any]:
    return {
        "repo_id": model.model_id,
        "revision": model.revision,
        "allow_patterns": [*WANTED, CODE] if model.trust_remote_code else WANTED,
        "ignore_patterns": UNWANTED,
        "tqdm_class": progress_bar(),
    }
