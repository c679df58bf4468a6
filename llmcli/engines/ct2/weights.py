"""The weights of a checkpoint during a conversion, which must use all of them."""

import re
from collections.abc import Sequence

import numpy as np

from llmcli.arrays import Floats
from llmcli.engines.ct2.stored import Stored
from llmcli.engines.ct2.support import UnsupportedByCt2
from llmcli.errors import ModelUnsuitable
from llmcli.models.checkpoint import Checkpoint, check, weight_files
from llmcli.models.safetensors import Tensors

# Tensors in old checkpoints that follow from the configuration.
DERIVED = re.compile(
    r"(?:^|\.)(?:attn\.(?:masked_)?bias|attention\.(?:masked_)?bias|rotary_emb\.inv_freq|"
    r"position_ids|embed_positions\.(?:_float_tensor|weights))$"
)


class Weights:
    """The tensors of a checkpoint; it remembers which were taken."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Read the headers. Raises ModelNotFound, ModelUnsuitable as `checkpoint.check` does."""
        check(checkpoint)
        self.checkpoint = checkpoint
        self._tensors = Tensors(weight_files(checkpoint))
        self._left = {name for name in self._tensors.names() if not DERIVED.search(name)}

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def take(self, *names: str) -> Floats:
        """A tensor as float32, which holds bfloat16 and float16 exactly.

        names: alternatives; the first one that the checkpoint has is used. Raises ModelUnsuitable
        if it has none of them.
        """
        return self._tensors[self._take(names)]

    def _take(self, names: Sequence[str]) -> str:
        present = [name for name in names if name in self._tensors]
        if not present:
            raise ModelUnsuitable(f"{self.checkpoint.model_id} has no weights {names[0]}")
        self._left.discard(present[0])
        return present[0]

    def later(self, *names: str) -> Stored:
        """As `take`, but the tensor is read when it is written."""
        return self.joined([self._take(names)])

    def joined(self, names: Sequence[str], *, transposed: bool = False) -> Stored:
        """Some tensors below one another, each transposed if that is asked for, read later.

        Raises ModelUnsuitable for one that is missing or does not fit.
        """
        names = [self._take([name]) for name in names]
        shapes = [self._tensors.shapes()[name] for name in names]
        shapes = [shape[::-1] if transposed else shape for shape in shapes]
        if not all(shape and shape[1:] == shapes[0][1:] for shape in shapes):
            shown = " and ".join(
                f"{name} {shape}" for name, shape in zip(names, shapes, strict=True)
            )
            raise ModelUnsuitable(
                f"{self.checkpoint.model_id} has weights whose shapes do not fit: {shown}"
            )

        def read() -> Floats:
            parts = [self._tensors[name] for name in names]
            parts = [part.T for part in parts] if transposed else parts
            return parts[0] if len(parts) == 1 else np.concatenate(parts)

        rows = sum(shape[0] for shape in shapes)
        return Stored((rows, *shapes[0][1:]), read, (*names, transposed))

    def leave_out(self, *names: str) -> None:
        """Say of tensors, whether the checkpoint has them or not, that nothing reads them."""
        self._left -= set(names)

    def prefix(self, *candidates: str) -> str:
        """The first candidate that some names in this checkpoint begin with; empty if none does."""
        for prefix in candidates:
            if any(name.startswith(prefix) for name in self._tensors.names()):
                return prefix
        return ""

    def require_all_taken(self, prefix: str = "") -> None:
        """Raise UnsupportedByCt2 if a tensor was not taken: it would be lost."""
        left = sorted(name for name in self._left if name.startswith(prefix))
        if left:
            raise UnsupportedByCt2(
                f"{self.checkpoint.model_id} has weights that ct2 does not support: {left[0]}"
            )
