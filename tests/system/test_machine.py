import pytest

from llmcli.system import machine
from llmcli.system.machine import cpu_name, describe, instruction_sets

XEON = """processor\t: 0
model name\t: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz
flags\t\t: fpu sse sse2 fma avx avx2 avx512f avx512_vnni avx512_bf16 amx_bf16 amx_tile amx_int8

processor\t: 1
model name\t: another
flags\t\t: fpu
"""
GRAVITON = "processor\t: 0\nBogoMIPS\t: 2100.00\nFeatures\t: fp asimd asimddp sve i8mm bf16\n"


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


def test_memory_that_is_available_is_what_linux_tells(monkeypatch):
    told = "MemTotal:  100 kB\nMemAvailable:     60 kB\n"
    monkeypatch.setattr(machine, "_read", lambda path: told)
    assert machine.available_memory() == 60 * 1024
    monkeypatch.setattr(machine, "_read", lambda path: "")
    monkeypatch.setattr(machine, "_total_memory", lambda: 5)
    assert machine.available_memory() == 5


@pytest.mark.parametrize(
    ("flags", "has"), [("avx512f avx512_bf16", True), ("amx_bf16", True), ("avx512f", False)]
)
def test_fast_bfloat16_is_told_by_the_flags(flags, has, monkeypatch):
    monkeypatch.setattr(machine, "_read", lambda path: f"flags : fpu {flags}\n")
    assert machine.has_fast_bfloat16() == has
