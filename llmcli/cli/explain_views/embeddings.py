"""The embeddings section on a terminal: nearest tokens, a plane, and positions."""

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from llmcli.cli.explain_views import WIDTH, View
from llmcli.cli.plain_tables import plain_table
from llmcli.cli.wrapping import cell_width, shortened, wrapped

if TYPE_CHECKING:
    from llmcli.interpretability.positions import Positions
    from llmcli.interpretability.sections.embeddings import EmbeddedTokens, Embeddings

paragraph = partial(wrapped, width=WIDTH)

MOST_TOKENS = 24
PLANE = (72, 17)
"""Columns and lines of the plane."""
FAR = 10
"""Positions apart, in the summary of what a model has for positions."""


def show(result: "Embeddings", view: View) -> None:
    """Show the vectors of tokens and positions."""
    texts = view.words("embeddings")
    for line in _lines(result, texts):
        view.out.line(line)


def _lines(result: "Embeddings", texts: Mapping[str, str]) -> Iterator[str]:
    yield from paragraph(texts["lead"].format(width=result.tokens[0].width))
    for side in result.tokens:
        if len(result.tokens) > 1:
            yield f"\n{texts[f'side_{side.side}']}"
        yield ""
        yield from paragraph(texts["neighbours"])
        yield _neighbours(side, texts)
        if len(side.ids) > MOST_TOKENS:
            yield f"... {len(side.ids)}"
        counts = {"searched": side.neighbours.searched, "left_out": side.neighbours.left_out}
        yield from paragraph(texts["searched"].format(**counts))
        if len(side.ids) > 2:
            yield f"\n{texts['plane']}"
            yield from plane_lines(side)
            shares = [f"{share:.0%}" for share in side.shares.tolist()]
            values = {"width": side.width, "first": shares[0], "second": shares[1]}
            yield from paragraph(texts["plane_says"].format(**values))
    yield f"\n{texts['positions']}"
    for positions in result.positions:
        yield from _positions(positions, texts)


def _neighbours(side: "EmbeddedTokens", texts: Mapping[str, str]) -> str:
    rows = []
    nearest = zip(side.neighbour_names, side.neighbours.similarity.tolist(), strict=True)
    named = list(zip(side.names, side.lengths.tolist(), nearest, strict=True))[:MOST_TOKENS]
    for name, length, (neighbours, cosines) in named:
        own = shortened(f"'{name}'", 16)
        line, room = "", WIDTH - 16 - 10
        for neighbour, cosine in zip(neighbours, cosines, strict=True):
            longer = (
                f"{line}  '{neighbour}' {cosine:.2f}" if line else f"'{neighbour}' {cosine:.2f}"
            )
            if cell_width(longer) > room:
                break
            line = longer
        rows.append([own, f"{length:.2f}", line])
    return plain_table([texts["token"], texts["length"], texts["nearest"]], rows, {1})


def plane_lines(side: "EmbeddedTokens") -> Iterator[str]:
    """Tokens where their vectors lie on the plane; one that would cover another is left out."""
    columns, lines = PLANE
    canvas = [[" "] * columns for _ in range(lines)]
    points = side.coordinates
    least, most = points.min(0), points.max(0)
    span = [float(each) or 1.0 for each in most - least]
    for name, (x, y) in zip(side.names, points.tolist(), strict=True):
        shown = shortened(name, 12) or "\u2423"
        width = cell_width(shown)
        column = round((x - float(least[0])) / span[0] * (columns - width))
        line = round((float(most[1]) - y) / span[1] * (lines - 1))
        around = canvas[line][max(0, column - 1) : column + width + 1]
        if any(cell != " " for cell in around):
            continue
        filled = [char + "\0" * (cell_width(char) - 1) for char in shown]
        canvas[line][column : column + width] = list("".join(filled))
    for row in canvas:
        yield f"  {''.join(row)}".replace("\0", "").rstrip()


def _positions(positions: "Positions", texts: Mapping[str, str]) -> Iterator[str]:
    values = positions.values
    said = texts[f"code_{positions.code}"].format(
        count=positions.count, shown=len(values), heads=len(values), pairs=values.shape[1]
    )
    prefix = "" if positions.stack == "self" else texts[f"stack_{positions.stack}"]
    yield from paragraph(prefix + said)
    if positions.code in ("learned", "sinusoidal") and len(values) > FAR:
        near = f"{values.diagonal(1).mean():.2f}"
        apart = f"{values.diagonal(FAR).mean():.2f}"
        yield from paragraph(
            texts["summary_vectors"].format(near=near, far=FAR, apart=apart, shown=len(values))
        )
    elif positions.code == "rotary":
        waves = [math.tau / speed for speed in values[1].tolist() if speed > 0]
        ends = {"fastest": f"{min(waves):.1f}", "slowest": f"{max(waves):,.0f}"}
        yield from paragraph(texts["summary_rotary"].format(**ends))
    elif positions.distances:
        near, apart = (
            ", ".join(f"{value:+.2f}" for value in values[:8, positions.distances.index(-far)])
            for far in (1, FAR)
        )
        yield from paragraph(texts["summary_distance"].format(near=near, far=FAR, apart=apart))
