"""Where the answer is, in a terminal."""

from typing import Any

from llmcli.cli.explain_views import View
from llmcli.cli.explain_views.attributions import show_sums, signed
from llmcli.cli.output import quoted
from llmcli.cli.plain_tables import probability
from llmcli.cli.tables import show_table


def show(result: Any, view: View) -> None:
    """Show the answer, and for each token both of its scores and what it adds to the answer's."""
    texts = view.words("answer-scores")
    view.paragraph(texts["lead"])
    chance = probability(result.probability, 3)
    view.paragraph(texts["answer"].format(answer=result.answer, probability=chance))
    numbers = [texts[name] for name in ("start_p", "end_p", "start_add", "end_add")]
    tokens = view.explanation.sides[-1].tokens
    first, end = result.content
    adds = [edge.tokens.sides[0].integrated_gradients for edge in (result.start, result.end)]
    rows = [
        [
            str(at),
            quoted(token.name),
            *(
                probability(edge.probabilities[at], 3) if first <= at < end else ""
                for edge in (result.start, result.end)
            ),
            *(signed(each[at]) for each in adds),
        ]
        for at, token in enumerate(tokens)
        if not token.special
    ]
    show_table(["", texts["token"], *numbers], rows, right=frozenset(["", *numbers]))
    for name, edge in (("start", result.start), ("end", result.end)):
        token = quoted(tokens[edge.position].name)
        view.paragraph(texts["attributed"].format(token=token, edge=texts[name]))
        show_sums(edge.tokens, texts, view)
    baseline = quoted(result.start.tokens.baseline)
    value = signed(result.start.tokens.baseline_value)
    view.paragraph(texts["baseline"].format(baseline=baseline, baseline_value=value))
    view.paragraph(texts["gradients_says"])
    view.paragraph(texts["attention_warning"])
