"""Runs a command on a changed folder in this process, and says whether its result may stand."""

import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mutations.folders import Kind
from tests.mutations.mutate import Mutation
from tests.mutations.references import reference

REFUSALS = (2, 3, 4, 5, 6)
VICTIM = "a file of the user's\n"
TOLERANCE = 2e-4

SAME, AS_REFERENCE, REFUSED = "the sound answer", "as the other library", "refused in one line"
GOOD = (SAME, AS_REFERENCE, REFUSED)


@dataclass(frozen=True)
class Outcome:
    """What a command gave: its exit code, both streams, and an exception that it let through."""

    code: int
    stdout: str
    stderr: str
    escaped: str | None = None


def run(arguments: list[str]) -> Outcome:
    """Run llmcli in this process; whatever writes to descriptors 1 and 2 is caught."""
    from llmcli.cli.main import main

    code, escaped = 0, None
    with _caught() as read:
        try:
            main(arguments, prog_name="llmcli")
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
        except BaseException as error:
            code, escaped = -1, f"{type(error).__name__}: {error}"[:200]
    stdout, stderr = read()
    return Outcome(code, stdout, stderr, escaped)


@contextmanager
def _caught() -> Iterator[Any]:
    import sys

    kept = {number: os.dup(number) for number in (1, 2)}
    streams = sys.stdout, sys.stderr
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        texts = ["", ""]
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        sys.stdout, sys.stderr = (
            open(number, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
            for number in (1, 2)
        )
        try:
            yield lambda: texts
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            sys.stdout, sys.stderr = streams
            for number, descriptor in kept.items():
                os.dup2(descriptor, number)
                os.close(descriptor)
            for at, file in enumerate((out, err)):
                file.seek(0)
                texts[at] = file.read().decode("utf-8", "backslashreplace")


def sound_answer(kind: Kind, root: Path, work: Path) -> Any:
    """The answer from an unchanged copy; fails where there is none."""
    folder = _copy(kind, root, work)
    outcome = run(kind.arguments(folder))
    assert outcome.code == 0, outcome
    return kind.answer(outcome.stdout, folder)


def judge(kind: Kind, mutation: Mutation, sound: Any, root: Path, work: Path) -> tuple[str, str]:
    """The verdict on one case, one of GOOD or what is wrong, and what it rests on."""
    folder = _copy(kind, root, work)
    victim = folder.parent / "victim"
    victim.write_text(VICTIM)
    mutation.apply(folder, victim)
    outcome = run(kind.arguments(folder))
    if victim.read_text() != VICTIM or sorted(os.listdir(folder.parent)) != [
        folder.name,
        "victim",
    ]:
        return "a file outside was touched", str(sorted(os.listdir(folder.parent)))
    return _verdict(kind, sound, folder, outcome)


def _verdict(kind: Kind, sound: Any, folder: Path, outcome: Outcome) -> tuple[str, str]:
    if outcome.escaped is not None:
        return "a traceback", outcome.escaped
    if outcome.code == 70:
        return "a traceback", outcome.stderr.strip()[-300:]
    if "Traceback (most recent" in outcome.stderr:
        return "a traceback", outcome.stderr[-300:]
    if outcome.code in REFUSALS:
        lines = [line for line in outcome.stderr.splitlines() if line.strip()]
        if len(lines) == 1 and not outcome.stdout:
            return REFUSED, f"{outcome.code} {lines[0]}"
        return f"{outcome.code} with more than one line", outcome.stderr[-600:]
    if outcome.code != 0:
        return f"exit code {outcome.code}", outcome.stderr[-300:]
    try:
        answer = kind.answer(outcome.stdout, folder)
    except Exception as error:
        return "no answer", f"{error!r} {outcome.stdout[:200]!r}"
    if equal(answer, sound):
        return SAME, ""
    expected = reference(kind.name, folder)
    if expected is not None and equal(answer, expected):
        return AS_REFERENCE, str(answer)[:80]
    said = outcome.stderr.strip()[-200:]
    return "another answer", f"{answer!s:.80}, expected {expected!s:.80}; {said}"


def equal(answer: Any, other: Any) -> bool:
    """Equal, numbers but for rounding, and texts but for a character that is not complete."""
    if isinstance(answer, str) and isinstance(other, str):
        return answer.rstrip("\ufffd") == other.rstrip("\ufffd")
    if isinstance(answer, list | tuple):
        if not isinstance(other, list | tuple) or len(answer) != len(other):
            return False
        return all(map(equal, answer, other))
    if isinstance(answer, float) and isinstance(other, float):
        return math.isclose(answer, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(answer == other)


def _copy(kind: Kind, root: Path, work: Path) -> Path:
    """A copy in a new folder, for no cache of this process knows that."""
    folder = Path(tempfile.mkdtemp(dir=work)) / "model"
    shutil.copytree(root / kind.folder, folder)
    return folder
