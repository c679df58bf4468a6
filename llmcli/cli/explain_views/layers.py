"""Layer by layer, in a terminal."""

from typing import Any

from llmcli.cli.explain_views import View
from llmcli.cli.output import quoted
from llmcli.cli.plain_tables import probability
from llmcli.cli.tables import show_table
from llmcli.cli.wrapping import shortened

NEARBY = 5  # positions beside one another
WIDEST = 9  # columns of a token


def show(result: Any, view: View) -> None:
    """Show what each layer would predict at the position, and the best tokens of those before."""
    texts, out = view.words("layers"), view.out
    token = view.explanation.sides[-1].tokens[view.explanation.position].name
    at = 0 if result.whole else view.explanation.position
    view.paragraph(texts["lead" if result.of_tokens else "lead_labels"])
    out.line()
    place = {"token": quoted(token), "position": view.explanation.position}
    view.paragraph(texts["whole"] if result.whole else texts["at"].format(**place))
    _table(result, at, view)
    view.paragraph(texts["legend"])
    best = result.top[:, at, 0]
    first = max((row + 1 for row in range(len(best)) if best[row] != best[-1]), default=0)
    names = {"token": _shown(result.names[int(best[-1])], result), "layer": layer_name(first, view)}
    view.paragraph(texts["decided" if first < len(best) - 1 else "decided_last"].format(**names))
    if not result.whole:
        _nearby(result, at, view)


def layer_name(row: int, view: View) -> str:
    """The name of a row: the embedding, then layer 0."""
    texts = view.words("layers")
    return texts["layer"].format(layer=row - 1) if row else texts["embedding"]


def _shown(name: str, result: Any) -> str:
    """A token in quotes, a label as it is."""
    return quoted(name) if result.of_tokens else name


def _table(result: Any, at: int, view: View) -> None:
    texts = view.words("layers")
    final = _shown(result.names[int(result.top[-1, at, 0])], result)
    numbers = [texts["probability"], texts["final"].format(token=final)]
    numbers += [texts["divergence"], *([] if result.whole else [texts["norm"]])]
    columns = [texts["after"], texts["says"], numbers[0], texts["second"], *numbers[1:]]
    rows = []
    for row in range(len(result.top)):
        best = [_shown(result.names[int(token)], result) for token in result.top[row, at]]
        cells = [layer_name(row, view), best[0], probability(result.probability[row, at, 0], 3)]
        cells += [*best[1:2], probability(result.final_probability[row, at], 3)]
        cells.append(f"{result.divergence[row, at]:.2f}")
        rows.append(cells if result.whole else [*cells, f"{result.norm[row, at]:.1f}"])
    show_table(columns, rows, right=frozenset(numbers))


def _nearby(result: Any, at: int, view: View) -> None:
    """The best token of each layer at some positions up to this one."""
    texts, tokens = view.words("layers"), view.explanation.sides[-1].tokens
    places = range(max(0, at - NEARBY + 1), at + 1)
    view.out.line()
    view.paragraph(texts["nearby"])
    heads = [shortened(f"{place} {tokens[place].name}", WIDEST + 2) for place in places]
    rows = [
        [
            layer_name(row, view),
            *(
                shortened(_shown(result.names[int(result.top[row, place, 0])], result), WIDEST)
                for place in places
            ),
        ]
        for row in range(len(result.top))
    ]
    show_table([texts["after"], *heads], rows)
