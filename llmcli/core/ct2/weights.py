"""The weights of a checkpoint as numpy arrays, without torch."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmcli.core.checkpoint import Checkpoint, check, weight_files
from llmcli.errors import ModelUnsuitable

Array = NDArray[np.float32]
STORED = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "BF16": "<u2"}
# Tensors that old checkpoints store and that follow from the configuration.
DERIVED = re.compile(
    r"(?:^|\.)(?:attn\.(?:masked_)?bias|attention\.(?:masked_)?bias|rotary_emb\.inv_freq|"
    r"position_ids|embed_positions\.(?:_float_tensor|weights))$"
)


class Weights:
    """The tensors of a checkpoint, each of which is to be taken."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Read the headers. Raises ModelNotFound, ModelUnsuitable as `checkpoint.check` does."""
        check(checkpoint)
        self.checkpoint = checkpoint
        self._places: dict[str, tuple[NDArray[np.uint8], dict[str, Any]]] = {}
        for path in weight_files(checkpoint):
            self._places |= _places(path)
        self._left = {name for name in self._places if not DERIVED.search(name)}

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def take(self, *names: str) -> Array:
        """A tensor as float32, which holds bfloat16 and float16 exactly.

        names: what it may be called; the first that is there counts. Raises ModelUnsuitable.
        """
        found = [name for name in names if name in self._places]
        if not found:
            raise ModelUnsuitable(f"{self.checkpoint.model_id} has no weights {names[0]}")
        self._left.discard(found[0])
        data, place = self._places[found[0]]
        if place["dtype"] not in STORED:
            raise ModelUnsuitable(
                f"{self.checkpoint.model_id} stores {found[0]} as {place['dtype']}: "
                "only floats can be converted"
            )
        start, end = place["data_offsets"]
        raw: NDArray[Any] = data[start:end].view(STORED[place["dtype"]]).reshape(place["shape"])
        if place["dtype"] == "BF16":  # the upper half of a float32
            raw = (raw.astype(np.uint32) << 16).view(np.float32)
        result: Array = raw.astype(np.float32, copy=False)
        return result

    def prefix(self, *candidates: str) -> str:
        """The beginning that the names of a model's body have in this checkpoint, or none."""
        for prefix in candidates:
            if any(name.startswith(prefix) for name in self._places):
                return prefix
        return ""

    def require_all_taken(self, prefix: str = "") -> None:
        """Raise ModelUnsuitable if a tensor was not used: the model is not what it seemed."""
        left = sorted(name for name in self._left if name.startswith(prefix))
        if left:
            raise ModelUnsuitable(
                f"{self.checkpoint.model_id} has weights that ct2 does not know: {left[0]}"
            )


def _places(path: Path) -> dict[str, tuple[NDArray[np.uint8], dict[str, Any]]]:
    """Map the names in a safetensors file to its data and what the header says of them.

    The format: 8 bytes with the header's length, the header as JSON, the data
    (https://huggingface.co/docs/safetensors).
    """
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    header.pop("__metadata__", None)
    if path.stat().st_size == 8 + size:
        return {}
    data = np.memmap(path, np.uint8, mode="c", offset=8 + size)
    return {name: (data, place) for name, place in header.items()}
