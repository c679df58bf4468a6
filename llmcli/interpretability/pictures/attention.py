"""The picture of attention: all kept heads of each part as a mosaic, and the clearest in full."""

from typing import Any

import numpy as np

from llmcli.arrays import Floats
from llmcli.interpretability.attention_parts import AttentionPart
from llmcli.interpretability.pictures.style import SEQUENTIAL, WIDTH, HeatMap, heat_map
from llmcli.interpretability.sections.attention import Attention

ROW, MOST, EDGES = 0.24, 7.0, 1.1  # inches: of a token, of a matrix, around each part
GAP = 0.06
"""The space between two heads, relative to their size."""


def height(result: Attention) -> float:
    """Inches: of each part the mosaic of its heads, and one matrix."""
    return sum(sum(_heights(part)) + EDGES for part in result.parts)


def _heights(part: AttentionPart) -> tuple[float, float]:
    mosaic = WIDTH * 0.8 * len(part.held) / max(6, len(part.heads))
    return min(MOST, mosaic) + 0.4, min(MOST, ROW * len(part.queries)) + 0.8


def draw(result: Attention, figure: Any, say: Any) -> None:
    """Draw each part: rows are layers, columns heads; below, the weights of the clearest head."""
    heights = [size for part in result.parts for size in _heights(part)]
    panels = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, mosaic, matrix in zip(result.parts, panels[::2], panels[1::2], strict=True):
        _draw_heads(part, mosaic, say)
        layer, head = part.clearest()
        held = part.held[layer]
        kind = part.kind(part.layer_numbers.index(held.layer), part.heads[head])
        names = {"layer": held.layer, "head": part.heads[head], "kind": say(f"kind_{kind}")}
        rows, columns = ([repr(name)[1:-1] for name in side] for side in (part.queries, part.keys))
        values = _seen(part, held.weights[head])
        heat_map(
            matrix, HeatMap(values=values, rows=rows, columns=columns, limits=(0, 1), numbers=".2f")
        )
        matrix.set_title(say("the_head", **names))


def _seen(part: AttentionPart, weights: Floats) -> Floats:
    """The weights, NaN where a token cannot see."""
    if part.direction != "causal":
        return weights
    return np.where(np.tril(np.ones_like(weights)) > 0, weights, np.float32(np.nan))


def _draw_heads(part: AttentionPart, axes: Any, say: Any) -> None:
    """All kept heads in one image, each at its place in a grid of layers and heads."""
    for row, held in enumerate(part.held):
        for column in range(len(part.heads)):
            left, top = column + GAP / 2, row + GAP / 2
            place = (left, left + 1 - GAP, top + 1 - GAP, top)
            weights = _seen(part, held.weights[column])
            axes.imshow(
                np.sqrt(weights), extent=place, aspect="auto", cmap=SEQUENTIAL, vmin=0, vmax=1
            )
    axes.set_xlim(0, len(part.heads))
    axes.set_ylim(len(part.held), 0)
    axes.set_xticks(np.arange(len(part.heads)) + 0.5, [str(head) for head in part.heads])
    axes.set_yticks(np.arange(len(part.held)) + 0.5, [str(held.layer) for held in part.held])
    axes.set_xlabel(say("head"))
    axes.set_ylabel(say("layer"))
    axes.set_title(say(f"part_{part.part}"))
