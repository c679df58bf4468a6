"""Why this word, in a terminal."""

from typing import Any

from llmcli.cli.explain_views import View
from llmcli.cli.explain_views.attributions import bar, show_tokens, signed
from llmcli.cli.output import quoted
from llmcli.cli.plain_tables import probability
from llmcli.cli.tables import show_table

STRONGEST = 6


def show(result: Any, view: View) -> None:
    """Show target and foil, then what parts and tokens add to the difference of their logits."""
    texts = view.words("why")
    names = {"target": quoted(result.target.name), "foil": quoted(result.foil.name)}
    token = view.explanation.sides[-1].tokens[result.position].name
    view.paragraph(
        texts["question_masked" if result.masked else "question"].format(
            position=result.position,
            before=quoted(token),
            target_p=probability(result.target.probability, 3),
            foil_p=probability(result.foil.probability, 3),
            difference=signed(result.difference),
            **names,
        )
    )
    _title(texts["parts_title"], view)
    if result.parts is None:
        view.paragraph(texts[f"no_parts.{result.no_parts}"])
    else:
        _show_parts(result.parts, view)
    _title(texts["tokens_title"], view)
    view.paragraph(texts["tokens_lead"])
    baseline = quoted(result.tokens.baseline)
    view.paragraph(
        texts["baseline"].format(
            baseline=baseline, baseline_value=signed(result.tokens.baseline_value)
        )
    )
    show_tokens(result.tokens, texts, view)
    view.paragraph(texts["attention_warning"])


def _title(text: str, view: View) -> None:
    view.out.line()
    view.out.styled([(text, {"bold": True}), ("\n", {})])


def _show_parts(parts: Any, view: View) -> None:
    texts = view.words("why")
    is_head = parts.level == "head-input"
    view.paragraph(texts["parts_lead_head" if is_head else "parts_lead"])
    columns = {texts["attention"]: parts.attention}
    if len(parts.cross):
        columns[texts["cross"]] = parts.cross
    columns = {name: values for name, values in columns.items() if len(values)}
    columns[texts["mlp"]] = parts.mlp
    sums = sum(columns.values())
    most = float(abs(sums).max()) or 1.0
    rows = [
        [str(layer), bar(sums[layer] / most), *(signed(each[layer]) for each in columns.values())]
        for layer in range(len(sums))
    ]
    names = [texts["layer"], "", *columns]
    show_table(names, rows, right=frozenset(columns))
    values = {
        "embedding": parts.embedding,
        "attention": parts.attention.sum(),
        "cross": parts.cross.sum(),
        "mlp": parts.mlp.sum(),
        "bias": parts.bias,
        "sum": parts.sum,
        "total": parts.total,
    }
    key = "adds_up_cross" if len(parts.cross) else "adds_up"
    view.paragraph(texts[key].format(**{name: signed(value) for name, value in values.items()}))
    strongest = _strongest(parts, view)
    if strongest:
        view.paragraph(f"{texts['strongest']}: {strongest}")
    view.paragraph(texts["parts_limits"])


def _strongest(parts: Any, view: View) -> str:
    """The heads that add most, with their numbers."""
    texts = view.words("why")
    heads = [
        (value, texts[key].format(layer=layer, head=head, value=signed(value)))
        for key, values in (("strongest_item", parts.heads), ("strongest_cross", parts.cross_heads))
        for layer, row in enumerate(values.tolist())
        for head, value in enumerate(row)
    ]
    heads.sort(key=lambda pair: -abs(pair[0]))
    return "; ".join(text for _, text in heads[:STRONGEST])
