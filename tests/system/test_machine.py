import math
import time

import pytest

from llmcli.system import machine
from llmcli.system.machine import (
    Description,
    Machine,
    Rate,
    cpu_name,
    describe,
    instruction_sets,
    matrix_rate,
    measure,
    median_seconds,
    read_bandwidth,
)

XEON = """processor\t: 0
model name\t: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz
flags\t\t: fpu sse sse2 fma avx avx2 avx512f avx512_vnni avx512_bf16 amx_bf16 amx_tile amx_int8

processor\t: 1
model name\t: another
flags\t\t: fpu
"""
GRAVITON = "processor\t: 0\nBogoMIPS\t: 2100.00\nFeatures\t: fp asimd asimddp sve i8mm bf16\n"


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
    largest = machine.np.max
    monkeypatch.setattr(machine.np, "max", lambda part: read.append(part.size) or largest(part))
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
    assert rows[-1] == machine.LARGEST


def test_the_median_is_taken_and_patience_ends():
    # looks in pairs: durations 1, 9, 2
    assert median_seconds(lambda: None, repeats=3, patience=99, clock=Ticks(0, 1, 0, 9, 0, 2)) == 2
    calls = []
    clock = Ticks(0.2)
    median_seconds(lambda: calls.append(1), repeats=5, patience=0.3, clock=clock)
    assert len(calls) == 2


def test_a_processor_is_named_with_what_speeds_it_up():
    assert cpu_name(XEON) == "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz"
    assert set(instruction_sets(XEON)) == {
        *("avx", "avx2", "fma", "avx512", "avx512_vnni", "avx512_bf16"),
        *("amx", "amx_int8", "amx_bf16"),
    }
    assert cpu_name(GRAVITON) is None
    assert set(instruction_sets(GRAVITON)) == {"neon", "dotprod", "sve", "i8mm", "bf16"}
    assert instruction_sets("") == ()


@pytest.mark.parametrize("system", ["Linux", "Darwin", "Windows"])
def test_a_machine_that_tells_nothing_is_described_all_the_same(monkeypatch, system):
    monkeypatch.setattr(machine, "_read", lambda path: "")
    monkeypatch.setattr(machine.platform, "system", lambda: system)
    monkeypatch.setattr(machine.platform, "processor", lambda: "")
    monkeypatch.setattr(machine.os, "sysconf_names", {})
    monkeypatch.delattr(machine.os, "sched_getaffinity", raising=False)
    found = describe()
    assert found.cores >= 1
    if system != "Darwin":  # on another system there is no sysctl to ask, or not this one
        assert (found.cpu, found.memory) == ("?", None)


def test_the_fastest_rate_of_a_dtype_is_found():
    rates = (Rate("numpy", "float32", 80.0), Rate("torch", "float32", 90.0))
    found = Machine(Description("?", 1, (), None), 10.0, rates)
    assert found.rate("float32") == rates[1]
    assert found.rate("int8") is None


def test_a_real_machine_is_measured_soon(monkeypatch):
    monkeypatch.setattr(machine, "READ_BYTES", 2**24)
    began = time.perf_counter()
    found = measure(with_torch=True)
    assert time.perf_counter() - began < 30  # 3 where nothing else runs
    assert [rate.dtype for rate in found.rates] == ["float32", "float32", "bfloat16", "int8"]
    numbers = [found.bandwidth, *(rate.gflops for rate in found.rates)]
    assert all(math.isfinite(one) and one > 0 for one in numbers)
    assert 0.05 < found.bandwidth < 20_000  # GB/s, not MB/s nor bytes/s
    assert 0.5 < found.rates[0].gflops < 1_000_000
    assert found.description.memory is None or found.description.memory > 2**28


def test_memory_that_is_available_is_what_linux_tells(monkeypatch):
    told = "MemTotal:  100 kB\nMemAvailable:     60 kB\n"
    monkeypatch.setattr(machine, "_read", lambda path: told)
    assert machine.available_memory() == 60 * 1024
    monkeypatch.setattr(machine, "_read", lambda path: "")
    monkeypatch.setattr(machine, "_memory", lambda: 5)
    assert machine.available_memory() == 5


@pytest.mark.parametrize(
    ("flags", "has"), [("avx512f avx512_bf16", True), ("amx_bf16", True), ("avx512f", False)]
)
def test_fast_bfloat16_is_told_by_the_flags(flags, has, monkeypatch):
    monkeypatch.setattr(machine, "_read", lambda path: f"flags : fpu {flags}\n")
    assert machine.has_fast_bfloat16() == has
