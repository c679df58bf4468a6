"""The weights of a checkpoint during a conversion, which must use all of them."""

import re

from llmcli.arrays import Floats
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
        present = [name for name in names if name in self._tensors]
        if not present:
            raise ModelUnsuitable(f"{self.checkpoint.model_id} has no weights {names[0]}")
        self._left.discard(present[0])
        return self._tensors[present[0]]

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
