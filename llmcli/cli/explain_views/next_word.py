"""The distribution of the next token at several temperatures, on a terminal."""

from typing import TYPE_CHECKING

from llmcli.cli.explain_views import View
from llmcli.cli.output import quoted
from llmcli.cli.plain_tables import plain_table, shortened
from llmcli.cli.wrapping import wrapped

if TYPE_CHECKING:
    from llmcli.interpretability.sections.next_word import NextWord

TEMPERATURES = (0.5, 1.0, 1.5)
SHOWN = 10
SHARES = (0.5, 0.9, 0.99)
"""Top-p whose number of tokens is said."""


def show(result: "NextWord", view: View) -> None:
    """Show the likeliest next tokens with their probability at some temperatures."""
    texts, out = view.words("next-word"), view.out
    token = view.explanation.sides[-1].tokens[result.position].name
    out.line(texts["terminal_after"].format(token=quoted(token)))
    out.line()
    order = result.ids[result.position]
    columns = [result.probabilities(each) for each in TEMPERATURES]
    rows = [
        [shortened(quoted(result.names[id]), 24), *(f"{values[id]:.2%}" for values in columns)]
        for id in order[:SHOWN].tolist()
    ]
    others = texts["rest_line"].format(count=f"{len(result.logits) - len(rows):,}")
    left = [f"{max(0.0, 1 - values[order[:SHOWN]].sum()):.2%}" for values in columns]
    names = ["", *(texts["at_temperature"].format(value=each) for each in TEMPERATURES)]
    out.line(plain_table(names, [*rows, [others, *left]], {1, 2, 3}))
    out.line()
    pairs = ", ".join(f"{share}: {result.count_of_top_p(share):,}" for share in SHARES)
    out.line("\n".join(wrapped(texts["tokens_of_top_p"].format(pairs=pairs), 80)))
