"""The attention section on a terminal: all heads by kind, and the weights of some."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from llmcli.cli.explain_views import WIDTH, View
from llmcli.cli.explain_views.matrix import Matrix, cut, extent, matrix_lines, visible
from llmcli.cli.wrapping import cell_width, wrapped

if TYPE_CHECKING:
    from llmcli.interpretability.attention_parts import AttentionPart
    from llmcli.interpretability.sections.attention import Attention

Say = Callable[..., str]
LABEL = 6
"""Columns of a layer's number."""
CELL = 5
"""Columns of a head with its score."""
ROOM = 65
"""Columns for the heads of a layer."""
MOST_NAMED = 3
"""Heads of a kind that are named."""
MOST_SHOWN = 4
"""Heads of a part whose weights are shown."""


def show(attention: "Attention", view: View) -> None:
    """Show the kinds of all heads of each part, and the weights of the clearest or chosen ones."""
    say = view.say("attention")
    for at, part in enumerate(attention.parts):
        for line in _part(part, say, has_legend=at == 0):
            view.out.line(line)
    view.paragraph(say("caution"))


def _part(part: "AttentionPart", say: Say, *, has_legend: bool) -> Iterator[str]:
    layers, heads = part.shape
    yield say(f"part_{part.part}")
    yield from wrapped(say("lead", layers=layers, heads=heads), WIDTH)
    start = visible(part.queries[0])
    yield from wrapped(say(f"rows_{_view_of(part)}", start=start), WIDTH)
    if part.has_sinks:
        yield from wrapped(say("sink"), WIDTH)
    yield ""
    yield from _grid(part, say)
    yield ""
    yield from _kinds(part, say)
    if has_legend:
        yield ""
        yield from wrapped(say("legend"), WIDTH)
        yield from wrapped(say("effect_says"), WIDTH)
    places = _to_show(part)
    for layer, head in places[:MOST_SHOWN]:
        yield ""
        yield from _head(part, layer, head, say)
    if len(places) > MOST_SHOWN:
        yield ""
        yield from wrapped(say("more_shown", count=len(places) - MOST_SHOWN), WIDTH)
    yield ""


def _head(part: "AttentionPart", layer: int, head: int, say: Say) -> Iterator[str]:
    """The weights of a head; layer and head are its places among those that are kept."""
    held = part.held[layer]
    kind = part.kind(part.layer_numbers.index(held.layer), part.heads[head])
    names = {"layer": held.layer, "head": part.heads[head], "kind": say(f"kind_{kind}")}
    yield say("the_head", **names)
    matrix = Matrix(part.queries, part.keys, held.weights[head], part.direction == "causal")
    yield from matrix_lines(matrix, say("greatest"))
    fits = extent(matrix)
    if fits.is_cut(matrix):
        rows, columns = len(matrix.rows), len(matrix.columns)
        shown = {"first": fits.first, "last": rows - 1, "column": fits.columns - 1}
        yield from wrapped(say("drawn", rows=rows, columns=columns, **shown), WIDTH)


def _view_of(part: "AttentionPart") -> str:
    """The key of what rows and columns are."""
    return "decoder" if part.part == "decoder" else part.direction


def _to_show(part: "AttentionPart") -> list[tuple[int, int]]:
    """The places of the heads whose weights are shown."""
    if not part.is_chosen:
        return [part.clearest()]
    return [(at, head) for at in range(len(part.held)) for head in range(len(part.heads))]


def _grid(part: "AttentionPart", say: Say) -> Iterator[str]:
    """A line for each layer: the letter of each head, its score if there is room, the effect."""
    layers, heads = part.shape
    cell = CELL if CELL * heads <= ROOM else 2 if 2 * heads <= ROOM else 1
    numbers = "".join(f"{head if cell > 1 else '':>{cell}}" for head in range(heads))
    yield f"{cut(say('layer'), LABEL)}{numbers}  {say('effect')}"
    for at in range(layers):
        marks = [_mark(part, at, head, say) for head in range(heads)]
        cells = "".join(f"{mark if cell == CELL else mark[0]:>{cell}}" for mark in marks)
        effect = part.effects[at]
        size = "-" if effect != effect else f"{effect:.2f}"
        yield f"{part.layer_numbers[at]:>{LABEL - 1}} {cells}  {size}"


def _mark(part: "AttentionPart", layer: int, head: int, say: Say) -> str:
    """P97 for a head of the kind `previous`, p33 for one that leans to it."""
    kind, score = part.leaning(layer, head)
    letter = say(f"mark_{kind}")
    letter = letter.lower() if part.kind(layer, head) == "mixed" else letter
    return f"{letter}{100 * score:.0f}" if score == score else letter


def _kinds(part: "AttentionPart", say: Say) -> Iterator[str]:
    """The kinds that this part can have, each with its clearest heads."""
    layers, heads = part.shape
    most = max(cell_width(say(f"kind_{kind}")) for kind in part.scores)
    for kind, scores in part.scores.items():
        places = [(layer, head) for layer in range(layers) for head in range(heads)]
        own = [place for place in places if part.kind(*place) == kind]
        own.sort(key=lambda place, scores=scores: -scores[place])  # type: ignore[misc]
        named = [
            f"{part.layer_numbers[layer]}.{head} ({scores[layer, head]:.2f})"
            for layer, head in own[:MOST_NAMED]
        ]
        more = len(own) - MOST_NAMED
        listed = ", ".join(named) + (say("more_heads", count=more) if more > 0 else "")
        yield f"  {say(f'mark_{kind}')} {cut(say(f'kind_{kind}'), most)}  {listed or '-'}"
