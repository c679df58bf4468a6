"""Converting a checkpoint for CTranslate2, once; the conversion is kept in the cache."""

import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from llmcli import errors
from llmcli.engines.ct2.conversion_process import FAILED
from llmcli.engines.ct2.converted_models import (
    META,
    clean,
    content_of,
    conversion_folder,
    engine_version,
    explained,
    is_whole,
    known_content,
    modified,
    new_name,
    remove_folder,
    size_of,
    unwritable,
)
from llmcli.engines.ct2.support import UnsupportedByCt2, group_of, reason_against
from llmcli.errors import LlmcliError, ModelUnsuitable, OutOfMemory
from llmcli.models.architectures import Kind
from llmcli.models.checkpoint import Checkpoint, read_config
from llmcli.system.extras import require_extra

Dtype = Literal["float32", "int8"]


def is_converted(checkpoint: Checkpoint, kind: Kind, dtype: Dtype) -> bool:
    """True if the cache has the conversion. Reads no weights and imports nothing heavy."""
    return conversion_of(checkpoint, kind, dtype) is not None


def conversion_of(checkpoint: Checkpoint, kind: Kind, dtype: Dtype) -> Path | None:
    """The folder of a conversion in the cache; None if it has none."""
    if checkpoint.gguf_file is not None or engine_version() is None:
        return None
    try:
        content = known_content(checkpoint)
    except (LlmcliError, OSError):  # pickled or incomplete: whoever loads it will say so
        return None
    if content is None:
        return None
    folder = conversion_folder(content, kind, dtype)
    return folder if is_whole(folder) else None


def converted(checkpoint: Checkpoint, kind: Kind, dtype: Dtype) -> Path:
    """The folder of a conversion, which is made if the cache has none.

    Its vocabularies are the ids in digits. An encoder is converted without its head. int8: weights
    as 8-bit integers with a scale for each row.

    Raises ModelUnsuitable for a model that is damaged, UnsupportedByCt2 for one with weights that
    CTranslate2 does not have, ModelNotFound for an incomplete download, InputError if the cache
    cannot be written to.
    """
    _require_convertible(checkpoint, kind)
    target = conversion_folder(content_of(checkpoint), kind, dtype)
    if is_whole(target):
        return target
    clean()
    if target.exists():  # damaged, or changed by another program
        remove_folder(target)
    made = new_name()
    with explained():
        made.mkdir(parents=True)
    try:
        _convert_in_process(checkpoint, made, dtype)
        with explained():
            _describe(checkpoint, kind, dtype, made)
            _move(made, target)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return target


def _require_convertible(checkpoint: Checkpoint, kind: Kind) -> None:
    name = checkpoint.model_id
    if checkpoint.gguf_file is not None:
        raise ModelUnsuitable(f"{name} cannot be run by ct2: it is a GGUF file")
    if checkpoint.base is not None:
        raise ModelUnsuitable(f"{name} cannot be run by ct2: it has adapters only")
    reason = reason_against(read_config(checkpoint), kind)
    if reason is not None:
        raise ModelUnsuitable(f"{name} cannot be run by ct2: {reason}")
    require_extra("ctranslate2", "the ct2 engine")


def _convert_in_process(checkpoint: Checkpoint, target: Path, dtype: str) -> None:
    """Convert in a process of its own, whose memory is returned. It runs in an empty folder, from
    which nothing can be imported by mistake.
    """
    request = {
        "model_id": checkpoint.model_id,
        "folder": str(checkpoint.folder.resolve()),
        "origin": checkpoint.origin,
        "target": str(target),
        "dtype": dtype,
    }
    root = str(Path(__file__).parents[3])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "llmcli.engines.ct2.conversion_process", json.dumps(request)],
        cwd=target,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise _failure(checkpoint, done.returncode, done.stdout, done.stderr)


def _failure(checkpoint: Checkpoint, code: int, stdout: str, stderr: str) -> Exception:
    """The error for a conversion that failed. code: the exit code."""
    doing = f"cannot convert {checkpoint.model_id} for ct2"
    if code == FAILED:
        answer = json.loads(stdout)
        known = getattr(errors, answer["error"], None)
        if known is not None:
            return known(answer["message"])  # type: ignore[no-any-return]
        if answer["error"] == UnsupportedByCt2.__name__:
            return UnsupportedByCt2(answer["message"])
        if answer["error"] == "MemoryError":
            return OutOfMemory(f"{doing}: out of memory")
        return unwritable(OSError(answer["errno"], answer["message"]))
    if code < 0:
        name = signal.Signals(-code).name
        return OutOfMemory(f"{doing}: its process was ended by {name}: memory may have run out")
    last = (stderr.strip().splitlines() or [f"its process ended with code {code}"])[-1]
    return ModelUnsuitable(f"{doing}: {last}")


def _describe(checkpoint: Checkpoint, kind: Kind, dtype: str, folder: Path) -> None:
    """Write what was converted. A folder with this file is complete."""
    meta = {
        "model_id": checkpoint.model_id,
        "checkpoint": str(checkpoint.folder.resolve()),
        "revision": checkpoint.revision,
        "kind": group_of(kind),
        "dtype": dtype,
        "version": engine_version(),
        "date": datetime.now(timezone.utc).isoformat("T", "seconds"),
        "bytes": size_of(folder),
        "modified": modified(folder),
    }
    (folder / META).write_text(json.dumps(meta, indent=2) + "\n", encoding="utf-8")


def _move(made: Path, target: Path) -> None:
    """Rename a complete folder; if another process was faster, its result is used."""
    try:
        made.rename(target)
    except OSError:
        if not is_whole(target):
            raise
