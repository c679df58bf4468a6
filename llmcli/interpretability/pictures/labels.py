"""The picture of labels: what the tokens add to the most probable one."""

from typing import Any

from llmcli.interpretability.pictures.token_bars import draw_tokens, inches
from llmcli.interpretability.sections.labels import LabelsResult


def height(result: LabelsResult) -> float:
    """Inches: a bar for each token."""
    return inches(result.attributions[0].tokens)


def draw(result: LabelsResult, figure: Any, say: Any) -> None:
    """Draw what each token adds to the first label."""
    first = result.attributions[0]
    draw_tokens(figure.subplots(), first.tokens, say("for_label", label=first.label))
