"""The picture of one head by hand: its weights, a row for each query."""

from typing import Any

import numpy as np

from llmcli.interpretability.pictures.style import HeatMap, heat_map
from llmcli.interpretability.sections.by_hand import ByHand

ROW, EDGES, MOST = 0.25, 1.2, 12.0  # inches


def height(result: ByHand) -> float:
    """Inches: a row a query, up to a limit."""
    return EDGES + min(MOST, ROW * len(result.weights))


def draw(result: ByHand, figure: Any, say: Any) -> None:
    """Draw the weights as a heat map; hidden keys are empty."""
    axes = figure.subplots()
    axes.set_title(say("picture", layer=result.layer, head=result.head))
    weights = np.where(np.isneginf(result.mask), np.nan, result.weights)
    names = [[repr(name)[1:-1] for name in side] for side in (result.query_names, result.key_names)]
    heat = HeatMap(
        values=weights,
        rows=names[0],
        columns=names[1],
        limits=(0.0, 1.0),
        label=say("weight"),
        numbers=".2f",
    )
    heat_map(axes, heat)
