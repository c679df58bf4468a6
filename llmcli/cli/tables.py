"""Tables for a person, drawn by rich."""

import sys
from typing import Literal

from llmcli.cli.colours import has_colours
from llmcli.cli.plain_tables import shown_cell
from llmcli.data.records import Record, print_to
from llmcli.system.terminal import Terminal, escaped, own_channel

_KEPT = dict(zip(b"\a\b\v\f\r", range(0xFDD0, 0xFDD5), strict=True))
"""Characters that rich drops, and others in their place, which no text may hold by Unicode."""
_DROPPED = {place: dropped for dropped, place in _KEPT.items()}


class Table:
    """A table for a person, at the end."""

    def __init__(self) -> None:
        self._records: list[Record] = []

    def write(self, record: Record) -> None:
        self._records.append(record)

    def close(self) -> list[str]:
        if self._records:
            columns = list({name: None for record in self._records for name in record})
            rows = [[shown_cell(row.get(name)) for name in columns] for row in self._records]
            show_table(columns, rows)
        return []


def show_table(
    columns: list[str], rows: list[list[str]], *, right: frozenset[str] = frozenset()
) -> None:
    """Print a table to stdout; columns named in `right` are aligned to the right."""
    import shutil

    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in columns:
        justify: Literal["left", "right"] = "right" if name in right else "left"
        table.add_column(Text(_cell(name)), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(cell)) for cell in row))
    on_terminal = sys.stdout.isatty()
    console = Console(
        width=shutil.get_terminal_size().columns if on_terminal else 10_000,
        color_system="standard" if has_colours(sys.stdout) else None,
        force_terminal=has_colours(sys.stdout),
    )
    with console.capture() as capture:
        console.print(table)
    lines = capture.get().translate(_DROPPED).removesuffix("\n").split("\n")
    print_to(own_channel(sys.stdout), "".join(f"{line.rstrip()}\n" for line in lines))


def _cell(text: str) -> str:
    """A text for rich: escaped for a terminal; else with all characters, also those it drops."""
    return escaped(text) if isinstance(sys.stdout, Terminal) else text.translate(_KEPT)
