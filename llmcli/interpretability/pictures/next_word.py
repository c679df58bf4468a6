"""The picture of the next word: its likeliest tokens at three temperatures."""

from typing import Any

import numpy as np

from llmcli.interpretability.pictures.style import BLUE, GREY, ORANGE
from llmcli.interpretability.sections.next_word import NextWord

SHOWN = 12
TEMPERATURES = ((0.5, BLUE), (1.0, GREY), (1.5, ORANGE))
THICK = 0.26


def height(result: NextWord) -> float:
    """Inches: three bars a token."""
    return 0.9 + 0.32 * min(SHOWN, len(result.logits))


def draw(result: NextWord, figure: Any, say: Any) -> None:
    """Draw the probabilities of the likeliest tokens at each temperature."""
    axes = figure.subplots()
    ids = result.ids[result.position][:SHOWN]
    places = np.arange(len(ids))
    for number, (temperature, colour) in enumerate(TEMPERATURES):
        values = result.probabilities(temperature)[ids]
        label = say("at_temperature", value=temperature)
        axes.barh(places + (number - 1) * THICK, values, THICK, color=colour, label=label)
    axes.set_yticks(places, [repr(result.names[id])[1:-1] for id in ids.tolist()])
    axes.invert_yaxis()
    axes.set_xlabel(say("probability"))
    axes.legend(frameon=False)
