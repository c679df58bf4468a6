"""The picture of tokens: a bar of surprisal for each."""

from typing import Any

import numpy as np

from llmcli.interpretability.pictures.style import ORANGE
from llmcli.interpretability.sections.tokens import Tokens

BAR, EDGES = 0.22, 0.9  # inches


def height(result: Tokens) -> float:
    """Inches: a bar a token, under one or two conditions side by side."""
    return EDGES + BAR * len(result.tokens)


def draw(result: Tokens, figure: Any, say: Any) -> None:
    """Draw the surprisal of each token in nats."""
    panels = figure.subplots(1, len(result.predictions), sharey=True, squeeze=False)[0]
    places = np.arange(len(result.tokens))
    for axes, prediction in zip(panels, result.predictions, strict=True):
        axes.barh(places, np.nan_to_num(prediction.surprisal), color=ORANGE)
        axes.set_xlabel(say("surprisal_in_nats"))
        if len(panels) > 1:
            axes.set_title(f"{say('view')} {say(f'view_{prediction.name}')}")
    panels[0].set_yticks(places, [repr(name)[1:-1] for name in result.tokens])
    panels[0].invert_yaxis()
