"""What was measured, as text for a person: tables of plain characters, in a terminal or a file."""

import textwrap
import unicodedata
from collections.abc import Sequence

from llmcli.data.records import Record

WIDTH = 96
SHOWN_LABELS = 12  # of a confusion matrix; more of them cannot be read


def evaluation_text(record: Record) -> str:
    """The report of llmcli evaluate, from its record."""
    parts = [_title(record), _metrics(record), _settings(record)]
    if "classes" in record:
        parts.append(_classes(record))
    if "confusion" in record:
        parts.append(_confusion(record))
    parts += [_slices(record), _mistakes(record)]
    return "\n\n".join(part for part in parts if part)


def comparison_text(record: Record) -> str:
    """The report of llmcli compare, from its record."""
    head = f"{record['task']}: {_count(record)} of {record['input']}\n"
    head += f"A: {record['a']}\nB: {record['b']}"
    rows = [
        [
            name,
            _number(one["a"]),
            _number(one["b"]),
            _signed(one["difference"]),
            _interval(one, True),
        ]
        for name, one in record["metrics"].items()
    ]
    table = columns(["metric", "A", "B", "B - A", "95% interval"], rows, right={1, 2, 3})
    return "\n\n".join(part for part in (head, table, _verdict(record), _changed(record)) if part)


def _title(record: Record) -> str:
    failed = f", {record['failed']:,} failed" if record["failed"] else ""
    source = record["source"]
    where = "" if record["input"] == source else f" of {record['input']}"
    return f"{record['task']}: {source}, {_count(record)}{where}{failed}"


def _count(record: Record) -> str:
    return f"{record['rows']:,} {record['unit']}"


def _metrics(record: Record) -> str:
    baseline = record.get("baseline")
    rows = []
    for name, one in record["metrics"].items():
        row = [name, _number(one["value"]), _interval(one)]
        if baseline:
            row += [_number(baseline[name]["value"]), _interval(baseline[name])]
        rows.append(row)
    names = ["metric", "value", "95% interval"] + ["n-grams", "95% interval"] * bool(baseline)
    return columns(names, rows, right={1, 3})


def _settings(record: Record) -> str:
    told = {**record.get("settings", {}), **record.get("signatures", {})}
    lines = [f"{name}: {value}" for name, value in told.items() if value is not None]
    return "\n".join(lines)


def _classes(record: Record) -> str:
    names = ["label", "precision", "recall", "f1", "support"]
    rows = [
        [
            _short(one["label"], 40),
            *(_number(one[name]) for name in names[1:4]),
            f"{one['support']:,}",
        ]
        for one in record["classes"]
    ]
    return columns(names, rows, right={1, 2, 3, 4})


def _confusion(record: Record) -> str:
    labels, matrix = record["labels"], record["confusion"]
    if len(labels) > SHOWN_LABELS:
        return f"confusion matrix: {len(labels)} labels, see --format json"
    names = ["right \\ said", *(_short(label, 16) for label in labels)]
    rows = [
        [_short(label, 30), *(f"{count:,}" for count in row)]
        for label, row in zip(labels, matrix, strict=True)
    ]
    return columns(names, rows, right=set(range(1, len(names))))


def _slices(record: Record) -> str:
    tables = []
    for by in dict.fromkeys(one["by"] for one in record["slices"]):
        mine = [one for one in record["slices"] if one["by"] == by]
        names = list(mine[0]["metrics"])
        rows = [
            [
                _short(one["value"], 40),
                f"{one['rows']:,}",
                *(_number(one["metrics"][name]) for name in names),
            ]
            for one in mine
        ]
        title = "characters" if by == "length" else by
        right = set(range(1, len(names) + 2))
        tables.append(columns([title, "rows", *names], rows, right=right))
    return "\n\n".join(tables)


def _mistakes(record: Record) -> str:
    mistakes = record["mistakes"]
    if not mistakes:
        return ""
    sure = all(one["confidence"] is not None for one in mistakes)
    lines = ["most confident mistakes" if sure else "worst rows"]
    for one in mistakes:
        lines.append(f"  {_place(one)}: {_short(one['text'], WIDTH - 12)}")
        told = f"said {_short(one['said'], 60)}" + (f" ({one['confidence']:.4f})" if sure else "")
        if one["expected"]:
            told += f", right is {_short(one['expected'], 60)}"
        lines.append(f"    {told}")
    return "\n".join(lines)


def _place(one: Record) -> str:
    return f"row {one['row']}"


def _verdict(record: Record) -> str:
    test = record["mcnemar"]
    if test is None:
        return f"B is better on {record['better']:,} rows and worse on {record['worse']:,}"
    return (
        f"only A is right: {test['only_a']:,}; only B is right: {test['only_b']:,}; "
        f"McNemar's exact p = {test['p']:.4g}"
    )


WORDS = {
    "right": "became right",
    "wrong": "became wrong",
    "better": "better",
    "worse": "worse",
    "other": "changed",
}


def _changed(record: Record) -> str:
    if not record["changed"]:
        return ""
    lines = ["rows that changed most"]
    for one in record["changed"]:
        lines.append(f"  {_place(one)}, {WORDS[one['change']]}: {_short(one['text'], WIDTH - 26)}")
        told = f"A: {_short(one['a'], 60)}, B: {_short(one['b'], 60)}"
        if one["expected"]:
            told += f", right is {_short(one['expected'], 60)}"
        lines.append(f"    {told}")
    return "\n".join(lines)


def columns(names: Sequence[str], rows: Sequence[Sequence[str]], right: set[int]) -> str:
    """A table: names, a line, rows. right: columns that are aligned there."""
    table = [list(names), *map(list, rows)]
    widths = [max(_width(row[at]) for row in table) for at in range(len(names))]

    def line(row: Sequence[str]) -> str:
        cells = [
            " " * (width - _width(cell)) + cell
            if at in right
            else cell + " " * (width - _width(cell))
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([line(table[0]), rule, *map(line, table[1:])])


def _padded(cell: str, width: int, *, right: bool) -> str:
    space = " " * (width - _width(cell))
    return space + cell if right else cell + space


def _width(text: str) -> int:
    """Places that a text takes in a terminal: Chinese characters take two."""
    return sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in text)


def _short(text: str, most: int) -> str:
    """A text in one line.

    >>> _short("one two three four", 12)
    'one two ...'
    """
    line = " ".join(text.split())
    if _width(line) <= most:
        return line
    cut = textwrap.shorten(line, most, placeholder=" ...")
    return cut if cut != "..." and _width(cut) <= most else line[: (most - 3) // 2] + "..."


def _number(value: float | None) -> str:
    """A value with four digits that count.

    >>> _number(0.81234), _number(5.8301), _number(60.724), _number(12345.6)
    ('0.8123', '5.830', '60.72', '12,346')
    """
    if value is None or value != value:
        return "-"
    size = abs(value)
    digits = 4 if size < 1 else 3 if size < 10 else 2 if size < 1000 else 0
    return f"{value:,.{digits}f}"


def _signed(value: float | None) -> str:
    return "-" if value is None or value != value else ("+" * (value >= 0)) + _number(value)


def _interval(one: Record, signed: bool = False) -> str:
    if one["low"] is None:
        return "-"
    show = _signed if signed else _number
    return f"{show(one['low'])} to {show(one['high'])}"
