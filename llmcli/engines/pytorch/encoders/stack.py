"""All layers of an encoder, in the place of the first one of its model's."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from llmcli.engines.pytorch.encoders.attention import Positions
from llmcli.engines.pytorch.encoders.layer import Layer, Wanted
from llmcli.engines.pytorch.encoders.rows import WANTED, Layout, layout_of

PositionsOf = Callable[[Tensor, int], Mapping[str, Positions]]
"""From the states (B, T, D) of a batch and its longest text to the positions of each kind of layer,
by the kind's name."""
NO_POSITIONS = {"full_attention": Positions()}


class Stack(nn.Module):
    """Calls all layers of an encoder, where transformers calls its first.

    Padding is left out between the layers, and zero after them. Where only some tokens' states are
    used, the last layer computes those alone.
    """

    attention_type = "full_attention"
    """The kind of mask that ModernBERT gives a layer."""

    def __init__(
        self,
        layers: Sequence[Layer],
        kinds: Sequence[str],
        positions_of: PositionsOf | None,
        *,
        only_first: bool,
        gives_tuple: bool,
    ) -> None:
        """kinds: of the layers' attention. only_first: the head reads each text's first token.
        gives_tuple: the model expects a layer to return one."""
        super().__init__()
        self._layers, self._kinds = tuple(layers), tuple(kinds)
        self._positions_of = positions_of
        self._only_first, self._gives_tuple = only_first, gives_tuple

    def forward(
        self, hidden_states: Tensor, attention_mask: Tensor | None = None, *_: Any, **__: Any
    ) -> Any:
        """hidden_states: (B, T, D); attention_mask: as of `layout_of`. Gives (B, T, D)."""
        layout = layout_of(hidden_states, attention_mask)
        wanted = self._wanted(layout)
        rows = layout.rows(hidden_states)  # (N, D)
        longest = max(group.length for group in layout.groups)
        positions = NO_POSITIONS
        if self._positions_of is not None:
            positions = dict(self._positions_of(hidden_states, longest))
        last = len(self._layers) - 1
        for at, (layer, kind) in enumerate(zip(self._layers, self._kinds, strict=True)):
            rows = layer(rows, layout, positions[kind], wanted if at == last else None)
        hidden = layout.back(rows, None if wanted is None else wanted.rows)  # (B, T, D)
        return (hidden,) if self._gives_tuple else hidden

    def _wanted(self, layout: Layout) -> Wanted | None:
        firsts = [
            group.first + text * group.length
            for group in layout.groups
            for text in range(group.texts)
        ]
        if self._only_first:
            return Wanted(layout.ends[:-1].long(), are_first=True)
        mask = WANTED.get()
        if mask is None:
            return None
        rows = layout.numbers(mask)
        return Wanted(rows, are_first=rows.tolist() == firsts)
