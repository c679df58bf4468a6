"""The common look of pictures: sizes, colours for all kinds of sight, heat maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmcli.system.extras import load_extra

WIDTH = 9.0
"""Width of a picture in inches."""
TITLE = 0.5
"""Height of a section's title in inches."""
BLUE, ORANGE, GREY = "#1f5fa8", "#c75d00", "#6b7280"
"""Falls or is first; rises or is second; neither. Blue and orange differ for every eye."""
SEQUENTIAL = "cividis"
"""Colour map of values from 0 up: weights, probabilities."""
SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text: it can be searched, and the viewer has the font
    "svg.hashsalt": "llmcli",  # equal pictures are equal files
    "text.parse_math": False,  # a token may be a dollar sign
    "font.family": ["DejaVu Sans"],  # comes with matplotlib
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "text.color": "black",
    "axes.labelcolor": "black",
}
"""Settings of matplotlib for all pictures, whatever the user's own matplotlibrc says."""


def diverging() -> Any:
    """The colour map of changes: blue below zero, white at zero, orange above."""
    colors = load_extra("matplotlib.colors", "a picture")
    ends = ["#0b3c75", "#5a8fc7", "#ffffff", "#ee9b50", "#8f3f00"]
    return colors.LinearSegmentedColormap.from_list("blue-orange", ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """What a heat map shows; names of None are left out."""

    values: NDArray[np.float32]
    """(R, C); NaN where there is no value."""
    rows: Sequence[str] | None = None
    """Names of the rows."""
    columns: Sequence[str] | None = None
    """Names of the columns."""
    changes: bool = False
    """True if zero is the middle of the colours; else they go from the least to the greatest."""
    limits: tuple[float, float] | None = None
    """Values of the first and the last colour; None takes them from the values."""
    label: str = ""
    """What the colours mean, beside their bar."""
    numbers: str | None = None
    """A format such as `.2f` writes each value into its cell, where there are few cells."""


MOST_NUMBERS = 400
"""Cells above which numbers would be too small to read."""
MOST_NAMES = 64
"""Rows or columns above which only some have their name."""
MOST_COUNTS = 20
"""The same where the names are numbers in order."""


def heat_map(axes: Any, heat: HeatMap) -> Any:
    """Draw a heat map with its names and its bar of colours; matplotlib's image is returned."""
    values = np.asarray(heat.values, dtype=np.float64)
    least, most = _limits(heat, values)
    colours = diverging() if heat.changes else SEQUENTIAL
    image = axes.imshow(values, aspect="auto", cmap=colours, vmin=least, vmax=most)
    for axis, names in ((axes.yaxis, heat.rows), (axes.xaxis, heat.columns)):
        _name(axis, names)
    if heat.columns is not None and sum(map(len, heat.columns)) > 2 * len(heat.columns) + 40:
        axes.tick_params(axis="x", labelrotation=90)
    if heat.numbers and values.size <= MOST_NUMBERS:
        _write_numbers(axes, image, values, heat.numbers)
    axes.figure.colorbar(image, ax=axes, label=heat.label, pad=0.01, fraction=0.04)
    return image


def _limits(heat: HeatMap, values: NDArray[np.float64]) -> tuple[float, float]:
    if heat.limits is not None:
        return heat.limits
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    if heat.changes:
        most = float(np.abs(known).max()) or 1.0
        return -most, most
    least, most = float(known.min()), float(known.max())
    return least, most if most > least else least + 1.0


def _name(axis: Any, names: Sequence[str] | None) -> None:
    if names is None:
        axis.set_ticks([])
        return
    counts = len(names) > 1 and all(name.lstrip("-").isdigit() for name in names)
    step = -(-len(names) // (MOST_COUNTS if counts else MOST_NAMES)) if names else 1
    places = range(0, len(names), step)
    axis.set_ticks(list(places), [names[place] for place in places])


def _write_numbers(axes: Any, image: Any, values: NDArray[np.float64], form: str) -> None:
    size = 8 if values.shape[1] <= 12 else 6
    for row, column in np.argwhere(np.isfinite(values)):
        value = values[row, column]
        red, green, blue, _ = image.cmap(image.norm(value))
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        axes.text(
            column,
            row,
            format(round(value, 2) + 0.0, form),  # no -0
            ha="center",
            va="center",
            fontsize=size,
            color="white" if dark else "black",
        )


def bars(axes: Any, names: Sequence[str], values: Sequence[float], label: str) -> None:
    """Draw a horizontal bar for each value, the first on top: orange above zero, blue below."""
    places = np.arange(len(names))
    axes.barh(places, values, color=[ORANGE if value >= 0 else BLUE for value in values])
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_xlabel(label)
