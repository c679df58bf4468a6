"""Labels, in a terminal."""

from typing import Any

from llmcli.cli.explain_views import View
from llmcli.cli.explain_views.attributions import show_tokens, signed
from llmcli.cli.output import quoted
from llmcli.cli.plain_tables import probability
from llmcli.cli.tables import show_table


def show(result: Any, view: View) -> None:
    """Show the labels, and what the tokens add to the most probable one."""
    texts, out = view.words("labels"), view.out
    tokens = view.explanation.sides[-1].tokens
    if result.position is not None:
        token = quoted(tokens[result.position].name)
        view.paragraph(texts["lead_tagger"].format(token=token, position=result.position))
        _show_tags(result, view)
    view.paragraph(texts["lead" if result.against else "lead_alone"])
    rows = [
        [
            each.label,
            "" if each.probability is None else probability(each.probability, 3),
            f"{each.logit:.3f}",
            *(signed(value) for value in (each.tokens.sums[0], each.tokens.difference)),
        ]
        for each in result.attributions
    ]
    numbers = [texts["probability"], texts["logit"], texts["gradients_sum"], texts["difference"]]
    show_table([texts["label"], *numbers], rows, right=frozenset(numbers))
    first = result.attributions[0]
    out.line()
    out.styled([(texts["for_label"].format(label=first.label), {"bold": True}), ("\n", {})])
    baseline = quoted(first.tokens.baseline)
    value = signed(first.tokens.baseline_value)
    view.paragraph(texts["baseline"].format(baseline=baseline, baseline_value=value))
    show_tokens(first.tokens, texts, view)
    view.paragraph(texts["attention_warning"])


def _show_tags(result: Any, view: View) -> None:
    """Each token with its label."""
    texts, tokens = view.words("labels"), view.explanation.sides[-1].tokens
    rows = [
        [
            str(at),
            quoted(token.name),
            result.names[int(result.best[at])],
            probability(result.probabilities[at, result.best[at]], 3),
        ]
        for at, token in enumerate(tokens)
        if not token.special
    ]
    columns = ["", texts["token"], texts["label"], texts["probability"]]
    show_table(columns, rows, right=frozenset(["", texts["probability"]]))
