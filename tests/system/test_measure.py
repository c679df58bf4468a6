import math
import time

import pytest

from llmcli.system import measure as measuring
from llmcli.system.machine import Description
from llmcli.system.measure import (
    Machine,
    Rate,
    matrix_rate,
    measure,
    median_seconds,
    read_bandwidth,
)


class Ticks:
    """A clock that is `step` seconds later at each look."""

    def __init__(self, *steps):
        self.steps = list(steps)
        self.now = 0.0

    def __call__(self):
        self.now += self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        return self.now


def test_bandwidth_is_the_bytes_that_are_read_over_the_time_of_one_reading():
    # 3,000,000 bytes in 0.5 ms: 6 * 10^9 bytes a second
    for threads in (1, 2, 7):
        found = read_bandwidth(3_000_000, threads=threads, clock=Ticks(0.0005))
        assert found == pytest.approx(6.0)


def test_all_bytes_are_read_once(monkeypatch):
    read = []
    largest = measuring.np.max
    monkeypatch.setattr(measuring.np, "max", lambda part: read.append(part.size) or largest(part))
    read_bandwidth(1001, threads=3, clock=Ticks(1.0))  # longer than one is patient: one repeat
    assert sorted(read) == [333, 333, 334, 334, 334, 334]  # once to warm up, once measured


def test_the_rate_of_a_product_is_two_n_cubed_over_its_time():
    rows = []

    def product(n):
        rows.append(n)
        return lambda: None

    # 256 and 512 rows take 1 ms, which is too short; 1024 take 20 ms: 2^31 / 0.02 s
    clock = Ticks(0.001, 0.001, 0.001, 0.001, 0.02)
    assert matrix_rate(product, clock=clock) == pytest.approx(2**31 / 0.02 / 1e9)
    assert rows == [256, 512, 1024]


def test_matrices_do_not_grow_without_end():
    rows = []

    def product(n):
        rows.append(n)
        return lambda: None

    matrix_rate(product, clock=Ticks(1e-9))
    assert rows[-1] == measuring.LARGEST


def test_the_median_is_taken_and_patience_ends():
    # looks in pairs: durations 1, 9, 2
    assert median_seconds(lambda: None, repeats=3, patience=99, clock=Ticks(0, 1, 0, 9, 0, 2)) == 2
    calls = []
    clock = Ticks(0.2)
    median_seconds(lambda: calls.append(1), repeats=5, patience=0.3, clock=clock)
    assert len(calls) == 2


def test_the_fastest_rate_of_a_dtype_is_found():
    rates = (Rate("numpy", "float32", 80.0), Rate("torch", "float32", 90.0))
    found = Machine(Description("?", 1, (), None), 10.0, rates)
    assert found.rate("float32") == rates[1]
    assert found.rate("int8") is None


def test_a_real_machine_is_measured_soon(monkeypatch):
    monkeypatch.setattr(measuring, "READ_BYTES", 2**24)
    began = time.perf_counter()
    found = measure(with_torch=True)
    assert time.perf_counter() - began < 30  # 3 where nothing else runs
    assert [rate.dtype for rate in found.rates] == ["float32", "float32", "bfloat16", "int8"]
    numbers = [found.bandwidth, *(rate.gflops for rate in found.rates)]
    assert all(math.isfinite(one) and one > 0 for one in numbers)
    assert 0.05 < found.bandwidth < 20_000  # GB/s, not MB/s nor bytes/s
    assert 0.5 < found.rates[0].gflops < 1_000_000
    assert found.description.memory is None or found.description.memory > 2**28
