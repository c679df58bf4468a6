"""The order in which a run goes through its examples."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from llmcli.training.examples import Dataset, Feature

Indices = NDArray[np.int64]
POOL = 64  # batches whose examples are sorted together


FILLER = -1
"""Stands in the order for an example where a process has none left."""


class WithFillers:
    """Examples, and fillers, which are marked: their loss does not count. Implements `Dataset`."""

    def __init__(self, data: Dataset) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, key: int) -> Feature:
        return self._data[key] if key != FILLER else {**self._data[0], "is_filler": True}

    def lengths(self) -> Sequence[int]:
        """Tokens of each example."""
        return self._data.lengths()


class LengthGroupedSampler(Sampler[int]):
    """Shuffles, and puts examples of similar length into one batch, so that there is less padding.

    Each epoch shuffles all examples, sorts pools of POOL batches by length, and shuffles the
    batches of a pool. The order depends on the seed, the epoch and `batch_size` alone. It yields
    the index of an example plus the epoch times the number of examples, so that a data set can
    draw other random numbers in each epoch.

    With `fills`, fillers complete the last batch: processes that share a batch would otherwise
    repeat examples, which then counted twice.
    """

    fills = False

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int, group: bool = True):
        """batch_size: examples in a step of all processes together. group: sort by length."""
        self.lengths = np.asarray(lengths)
        self.batch_size, self.seed, self.group = batch_size, seed, group
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.lengths) + self._fillers

    @property
    def _fillers(self) -> int:
        return -len(self.lengths) % self.batch_size if self.fills else 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each pass."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng([self.seed, self.epoch])
        order = random.permutation(len(self.lengths))
        if self.group:
            size = POOL * self.batch_size
            pools = [
                self._grouped(order[start : start + size], random)
                for start in range(0, len(order), size)
            ]
            order = np.concatenate(pools) if pools else order
        yield from (order + self.epoch * len(order)).tolist()
        yield from [FILLER] * self._fillers

    def _grouped(self, pool: Indices, random: np.random.Generator) -> Indices:
        """The members of a pool batch by batch; a batch that is not full stays the last."""
        whole = len(pool) // self.batch_size * self.batch_size
        full = pool[:whole][np.argsort(self.lengths[pool[:whole]], kind="stable")]
        batches = full.reshape(-1, self.batch_size)
        return np.concatenate([batches[random.permutation(len(batches))].ravel(), pool[whole:]])
