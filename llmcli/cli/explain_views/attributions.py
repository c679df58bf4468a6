"""What tokens add to a number, as a table: shared by the sections that attribute."""

from collections.abc import Mapping
from typing import Any

from llmcli.cli.explain_views import WIDTH, View
from llmcli.cli.output import quoted
from llmcli.cli.tables import show_table
from llmcli.cli.wrapping import wrapped

MOST_ROWS = 24
HALF = 6  # characters of a bar to each side


def signed(value: float) -> str:
    """A number with its sign and three decimals: a minus sign is as wide as a plus sign."""
    return f"{value:+.3f}".replace("-", "\u2212")


def show_tokens(tokens: Any, texts: Mapping[str, str], view: View) -> None:
    """Show each token with its numbers by the three methods, then the sums beside the difference.

    texts: of the section, among them the names of the methods.
    """
    names = {side.name: [token.name for token in side.tokens] for side in view.explanation.sides}
    rows = [
        (side.side, names[side.side][at], at, side)
        for side in tokens.sides
        for at in range(len(names[side.side]))
        if side.integrated_gradients[at] or side.gradient_x_input[at] or side.occlusion[at]
    ]
    count = len(rows)
    if count > MOST_ROWS:
        order = sorted(rows, key=lambda row: -abs(row[3].integrated_gradients[row[2]]))
        strongest = {(row[0], row[2]) for row in order[:MOST_ROWS]}
        rows = [row for row in rows if (row[0], row[2]) in strongest]
        view.paragraph(texts["strongest_tokens"].format(shown=MOST_ROWS, count=count))
    methods = [texts[f"{name}_short"] for name in ("gradients", "input", "occlusion")]
    columns = [texts["token"], "", *methods]
    most = max((abs(row[3].integrated_gradients[row[2]]) for row in rows), default=1.0)
    cells = [
        [
            quoted(name) if len(tokens.sides) == 1 else f"{texts[f'side_{side}']} {quoted(name)}",
            bar(values.integrated_gradients[at] / (most or 1.0)),
            signed(values.integrated_gradients[at]),
            signed(values.gradient_x_input[at]),
            signed(values.occlusion[at]),
        ]
        for side, name, at, values in rows
    ]
    show_table(columns, cells, right=frozenset(methods))
    show_sums(tokens, texts, view)


def show_sums(tokens: Any, texts: Mapping[str, str], view: View) -> None:
    """Write the sums beside the difference, and whether they agree."""
    gradients, by_input, occlusion = (signed(value) for value in tokens.sums)
    difference = signed(tokens.difference)
    view.paragraph(
        texts["sums"].format(
            gradients=gradients, input=by_input, occlusion=occlusion, difference=difference
        )
    )
    text = texts["complete" if tokens.holds else "incomplete"].format(
        sum=gradients, difference=difference, nodes=tokens.nodes, error=f"{tokens.error:.1g}"
    )
    text = "\n".join(wrapped(text, WIDTH))
    view.out.styled([(text, {} if tokens.holds else {"fg": "yellow", "bold": True}), ("\n", {})])


def bar(share: float) -> str:
    """A bar to the right of a line for a share above 0, to the left below.

    >>> bar(0.5), bar(-1.0)
    ('      │███   ', '██████│      ')
    """
    blocks = "█" * round(HALF * min(1.0, abs(share)))
    left, right = ("", blocks) if share > 0 else (blocks, "")
    return f"{left:>{HALF}}│{right:<{HALF}}"
