"""All topics, and the tables that docs/what-is-read.md has of them."""

import importlib
import pkgutil
from collections.abc import Sequence

from tests.inputs import topics
from tests.inputs.case import READERS, REPORTS, Case


def all_topics() -> dict[str, Sequence[Case]]:
    """The cases of each topic by its heading, in the order of the headings."""
    names = [module.name for module in pkgutil.iter_modules(topics.__path__)]
    modules = [importlib.import_module(f"{topics.__name__}.{name}") for name in names]
    headings = {str(each.__doc__).splitlines()[0].rstrip("."): each.CASES for each in modules}
    return dict(sorted(headings.items()))


def tables() -> str:
    """A heading and a table for each topic, in Markdown."""
    return "\n" + "\n".join(
        f"## {heading}\n\n" + "\n".join(_table(cases)) + "\n"
        for heading, cases in all_topics().items()
    )


def _table(cases: Sequence[Case]) -> list[str]:
    rows = [f"| {_cell(case.form)} | {_commands(case)} | {_cell(case.result)} |" for case in cases]
    return ["| input | tried with | result |", "|---|---|---|", *rows]


def _commands(case: Case) -> str:
    if set(case.commands) >= {*READERS, *REPORTS}:
        return "every command"
    return ", ".join(f"`{name}`" for name in case.commands)


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")
