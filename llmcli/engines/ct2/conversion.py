"""From a checkpoint to a folder that CTranslate2 runs, made once and kept."""

import json
import os
import shutil
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from llmcli import errors
from llmcli.engines.ct2.cache import (
    META,
    clean,
    content_of,
    engine_version,
    explained,
    known_content,
    new_name,
    place_of,
    unwritable,
)
from llmcli.engines.ct2.convert import FAILED
from llmcli.engines.ct2.support import group_of, reason_against
from llmcli.errors import InputError, LlmcliError, ModelUnsuitable
from llmcli.models.architectures import Kind
from llmcli.models.checkpoint import Checkpoint, read_adapters, read_config
from llmcli.system.extras import require_extra

__all__ = ["conversion_of", "converted", "is_converted", "reason_against"]
Dtype = Literal["float32", "int8"]


def is_converted(checkpoint: Checkpoint, kind: Kind, dtype: Dtype) -> bool:
    """True if `converted` would answer at once. Reads no weights and imports nothing heavy."""
    return conversion_of(checkpoint, kind, dtype) is not None


def conversion_of(checkpoint: Checkpoint, kind: Kind, dtype: Dtype) -> Path | None:
    """The folder of a model that was converted before; None where it was not."""
    if checkpoint.gguf_file is not None or engine_version() is None:
        return None
    try:
        content = known_content(checkpoint)
    except (LlmcliError, OSError):  # pickled, half there: the engine that runs it will say so
        return None
    place = None if content is None else place_of(content, kind, dtype)
    return place if place is not None and (place / META).is_file() else None


def converted(checkpoint: Checkpoint, kind: Kind, dtype: Dtype) -> Path:
    """The folder with model.bin and config.json of a model, made if it is not there.

    Its vocabularies are the ids in digits. An encoder is converted without its heads. int8:
    weights as 8-bit integers with a scale for each row.

    Raises ModelUnsuitable for what CTranslate2 cannot represent, ModelNotFound for half a
    download, InputError where the cache cannot be written.
    """
    _require_convertible(checkpoint, kind)
    target = place_of(content_of(checkpoint), kind, dtype)
    if (target / META).is_file():
        return target
    clean()
    made = new_name()
    with explained():
        made.mkdir(parents=True)
    try:
        _convert_apart(checkpoint, made, dtype)
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
    if read_adapters(checkpoint) is not None:
        raise ModelUnsuitable(f"{name} cannot be run by ct2: it holds adapters alone")
    reason = reason_against(read_config(checkpoint), kind)
    if reason is not None:
        raise ModelUnsuitable(f"{name} cannot be run by ct2: {reason}")
    require_extra("ctranslate2", "the ct2 engine")


def _convert_apart(checkpoint: Checkpoint, target: Path, dtype: str) -> None:
    """Convert in a process of its own, with nothing but `target` to import by mistake."""
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
        [sys.executable, "-m", "llmcli.engines.ct2.convert", json.dumps(request)],
        cwd=target,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise _failure(checkpoint, done.returncode, done.stdout, done.stderr)


def _failure(checkpoint: Checkpoint, code: int, said: str, trace: str) -> LlmcliError:
    """The error for a conversion that did not end well."""
    doing = f"cannot convert {checkpoint.model_id} for ct2"
    if code == FAILED:
        answer = json.loads(said)
        known = getattr(errors, answer["error"], None)
        if known is not None:
            return known(answer["message"])  # type: ignore[no-any-return]
        if answer["error"] == "MemoryError":
            return InputError(f"{doing}: memory ran out")
        return unwritable(answer["message"])
    if code < 0:
        return InputError(f"{doing}: its process was killed, as it is when memory runs out")
    last = (trace.strip().splitlines() or ["it ended without a word"])[-1]
    return ModelUnsuitable(f"{doing}: {last}")


def _describe(checkpoint: Checkpoint, kind: Kind, dtype: str, folder: Path) -> None:
    """Write what was converted; a folder with this file is whole."""
    meta = {
        "model_id": checkpoint.model_id,
        "checkpoint": str(checkpoint.folder.resolve()),
        "revision": checkpoint.revision,
        "kind": group_of(kind),
        "dtype": dtype,
        "version": engine_version(),
        "date": datetime.now(timezone.utc).isoformat("T", "seconds"),
        "bytes": sum(path.stat().st_size for path in folder.iterdir()),
    }
    (folder / META).write_text(json.dumps(meta, indent=2) + "\n", encoding="utf-8")


def _move(made: Path, target: Path) -> None:
    """Put a whole folder in its place; another process's, that was faster, is as good."""
    try:
        made.rename(target)
    except OSError:
        if not (target / META).is_file():
            raise
