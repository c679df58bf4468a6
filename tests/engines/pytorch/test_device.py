import pytest
import torch

from llmcli.engines.pytorch.device import TRAINING, choose_device, place, training_dtype
from llmcli.errors import UsageError
from llmcli.system import calibration, machine
from llmcli.system.races import Watch

CPU = torch.device("cpu")


def test_on_a_cpu_models_run_in_float32_and_say_why(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    chosen = place("auto", "auto")
    assert (chosen.device.type, chosen.dtype) == ("cpu", torch.float32)
    assert "no GPU was found" in chosen.reason and "float32" in chosen.reason


@pytest.mark.parametrize(("bf16", "dtype"), [(True, torch.bfloat16), (False, torch.float16)])
def test_on_a_gpu_models_run_in_half_precision(monkeypatch, bf16, dtype):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: bf16)
    assert place("auto", "auto").dtype is dtype


def test_what_is_asked_for_is_taken():
    chosen = place("cpu", "bfloat16")
    assert (chosen.dtype, chosen.reason) == (
        torch.bfloat16,
        "cpu (asked for), bfloat16 (asked for)",
    )


@pytest.mark.parametrize("device", ["gpu", "cuda:64", "xpu", "", "cpu:cpu"])
def test_a_device_that_is_not_there_is_a_usage_error(device):
    with pytest.raises(UsageError, match="`device`"):
        choose_device(device)


@pytest.mark.parametrize("name", ["avx512_bf16", "amx_bf16"])
def test_without_measuring_training_is_in_bfloat16_where_the_processor_has_it(monkeypatch, name):
    monkeypatch.setattr(machine, "_read", lambda path: f"flags : fpu avx2 {name}\n")
    calibration.forget()
    assert training_dtype(CPU, "auto")[0] is torch.bfloat16
    monkeypatch.setattr(machine, "_read", lambda path: "flags : fpu avx2\n")
    calibration.forget()
    assert training_dtype(CPU, "auto")[0] is torch.float32


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_what_was_measured_decides_what_training_is_in(monkeypatch, name):
    monkeypatch.setenv("LLMCLI_CALIBRATION", f"training on the processor={name}")
    assert training_dtype(CPU, "auto") == (getattr(torch, name), "forced")


def test_a_step_is_timed_in_both_dtypes_with_the_same_result():
    clock = iter(range(10**6))
    steady = Watch(lambda: float(next(clock)), lambda: 1e9 * next(clock), lambda: 0.0)
    before = torch.get_rng_state()
    assert set(TRAINING.measure(steady)) >= {"float32"}
    assert torch.equal(torch.get_rng_state(), before)


def test_training_in_float16_is_refused():
    with pytest.raises(UsageError, match="float16"):
        training_dtype(CPU, "float16")


@pytest.mark.parametrize(("usable", "threads"), [(1, 1), (2, 2), (9, 3)])
def test_torch_has_no_more_threads_than_are_usable(monkeypatch, usable, threads):
    before = torch.get_num_threads()
    monkeypatch.setattr(machine, "usable_threads", lambda: usable)
    try:
        torch.set_num_threads(3)
        choose_device("cpu")
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
