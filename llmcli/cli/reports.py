"""The reports of evaluate and compare as text, from their records."""

from llmcli.cli.plain_tables import number, plain_table, probability, shortened, signed
from llmcli.data.records import Record

WIDTH = 96
SHOWN_LABELS = 12  # a larger confusion matrix does not fit into a terminal


def evaluation_text(record: Record) -> str:
    """The report of llmcli evaluate."""
    parts = [_title(record), _metrics(record), _settings(record)]
    if "classes" in record:
        parts.append(_classes(record))
    if "confusion" in record:
        parts.append(_confusion(record))
    parts += [_slices(record), _mistakes(record)]
    return "\n\n".join(part for part in parts if part)


def comparison_text(record: Record) -> str:
    """The report of llmcli compare."""
    head = f"{record['task']}: {_count(record)} of {record['input']}\n"
    head += f"A: {record['a']}\nB: {record['b']}"
    rows = [
        [
            name,
            number(metric["a"]),
            number(metric["b"]),
            signed(metric["difference"]),
            _interval(metric, is_difference=True),
        ]
        for name, metric in record["metrics"].items()
    ]
    table = plain_table(["metric", "A", "B", "B - A", "95% interval"], rows, right={1, 2, 3})
    return "\n\n".join(part for part in (head, table, _verdict(record), _changed(record)) if part)


def _title(record: Record) -> str:
    failed = f", {record['failed']:,} failed" if record["failed"] else ""
    source = record["source"]
    file = "" if record["input"] == source else f" of {record['input']}"
    return f"{record['task']}: {source}, {_count(record)}{file}{failed}"


def _count(record: Record) -> str:
    return f"{record['rows']:,} {record['unit']}"


def _metrics(record: Record) -> str:
    baseline = record.get("baseline")
    rows = []
    for name, metric in record["metrics"].items():
        row = [name, number(metric["value"]), _interval(metric)]
        if baseline:
            row += [number(baseline[name]["value"]), _interval(baseline[name])]
        rows.append(row)
    names = ["metric", "value", "95% interval"] + ["n-grams", "95% interval"] * bool(baseline)
    return plain_table(names, rows, right={1, 3})


def _settings(record: Record) -> str:
    settings = {**record.get("settings", {}), **record.get("signatures", {})}
    return "\n".join(f"{name}: {value}" for name, value in settings.items() if value is not None)


def _classes(record: Record) -> str:
    names = ["label", "precision", "recall", "f1", "support"]
    rows = [
        [
            shortened(score["label"], 40),
            *(number(score[name]) for name in names[1:4]),
            f"{score['support']:,}",
        ]
        for score in record["classes"]
    ]
    return plain_table(names, rows, right={1, 2, 3, 4})


def _confusion(record: Record) -> str:
    labels, matrix = record["labels"], record["confusion"]
    if len(labels) > SHOWN_LABELS:
        return f"confusion matrix: {len(labels)} labels, see --format json"
    names = ["right \\ said", *(shortened(label, 16) for label in labels)]
    rows = [
        [shortened(label, 30), *(f"{count:,}" for count in row)]
        for label, row in zip(labels, matrix, strict=True)
    ]
    return plain_table(names, rows, right=set(range(1, len(names))))


def _slices(record: Record) -> str:
    tables = []
    for by in dict.fromkeys(part["by"] for part in record["slices"]):
        parts = [part for part in record["slices"] if part["by"] == by]
        names = list(parts[0]["metrics"])
        rows = [
            [
                shortened(part["value"], 40),
                f"{part['rows']:,}",
                *(number(part["metrics"][name]) for name in names),
            ]
            for part in parts
        ]
        title = "characters" if by == "length" else by
        right = set(range(1, len(names) + 2))
        tables.append(plain_table([title, "rows", *names], rows, right=right))
    return "\n\n".join(tables)


def _mistakes(record: Record) -> str:
    mistakes = record["mistakes"]
    if not mistakes:
        return ""
    has_confidence = all(mistake["confidence"] is not None for mistake in mistakes)
    lines = ["most confident mistakes" if has_confidence else "worst rows"]
    for mistake in mistakes:
        lines.append(f"  row {mistake['row']}: {shortened(mistake['text'], WIDTH - 12)}")
        said = f"said {shortened(mistake['said'], 60)}"
        if has_confidence:
            said += f" ({probability(mistake['confidence'])})"
        lines.append(f"    {said}{_expected(mistake)}")
    return "\n".join(lines)


def _expected(row: Record) -> str:
    return f", right is {shortened(row['expected'], 60)}" if row["expected"] else ""


def _verdict(record: Record) -> str:
    test = record["mcnemar"]
    if test is None:
        return f"B is better on {record['better']:,} rows and worse on {record['worse']:,}"
    return (
        f"only A is right: {test['only_a']:,}; only B is right: {test['only_b']:,}; "
        f"McNemar's exact p = {test['p']:.4g}"
    )


CHANGES = {
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
    for row in record["changed"]:
        change = CHANGES[row["change"]]
        lines.append(f"  row {row['row']}, {change}: {shortened(row['text'], WIDTH - 26)}")
        both = f"A: {shortened(row['a'], 60)}, B: {shortened(row['b'], 60)}"
        lines.append(f"    {both}{_expected(row)}")
    return "\n".join(lines)


def _interval(metric: Record, *, is_difference: bool = False) -> str:
    if metric["low"] is None:
        return "-"
    show = signed if is_difference else number
    return f"{show(metric['low'])} to {show(metric['high'])}"
