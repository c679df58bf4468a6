"""Work in a process of its own, whose memory is returned, and how its failures come back.

An expected failure is one line on stdout: the name of its class and the message, as JSON.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmcli import errors
from llmcli.errors import LlmcliError, ModelUnsuitable, OutOfMemory

FAILED = 3


@dataclass(frozen=True, slots=True)
class Work:
    """What a process does, and how its failures are explained."""

    module: str
    """Run as python -m MODULE REQUEST."""
    doing: str
    """The beginning of the message about a process that ended by itself."""
    unwritable: Callable[[OSError], LlmcliError]
    """The error for what it cannot write."""
    others: Mapping[str, type[Exception]] = field(default_factory=dict)
    """Classes of expected failures, by name, beside those of llmcli.errors."""


def run(work: Work, request: dict[str, Any], folder: Path) -> None:
    """Run a process and wait for it. Raises what it raised.

    folder: an empty one that it runs in, from which nothing can be imported by mistake.
    """
    root = str(Path(__file__).parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", work.module, json.dumps(request)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise _failure(work, done.returncode, done.stdout, done.stderr)


def _failure(work: Work, code: int, stdout: str, stderr: str) -> Exception:
    """The error for a process that failed. code: the exit code."""
    if code == FAILED:
        answer = json.loads(stdout.splitlines()[-1])
        known = getattr(errors, answer["error"], None) or work.others.get(answer["error"])
        if known is not None:
            raised: Exception = known(answer["message"])
            return raised
        if answer["error"] == "MemoryError":
            return OutOfMemory(f"{work.doing}: out of memory")
        return work.unwritable(OSError(answer["errno"], answer["message"]))
    if code < 0:
        name = signal.Signals(-code).name
        return OutOfMemory(
            f"{work.doing}: its process was ended by {name}: memory may have run out"
        )
    last = (stderr.strip().splitlines() or [f"its process ended with code {code}"])[-1]
    return ModelUnsuitable(f"{work.doing}: {last}")


def answer(do: Callable[[], None], source: Path, *others: type[Exception]) -> int:
    """Do the work of the process, tell an expected failure on stdout, and return the exit code.

    source: the folder that it reads. others: expected failures beside those of llmcli.errors.
    """
    expected: tuple[type[Exception], ...] = (LlmcliError, MemoryError, *others)
    try:
        do()
    except expected as error:
        return _tell(type(error).__name__, str(error))
    except OSError as error:
        reason = error.strerror or str(error)
        if str(error.filename).startswith(str(source)):
            return _tell("ModelUnsuitable", f"cannot read {error.filename}: {reason}")
        return _tell("OSError", reason, error.errno)  # in the cache
    return 0


def _tell(name: str, message: str, number: int | None = None) -> int:
    sys.stdout.write(json.dumps({"error": name, "message": message, "errno": number}))
    return FAILED
