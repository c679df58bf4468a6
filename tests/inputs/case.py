"""A case: an input in some form, the commands that get it, and what must come out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Write = Callable[[Path], None]
"""Writes a file to the path that it is given."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the table in docs/what-is-read.md."""

    form: str
    """The input in plain words."""
    files: Mapping[str, str | bytes | Write]
    """Name and content of each file."""
    runs: Sequence[str]
    """Command lines without `llmcli`, run in the folder of the files; {tiny_bert} is a fixture."""
    texts: Sequence[str] | None = None
    """The texts of the rows that are read; of a report, their number is compared."""
    says: str = ""
    """A part of what is printed."""
    code: int = 0
    """The exit code: 0 read; 1 a row is refused; 2 and more: the input is refused."""
    stdin: str | bytes | None = None
    remark: str = ""
    """For the page: what a reader should know beside `form`."""

    @property
    def commands(self) -> list[str]:
        """The commands that are run, each once."""
        return list(dict.fromkeys(line.split()[0] for line in self.runs))

    @property
    def result(self) -> str:
        """What happens, in the words of the page."""
        outcome = {0: "read", 1: "the row is refused"}.get(self.code, "refused")
        said = f"`{self.says}`" if self.code and self.says else ""
        return ": ".join(part for part in (outcome, self.remark or said) if part)


READERS = {
    "tokenize": "tokenize -m {tiny_bert}",
    "classify": "classify -m {tiny_classifier}",
    "forward": "forward -m {tiny_bert}",
    "embed": "embed -m {tiny_encoder}",
    "fill": "fill -m {tiny_bert}",
    "generate": "generate -m {tiny_gpt2} -n 1",
    "translate": "translate -m {tiny_marian} -n 2 --num-beams 1",
    "answer": "answer -m {tiny_reader} --context 'the cat sat' --column text",
}
"""Commands that give a record for each row."""
REPORTS = {
    "evaluate": "evaluate --task causal-lm -m {tiny_gpt2} --bootstrap 0",
    "compare": "compare --task causal-lm {tiny_gpt2} {tiny_gpt2} --bootstrap 0",
    "finetune": "finetune --task masked-lm -m {tiny_bert} --check",
}
"""Commands that give one report on all rows."""


def with_file(command: str, file: str, more: str = "") -> str:
    """A command line that reads the texts of a file. more: further options."""
    option = "--train" if command == "finetune" else "-i"
    line = f"{(READERS | REPORTS)[command]} {option} {file} {more}".rstrip()
    return f"{line} -q --json"


def every_command(file: str, more: str = "") -> tuple[str, ...]:
    """Command lines of all commands that read rows; each text needs a [MASK], for `fill`."""
    return tuple(with_file(command, file, more) for command in READERS | REPORTS)


def refusing_commands(file: str, more: str = "") -> tuple[str, ...]:
    """Command lines of all commands, for a file that is refused as a whole."""
    training = f"finetune --task masked-lm -m {{tiny_bert}} --train {file} {more} -o out -q"
    return (*every_command(file, more)[:-1], training)


def some_commands(file: str, more: str = "") -> tuple[str, ...]:
    """Command lines of three commands with paths of their own to the reader."""
    return tuple(with_file(command, file, more) for command in ("tokenize", "evaluate", "finetune"))
