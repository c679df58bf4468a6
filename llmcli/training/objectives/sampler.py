"""The order in which examples are learnt from."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

Places = NDArray[np.int64]
POOL = 64  # batches whose examples are sorted together


class Grouped(Sampler[int]):
    """Shuffles, and puts examples of like length into one batch, so that few places are padding.

    Each epoch shuffles all examples, sorts stretches of POOL batches by length, and shuffles the
    batches of a stretch. The order depends on the seed, the epoch and `batch_size` alone. What
    it yields is the example's place plus the epoch times the number of examples, so that a data
    set can draw at random for each epoch anew.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int, group: bool = True):
        """batch_size: examples in a step of all processes together."""
        self.lengths = np.asarray(lengths)
        self.batch_size, self.seed, self.group = batch_size, seed, group
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.lengths)

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each pass."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        draw = np.random.default_rng([self.seed, self.epoch])
        order = draw.permutation(len(self.lengths))
        if self.group:
            pool = POOL * self.batch_size
            stretches = [
                self._batches(order[at : at + pool], draw) for at in range(0, len(order), pool)
            ]
            order = np.concatenate(stretches) if stretches else order
        yield from (order + self.epoch * len(order)).tolist()

    def _batches(self, members: Places, draw: np.random.Generator) -> Places:
        """The members of a stretch batch by batch; one that is not full stays the last."""
        whole = len(members) // self.batch_size * self.batch_size
        full = members[:whole][np.argsort(self.lengths[members[:whole]], kind="stable")]
        batches = full.reshape(-1, self.batch_size)
        return np.concatenate([batches[draw.permutation(len(batches))].ravel(), members[whole:]])
