"""The picture of the embeddings section: tokens on a plane, and what there is for positions."""

from typing import Any

import numpy as np

from llmcli.interpretability.pictures.figure import Say
from llmcli.interpretability.pictures.style import BLUE, GREY, HeatMap, heat_map
from llmcli.interpretability.positions import Positions
from llmcli.interpretability.sections.embeddings import EmbeddedTokens, Embeddings

PLANE, MAP = 4.6, 3.6  # inches


def height(result: Embeddings) -> float:
    """Inches that the section needs."""
    return PLANE * len(result.tokens) + MAP * len(_drawn(result))


def draw(result: Embeddings, figure: Any, say: Say) -> None:
    """Draw a plane for each side, and a heat map for what each stack has for positions."""
    maps = _drawn(result)
    ratios = [*[PLANE] * len(result.tokens), *[MAP] * len(maps)]
    axes = figure.subplots(len(ratios), 1, squeeze=False, height_ratios=ratios)[:, 0]
    for own, side in zip(axes, result.tokens, strict=False):
        _plane(own, side, say)
    for own, positions in zip(axes[len(result.tokens) :], maps, strict=True):
        _positions(own, positions, say)


def _drawn(result: Embeddings) -> list[Positions]:
    return [positions for positions in result.positions if positions.values.size]


def _plane(axes: Any, side: EmbeddedTokens, say: Say) -> None:
    axes.scatter(*side.coordinates.T, s=12, color=BLUE)
    for name, place in zip(side.names, side.coordinates.tolist(), strict=True):
        axes.annotate(name, place, xytext=(3, 3), textcoords="offset points", fontsize=8)
    first, second = (f"{share:.0%}" for share in side.shares.tolist())
    axes.set_xlabel(say("axis", number=1, share=first))
    axes.set_ylabel(say("axis", number=2, share=second))
    axes.margins(0.08)
    axes.grid(alpha=0.25, color=GREY)
    axes.set_title(f"{say(f'side_{side.side}')}: {say('plane')}", loc="left")


def _positions(axes: Any, positions: Positions, say: Say) -> None:
    values = positions.values
    is_rotary = positions.code == "rotary"
    by_distance = bool(positions.distances)
    key = "map_rotary" if is_rotary else "map_distance" if by_distance else "map_learned"
    across = positions.distances or range(values.shape[1])
    heat_map(
        axes,
        HeatMap(
            values=np.cos(values) if is_rotary else values,
            rows=[str(at) for at in range(len(values))],
            columns=[str(at) for at in across],
            changes=True,
            limits=None if by_distance else (-1.0, 1.0),
        ),
    )
    prefix = "" if positions.stack == "self" else say(f"stack_{positions.stack}")
    axes.set_title(prefix + say(key, shown=len(values)), loc="left")
    axes.set_xlabel(say("distance" if by_distance else "pair" if is_rotary else "position"))
    axes.set_ylabel(say("head" if by_distance else "position"))
