"""The choice of device and dtype, with the reason in words."""

from functools import partial

import torch

from llmcli.engines.base import Placement
from llmcli.errors import UsageError
from llmcli.spec import Dtype
from llmcli.spec.training import STEP_CONTEST
from llmcli.system import machine
from llmcli.system.calibration import Contest, choice, chosen
from llmcli.system.races import Watch, race


def place(device: str, dtype: Dtype) -> Placement:
    """Choose the device and dtype that a model runs with, where they are `auto`.

    On a CPU, `auto` is float32: the results are exact, and a processor without bfloat16 would
    have to emulate it. On an accelerator it is bfloat16 if the hardware has it, else float16.
    Raises UsageError if there is no such device.
    """
    chosen, reason = choose_device(device)
    where = f"{chosen} ({reason})"
    if dtype != "auto":
        return Placement(chosen, getattr(torch, dtype), f"{where}, {dtype} (asked for)")
    if chosen.type == "cpu":
        return Placement(chosen, torch.float32, f"{where}, float32 (exact, and fast here)")
    half = torch.bfloat16 if has_fast_bfloat16(chosen) else torch.float16
    return Placement(chosen, half, f"{where}, {str(half)[6:]} (half the memory of float32)")


def training_dtype(device: torch.device, dtype: Dtype) -> tuple[torch.dtype, str]:
    """Choose the dtype of a training step, with the reason.

    Raises UsageError for float16, which would need loss scaling.
    """
    if dtype == "float16":
        raise UsageError("training in float16 is not supported: use bfloat16 or float32")
    if dtype != "auto":
        return getattr(torch, dtype), "asked for"
    if device.type == "cpu":
        name = choice(TRAINING)
        (made,) = (each for each in chosen() if each.contest == TRAINING.name)
        return getattr(torch, name), str(made).partition(f": {name} (")[2].rstrip(")")
    if has_fast_bfloat16(device):
        return torch.bfloat16, "the processor multiplies it faster"
    return torch.float32, "the processor has no fast bfloat16"


def _measure(watch: Watch) -> dict[str, float]:
    """The seconds of a feed-forward block of a small model, with its gradients, by dtype."""
    with torch.random.fork_rng(devices=[]):  # a run draws the same numbers, measured or not
        up, down = torch.nn.Linear(384, 1536), torch.nn.Linear(1536, 384)
        inputs = torch.randn(256, 384)

    def step(dtype: torch.dtype) -> torch.Tensor:
        with torch.enable_grad(), torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            total = down(torch.relu(up(inputs))).float().square().mean()
        (gradient,) = torch.autograd.grad(total, up.weight)
        return gradient

    def is_same(first: object, second: object) -> bool:
        assert isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor)
        return bool((first - second).norm() < 0.05 * first.norm())

    works = {name: partial(step, getattr(torch, name)) for name in TRAINING.candidates}
    return race(works, watch, is_same)


TRAINING = Contest(
    STEP_CONTEST,
    lambda: "bfloat16" if machine.has_fast_bfloat16() else "float32",
    ("float32", "bfloat16"),
    _measure,
)
"""In what a step is computed where `dtype` is auto."""


def choose_device(device: str) -> tuple[torch.device, str]:
    """The device that `auto`, `cpu`, `cuda`, `cuda:1` or `mps` names, with the reason for it.

    On a GPU, attention does not use cuDNN from here on: it compiles a plan for each new length of
    a text, which takes longer than other kernels take for the work (12 times, for one text of 256
    tokens on an H200). On a CPU, torch has no more threads than are usable.
    Raises UsageError if there is no such device.
    """
    chosen, reason = _choose_device(device)
    if chosen.type == "cuda":
        torch.backends.cuda.enable_cudnn_sdp(False)
    if chosen.type == "cpu" and torch.get_num_threads() > machine.usable_threads():
        torch.set_num_threads(machine.usable_threads())
    return chosen, reason


def _choose_device(device: str) -> tuple[torch.device, str]:
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda"), "a GPU was found"
        if torch.backends.mps.is_available():
            return torch.device("mps"), "an Apple GPU was found"
        return torch.device("cpu"), "no GPU was found"
    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise UsageError(f"`device` {device}: use auto, cpu, cuda, cuda:N or mps") from None
    present = {
        "cpu": True,
        "cuda": (chosen.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present.get(chosen.type, False):
        raise UsageError(f"`device` {device}: no such device on this machine; use `device`=cpu")
    return chosen, "asked for"


def has_fast_bfloat16(device: torch.device) -> bool:
    """True if the hardware multiplies bfloat16 matrices."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        return machine.has_fast_bfloat16()
    return True
