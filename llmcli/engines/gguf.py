"""Unpacking a GGUF file into the cache, once, so that every engine loads it like any model."""

import os
import shutil
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from llmcli.errors import DiskFull, InputError, LlmcliError
from llmcli.models import hub
from llmcli.models.checkpoint import ADAPTERS, Checkpoint, lowest
from llmcli.models.gguf import checked_header
from llmcli.models.gguf_header import read_header
from llmcli.models.sound_weights import FINITE
from llmcli.models.starters import Note, ignore
from llmcli.models.unpacked import CACHE, content_of, folder_of, transformers_version
from llmcli.spec import ModelSpec
from llmcli.system import own_files
from llmcli.system.cache import remember, state_of
from llmcli.system.resource_errors import write_error

LARGE = 4 << 30  # bytes of floats that are written into the cache only on request
SLOWLY = "its GGUF file is read at each start instead, which takes longer"


def unpack(model: ModelSpec, note: Note = ignore, *, is_asked: bool = False) -> None:
    """Unpack the GGUF file of a model, or of the base of its adapters, unless the cache has it.

    `hub.resolve` finds the unpacked folder from then on. note: receives a line before, and one if
    it cannot be. is_asked: a large file is unpacked, too. Raises ModelNotFound; ModelUnsuitable for
    a damaged file, for an architecture that transformers does not know, and without gguf.
    """
    checkpoint = _packed(model)
    if checkpoint is None:
        return
    header = checked_header(checkpoint)
    size, room = header.unpacked_bytes, _room()
    if size > LARGE and not is_asked:
        note(
            f"{model.model_id} would take {_megabytes(size)} unpacked: {SLOWLY}; llmcli models "
            f"convert {model.model_id} FOLDER makes an ordinary model of it"
        )
    elif size > room:
        note(
            f"{model.model_id} takes {_megabytes(size)} unpacked, and {CACHE.folder} has room for "
            f"{_megabytes(room)}: {SLOWLY}; LLMCLI_CACHE takes another folder"
        )
    else:
        note(f"unpacking {model.model_id}: once, {_megabytes(size)} in the cache")
        try:
            _store(checkpoint)
        except (InputError, DiskFull) as error:
            note(f"{error}; {SLOWLY}")


def _packed(model: ModelSpec) -> Checkpoint | None:
    """The GGUF file of a model, or below its adapters, if the cache does not have it unpacked."""
    local = hub.resolve_local(model)
    if local is None and not hub.HUB_GGUF.fullmatch(model.model_id):
        return None
    if local is not None and local.gguf_file is None and not (local.folder / ADAPTERS).is_file():
        return None
    checkpoint = lowest(hub.resolve(model))
    return None if checkpoint.gguf_file is None else checkpoint


def _room() -> int:
    """Bytes that are free where the cache is, or will be."""
    folder = CACHE.folder
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _megabytes(size: int) -> str:
    return f"{max(size / 1e6, 1):,.0f} MB"


def _store(checkpoint: Checkpoint) -> None:
    """Unpack into the cache. Raises InputError, DiskFull, and what `unpack_into` raises."""
    with CACHE.explained():
        target = folder_of(content_of(checkpoint.path))
    if CACHE.is_whole(target):
        return
    fill = partial(unpack_into, checkpoint, unwritable=CACHE.unwritable)
    CACHE.make(target, fill, _meta(checkpoint))
    weights = target / CACHE.weights
    remember(FINITE, weights, state_of([weights]))  # as was seen while they were unpacked


def unpack_into(
    checkpoint: Checkpoint, folder: Path, unwritable: Callable[[OSError], LlmcliError]
) -> None:
    """Write a GGUF file as a Hugging Face folder, into an empty one.

    unwritable: the error for a folder that cannot be written. Where transformers is not loaded yet,
    a process of its own does it, and returns its memory.
    """
    if "transformers" in sys.modules:
        from llmcli.engines.pytorch.gguf_unpacking import unpack as unpack_here

        try:
            unpack_here(checkpoint, folder)
        except OSError as error:
            raise unwritable(error) from None
        return
    from llmcli.engines import own_process  # it imports subprocess, slowly

    request = {
        "model_id": checkpoint.model_id,
        "folder": str(checkpoint.folder.resolve()),
        "file": checkpoint.gguf_file,
        "origin": checkpoint.origin,
        "target": str(folder),
    }
    doing = f"cannot unpack {checkpoint.model_id}"
    work = own_process.Work("llmcli.engines.pytorch.gguf_unpacking", doing, unwritable)
    own_process.run(work, request, folder)


def convert(checkpoint: Checkpoint, output: Path) -> None:
    """Write a GGUF file as a Hugging Face folder that does not exist yet, or is empty.

    Raises ModelUnsuitable as `unpack` does; InputError, DiskFull if `output` cannot be written.
    """
    checked_header(checkpoint)
    aside = own_files.name_aside(output, os.urandom(4).hex())
    unwritable = partial(_unwritable, output)
    try:
        aside.mkdir(parents=True)
        unpack_into(checkpoint, aside, unwritable)
        aside.replace(output)
    except OSError as error:
        raise unwritable(error) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _unwritable(output: Path, error: OSError) -> LlmcliError:
    return write_error(error, f"cannot write {output}: {error.strerror or error}")


def _meta(checkpoint: Checkpoint) -> dict[str, str]:
    """What was unpacked, and when."""
    return {
        "model_id": checkpoint.model_id,
        "file": str(checkpoint.path.resolve()),
        "dtype": read_header(checkpoint).dtype,
        "version": transformers_version(),
        "date": datetime.now(timezone.utc).isoformat("T", "seconds"),
    }
