"""Bars of what tokens add to a number, for the pictures of several sections."""

from typing import Any

from llmcli.interpretability.pictures.style import bars
from llmcli.interpretability.token_attribution import TokenAttribution

MOST = 40
EACH = 0.19  # inches of a bar


def chosen(tokens: TokenAttribution) -> list[tuple[str, float]]:
    """The names of the tokens that add something, with their integrated gradients, in order."""
    pairs = [
        (repr(name)[1:-1], float(value))
        for side in tokens.sides
        for name, value in zip(side.names, side.integrated_gradients, strict=True)
        if value
    ]
    strongest = sorted(range(len(pairs)), key=lambda at: -abs(pairs[at][1]))[:MOST]
    return [pairs[at] for at in sorted(strongest)]


def inches(tokens: TokenAttribution) -> float:
    """The height that the bars need."""
    return 0.7 + EACH * max(1, len(chosen(tokens)))


def draw_tokens(axes: Any, tokens: TokenAttribution, label: str) -> None:
    """Draw a bar for each token, the first on top; label: what the numbers are."""
    pairs = chosen(tokens)
    bars(axes, [name for name, _ in pairs], [value for _, value in pairs], label)
