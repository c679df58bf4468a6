"""The transcripts of the documentation: run them, compare them, rewrite them.

A transcript is a ```console block: a line `$ command`, the lines that continue it after `> `, then
what the command prints, stdout and stderr together. The commands of a page run one after another
in one new folder, offline, with the starter models alone.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
DECIMAL = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?|-?\d+e-\d+")
FAILURES = (
    "Traceback (most recent call last)",
    "command not found",
    "Error:",
    "Usage:",
    str(ROOT),  # a page names no folder of this machine
)


@dataclass(frozen=True)
class Step:
    """A command, and what it prints."""

    command: str
    output: str

    def __str__(self) -> str:
        """Write the step as a page shows it."""
        return "$ " + self.command.replace("\n", "\n> ") + "\n" + self.output

    def matches(self, printed: str) -> bool:
        """Compare with what was printed: the words exactly, fractions within 1% or 0.01.

        Another processor rounds the last digits differently.
        """
        return words(self.output) == words(printed) and numbers_match(self.output, printed)

    def renewed(self, printed: str) -> "Step":
        """Take over what was printed, unless its fractions alone are a little different."""
        same_text = DECIMAL.split(self.output) == DECIMAL.split(printed)
        if same_text and numbers_match(self.output, printed):
            return self
        return replace(self, output=printed)

    def failure(self, printed: str) -> str:
        """Name the sign of a failure that was printed, and that the page does not show."""
        signs = (sign for sign in FAILURES if sign in printed and sign not in self.output)
        return next(signs, "")


def words(text: str) -> list[list[str]]:
    """Split a text without its fractions into words."""
    return [part.split() for part in DECIMAL.split(text)]


def numbers_match(text: str, other: str) -> bool:
    """Compare the fractions of two texts."""
    ours, theirs = ([float(number) for number in DECIMAL.findall(each)] for each in (text, other))
    return len(ours) == len(theirs) and ours == pytest.approx(theirs, rel=0.01, abs=0.01)


def steps_of(block: str) -> Iterator[Step]:
    """Read the steps of the inside of one ```console block.

    >>> list(steps_of("$ echo a \\\\\\n> b\\na b\\n"))
    [Step(command='echo a \\\\\\nb', output='a b\\n')]
    """
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *lines = part.splitlines()
        while lines and (lines[0] == ">" or lines[0].startswith("> ")):
            command += "\n" + lines.pop(0)[2:]
        yield Step(command, "".join(f"{line}\n" for line in lines))


def steps(text: str) -> list[Step]:
    """Read the steps of a page."""
    return [step for block in BLOCK.findall(text) for step in steps_of(block)]


def environment(programs: Path, folder: Path) -> dict[str, str]:
    """Say what commands see: these programs, no hub, no terminal, no settings but those here."""
    hidden = ("LLMCLI_", "HF_", "PYTEST_", "FORCE_COLOR")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    own = Path(sys.executable).parent
    return {
        **kept,
        "PATH": os.pathsep.join([str(programs), str(own), os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "",
        "COLUMNS": "100",
        "OMP_NUM_THREADS": "1",  # the same sums on any number of cores
        "LLMCLI_DTYPE": "float32",  # and on processors that are fast in bfloat16
        "LC_ALL": "C.UTF-8",
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": f"{folder}/hf",
        "LLMCLI_CACHE": f"{folder}/llmcli",
        "XDG_CONFIG_HOME": f"{folder}/config",
    }


def run(commands: Iterable[str], programs: Path | None = None) -> Iterator[str]:
    """Run commands one after another in one new folder; yield what each prints.

    programs: a folder with programs that go before others of their names.
    """
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent, "here")
        folder.mkdir()
        for command in commands:
            process = subprocess.run(
                ["bash", "-c", command],
                cwd=folder,
                env=environment(programs or folder, Path(parent)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
            )
            yield process.stdout


def rewrite(text: str) -> tuple[str, list[str]]:
    """Run the transcripts of a page; return the page with what they print now, and failures.

    A step that newly fails keeps its old output.
    """
    old = steps(text)
    new, failures = [], []
    for step, printed in zip(old, run(step.command for step in old), strict=True):
        sign = step.failure(printed)
        if sign:
            failures.append(f"$ {step.command}\n{printed}")
        new.append(step if sign else step.renewed(printed))
    rest = iter(new)

    def block(match: re.Match[str]) -> str:
        inside = "".join(str(next(rest)) for _ in steps_of(match[1]))
        return f"```console\n{inside}```"

    return BLOCK.sub(block, text), failures
