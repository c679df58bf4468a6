"""The picture of an alignment: target words by source words."""

from typing import Any

from llmcli.interpretability.pictures.style import HeatMap, heat_map
from llmcli.interpretability.sections.alignment import Alignment

ROW, EDGES = 0.26, 1.4  # inches


def height(result: Alignment) -> float:
    """Inches: a row for each target word."""
    return EDGES + ROW * len(result.targets)


def draw(result: Alignment, figure: Any, say: Any) -> None:
    """Draw the mean of all layers and heads."""
    rows, columns = ([word.text for word in side] for side in (result.targets, result.sources))
    axes = figure.subplots()
    limits = (0.0, 1.0)
    heat_map(
        axes, HeatMap(values=result.mean, rows=rows, columns=columns, limits=limits, numbers=".2f")
    )
    axes.set_title(say("matrix"))
