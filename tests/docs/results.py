"""docs/results.md: what `--json` prints and `to_dict()` gives, made from the dataclasses."""

import ast
import inspect
import re
import textwrap
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

import llmcli
from llmcli.arrays import Floats
from llmcli.data.rows import Row
from llmcli.interpretability.sections import SectionResult, section
from llmcli.spec.explain import SECTIONS
from llmcli.tasks.models import FileCheck, ModelDetails, ModelEntry
from llmcli.tasks.tokenize import Count, Decoded
from tests.docs.pages import DOCS
from tests.docs.tables import TABLES

PAGE = DOCS / "results.md"
RECORDS = {
    "llmcli generate": llmcli.Generation,
    "llmcli classify": llmcli.Classification,
    "llmcli tag": llmcli.Tagged,
    "llmcli answer": llmcli.Answer,
    "llmcli translate": llmcli.Translation,
    "llmcli fill": llmcli.Filled,
    "llmcli embed": llmcli.Embedding,
    "llmcli embed --query": llmcli.Ranked,
    "llmcli forward": llmcli.Forward,
    "llmcli score": llmcli.Score,
    "llmcli tokenize": llmcli.Tokenized,
    "llmcli tokenize --decode": Decoded,
    "llmcli tokenize --count": Count,
    "llmcli models list": ModelEntry,
    "llmcli models show": ModelDetails,
    "llmcli models verify": FileCheck,
}
"""What each command's records are made from."""
EXPLAIN = "llmcli explain"
SECTION_RESULTS = {name: get_type_hints(section(name).build)["return"] for name in SECTIONS}
"""What `sections` of an explanation holds, by name."""
PYTHON_ONLY = {"write_rest", "row", "notes", "unknown", "seconds", "passes"}
"""Fields of the dataclasses that are no part of the record, or described in the introduction."""
ROW = ("row", "integer", "The number of the row: its line in a file, from 1.")
INTRODUCTION = """\
# Results

What a command prints with `--json` is what `to_dict()` gives for the result in Python; the formats
jsonl, csv and parquet have the same fields. This page lists them. A field is never renamed or
dropped without a new version and an entry in the changelog. Fields may be added, so ignore those
that you do not know. *Since* is the version of llmcli that brought a field.

A record of a row begins with the other fields of that row, such as an `id`, as they stand in the
input file. The field that the text came from is left out if the result has it too; any other field
whose name the result has as well becomes `input_...`. In CSV, lists and objects are JSON.

A row that fails becomes a record with its other fields, `row` and `error`, the reason in one line.
No other record has a field `error`. In Python it is a `Failure`, with `row`, `error` and `cause`.

A record of a text that the model cannot read ends with `unknown`, the share of the text's
characters that its vocabulary does not have: 0.97 of a Chinese text for a model of English. They
are in unknown tokens or, where a vocabulary spells what it does not have in bytes, letters of a
script that it does not have. The field is there only where the share is more than half; of a
pair of texts it is that of the worse one.

In Python, results have two more attributes: `row`, the whole row that was read, and `notes`, the
choices that were made for the user, a line each. Positions in texts are counted in Unicode
characters (code points) from 0; an end is the position after the last character.

"""
SECTIONS_SAY = """\
`sections` has an object for each section that was computed. Beside the fields below, each has
`checks` and `notes`. Arrays are lists of lists here and in `-o FILE.json`; in `-o FILE.npz` and in
Python they are arrays of numpy, called `section/field`. Their shapes are in parentheses. A number
that is not finite, such as the mask of a hidden key, is null.

"""


def page(versions: dict[tuple[str, str], str]) -> str:
    """The whole page. versions: since when each field of a class is there; others: since now."""
    parts, waiting, seen = [INTRODUCTION], [], set()
    for command, kind in RECORDS.items():
        parts.append(f"## {command}\n\n{_table(kind, versions, waiting, is_record=True)}")
    parts.append(f"## {EXPLAIN}\n\n{_table(llmcli.Explanation, versions, waiting, is_record=True)}")
    parts.append(SECTIONS_SAY)
    for name, kind in SECTION_RESULTS.items():
        parts.append(f"## Section {name}\n\n{_table(kind, versions, waiting, is_record=True)}")
    for command, (name, says, rows) in TABLES.items():
        head = f"In Python: `{name}`. {says}\n\n" if name else ""
        parts.append(f"## {command}\n\n{head}{_lines(name or command, rows, versions)}")
    parts.append("## Parts of results\n\n")
    while waiting:
        kind = waiting.pop(0)
        if kind not in seen:
            seen.add(kind)
            parts.append(f"### {kind.__name__}\n\n{_table(kind, versions, waiting)}")
    return "".join(parts).rstrip("\n").replace("None", "null") + "\n"


def documented(text: str) -> dict[tuple[str, str], str]:
    """The version of each field of each class that the page names."""
    versions = {}
    kind = ""
    for line in text.splitlines():
        if match := re.match(r"(?:##+ |In Python: `)([^`]+)", line):
            kind = match[1]
        elif match := re.match(r"\| `(\w+)` \|.*\| (\S+) \|$", line):
            versions[kind, match[1]] = match[2]
    return versions


def _table(kind: type, versions: dict, waiting: list[type], *, is_record: bool = False) -> str:
    name = kind.__name__
    rows = [(field.name, _type(hint, waiting), text) for field, hint, text in _fields(kind)]
    if is_record and "row" in {field.name for field in fields(kind)}:
        rows = [ROW, *rows]
    says = textwrap.dedent(kind.__doc__ or "").split("\n\n")[0].replace("\n", " ")
    head = f"In Python: `{name}`. {says}\n\n" if is_record else f"{says}\n\n"
    return head + _lines(name, rows, versions)


def _lines(kind: str, rows: Sequence[tuple[str, str, str]], versions: dict) -> str:
    lines = [
        f"| `{field}` | {form} | {text} | {versions.get((kind, field), llmcli.__version__)} |"
        for field, form, text in rows
    ]
    return "\n".join(["| field | type | meaning | since |", "|---|---|---|---|", *lines, "", ""])


def _fields(kind: type):
    """Each field of the record with its type and its docstring."""
    hints, texts = get_type_hints(kind), docstrings(kind)
    for field in fields(kind):
        if field.name not in PYTHON_ONLY:
            yield field, hints[field.name], texts.get(field.name, "")


def docstrings(kind: type) -> dict[str, str]:
    """The string below each field of a class, on one line."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    texts = {}
    for field, below in zip(tree.body, tree.body[1:], strict=False):
        is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        if isinstance(field, ast.AnnAssign) and is_text:
            texts[field.target.id] = " ".join(below.value.value.split())
    return texts


NAMES = {str: "text", int: "integer", float: "number", bool: "true or false"}


def _type(hint: Any, waiting: list[type]) -> str:
    """A type as JSON has it; dataclasses are linked, and wait for a table of their own."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(_type(each, waiting) for each in arguments)
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in arguments)
    if origin is tuple:
        return f"list of {_type(arguments[0], waiting)}"
    if origin is np.ndarray or hint is Floats:
        return "list of number"
    if origin in (dict, Mapping):
        return f"object of {_type(arguments[1], waiting)}"
    if hint is SectionResult:
        return "section"
    if is_dataclass(hint) and hint is not Row:
        waiting.append(hint)
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    return "null" if hint is type(None) else NAMES[hint]


def main() -> None:
    """Write the page; fields that it has keep their version."""
    old = documented(PAGE.read_text("utf-8")) if PAGE.exists() else {}
    PAGE.write_text(page(old), "utf-8")


if __name__ == "__main__":
    main()
