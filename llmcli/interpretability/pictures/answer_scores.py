"""The picture of an answer: what the tokens add to the scores of its first and its last token."""

from typing import Any

from llmcli.interpretability.pictures.token_bars import draw_tokens, inches
from llmcli.interpretability.sections.answer_scores import AnswerScoresResult


def height(result: AnswerScoresResult) -> float:
    """Inches: a bar for each token, both edges beside one another."""
    return max(inches(result.start.tokens), inches(result.end.tokens))


def draw(result: AnswerScoresResult, figure: Any, say: Any) -> None:
    """Draw what each token adds to both edges of the answer."""
    left, right = figure.subplots(1, 2)
    draw_tokens(left, result.start.tokens, say("start_add"))
    draw_tokens(right, result.end.tokens, say("end_add"))
