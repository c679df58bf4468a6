"""The picture of the logit lens: what each layer would predict at each position."""

from typing import Any

from llmcli.interpretability.pictures.style import HeatMap, bars, heat_map
from llmcli.interpretability.sections.layers import LayersResult

MOST_NAMED = 16  # columns in which the tokens can be read
LONGEST = 9  # characters of a token in a cell


def height(result: LayersResult) -> float:
    """Inches: a row for each layer."""
    return 1.2 + 0.28 * len(result.rows)


def draw(result: LayersResult, figure: Any, say: Any) -> None:
    """Draw the layers as rows; of a classifier, a bar for each."""
    axes = figure.subplots()
    rows = [say("layer", layer=row - 1) if row else say("embedding") for row in result.rows]
    if result.whole:
        label = result.names[int(result.top[-1, 0, 0])]
        bars(axes, rows, result.final_probability[:, 0].tolist(), say("final", token=label))
        return
    values = result.probability[:, :, 0]
    columns = [repr(name)[1:-1] for name in result.tokens]
    label = say("colour_probability")
    heat = HeatMap(values=values, rows=rows, columns=columns, limits=(0.0, 1.0), label=label)
    heat_map(axes, heat)
    if len(columns) > MOST_NAMED:
        return
    for row, column in (
        (row, column) for row in range(len(rows)) for column in range(len(columns))
    ):
        name = repr(result.names[int(result.top[row, column, 0])])[1:-1]
        colour = "black" if values[row, column] > 0.6 else "white"
        axes.text(column, row, name[:LONGEST], ha="center", va="center", fontsize=6.5, color=colour)
