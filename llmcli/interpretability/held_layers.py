"""The weights of the layers with the greatest effect, within a limit."""

from dataclasses import dataclass

from llmcli.arrays import Floats


@dataclass(frozen=True, slots=True)
class HeldLayer:
    """What is kept of one layer's attention."""

    layer: int
    effect: float
    weights: Floats
    """(heads, Tq, Tk)."""
    norms: Floats | None
    """(heads, Tk) ||v W_O|| of each key, or None where the values are not known."""


class HeldLayers:
    """Takes one layer after another and keeps those with the greatest effect.

    At no time are more weights held than the limit and one layer besides; one layer is always held.
    """

    def __init__(self, most: int) -> None:
        """most: the greatest number of weights."""
        self._most = most
        self._held: list[HeldLayer] = []

    def add(self, held: HeldLayer) -> None:
        """Take a layer; let go of those with the least effect while there are too many weights."""
        self._held.append(held)
        while len(self._held) > 1 and self._size() > self._most:
            self._held.remove(min(self._held, key=lambda layer: layer.effect))

    def in_order(self) -> tuple[HeldLayer, ...]:
        """The layers that are held, in the model's order."""
        return tuple(sorted(self._held, key=lambda layer: layer.layer))

    def _size(self) -> int:
        return sum(layer.weights.size for layer in self._held)
