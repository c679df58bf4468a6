"""How fast this machine reads memory and multiplies matrices."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from llmcli.system.machine import Description, describe

Clock = Callable[[], float]
"""Returns seconds."""

READ_BYTES = 256 * 2**20  # more than most caches hold
SMALLEST, LARGEST = 256, 4096  # rows of the matrices
LONG_ENOUGH = 0.01  # least seconds of one product, unless it is of the largest matrices
REPEATS = 5
PATIENCE = 0.3  # seconds after which a measurement is not repeated


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast matrices are multiplied in one dtype."""

    library: str
    dtype: str
    gflops: float
    """10^9 operations a second; a multiplication and an addition are two."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine, and what was measured on it with all its cores."""

    description: Description
    bandwidth: float
    """GB/s (10^9 bytes) read from memory."""
    rates: tuple[Rate, ...]

    def rate(self, dtype: str) -> Rate | None:
        """The fastest rate that was measured in this dtype."""
        rates = [rate for rate in self.rates if rate.dtype == dtype]
        return max(rates, key=lambda rate: rate.gflops, default=None)


def measure(*, with_torch: bool = False, clock: Clock = time.perf_counter) -> Machine:
    """Describe this machine and measure it, in less than 3 seconds.

    with_torch: import torch, and measure its products too, in float32, bfloat16 and int8. Its
    int8 is slow on processors without int8 dot products (vnni, dotprod), where other libraries
    are faster: that is torch's rate, not the limit of the machine.
    """
    description = describe()
    bandwidth = read_bandwidth(threads=description.cores, clock=clock)
    rates = [Rate("numpy", "float32", matrix_rate(_numpy_product, clock=clock))]
    if with_torch:
        products = (
            ("float32", _torch_product("float32")),
            ("bfloat16", _torch_product("bfloat16")),
            ("int8", _torch_int8),
        )
        for dtype, product in products:
            rates.append(Rate("torch", dtype, matrix_rate(product, clock=clock)))
    return Machine(description, bandwidth, tuple(rates))


def median_seconds(
    work: Callable[[], object],
    *,
    repeats: int = REPEATS,
    patience: float = PATIENCE,
    clock: Clock = time.perf_counter,
) -> float:
    """Median time of `work`, which has run before. It runs `repeats` times.

    patience: seconds after which it is not repeated again.
    """
    times: list[float] = []
    while len(times) < repeats and sum(times) < patience:
        began = clock()
        work()
        times.append(clock() - began)
    return float(np.median(times))


def read_bandwidth(
    size: int = READ_BYTES, *, threads: int = 1, clock: Clock = time.perf_counter
) -> float:
    """GB/s at which `threads` together read `size` bytes once, a part each.

    Reading is taking the maximum of the bytes, so that memory is the limit. Each thread writes its
    part first: the system allocates memory only when it is written.
    """
    data = np.empty(size, dtype=np.uint8)
    parts = np.array_split(data, threads)  # views
    with ThreadPoolExecutor(threads) as pool:

        def each(work: Callable[[Any], object]) -> None:
            list(pool.map(work, parts))

        each(lambda part: part.fill(1))
        each(np.max)
        seconds = median_seconds(lambda: each(np.max), clock=clock)
    return size / seconds / 1e9


def matrix_rate(
    product: Callable[[int], Callable[[], object]], *, clock: Clock = time.perf_counter
) -> float:
    """GFLOP/s of the product of two square matrices, which takes 2 n^3 operations.

    product: returns a function that multiplies two matrices of n rows. n doubles until that takes
    LONG_ENOUGH: slow machines finish soon, and fast ones are measured long enough.
    """
    rows = SMALLEST
    while True:
        work = product(rows)
        work()  # the first time includes creating threads and buffers
        seconds = median_seconds(work, repeats=1, clock=clock)
        if seconds >= LONG_ENOUGH or rows >= LARGEST:
            break
        rows *= 2
    return 2 * rows**3 / median_seconds(work, clock=clock) / 1e9


def _numpy_product(rows: int) -> Callable[[], object]:
    matrix, out = np.ones((rows, rows), np.float32), np.empty((rows, rows), np.float32)
    return lambda: np.matmul(matrix, matrix, out=out)


def _torch_product(dtype: str) -> Callable[[int], Callable[[], object]]:
    def product(rows: int) -> Callable[[], object]:
        import torch

        matrix = torch.ones(rows, rows, dtype=getattr(torch, dtype))
        return lambda: matrix @ matrix

    return product


def _torch_int8(rows: int) -> Callable[[], object]:
    import torch

    matrix = torch.ones(rows, rows, dtype=torch.int8)
    return lambda: torch._int_mm(matrix, matrix)  # sums in int32
