"""Where a model runs and in what arithmetic, chosen once and explained."""

import torch

from llmcli.engines.base import Placement
from llmcli.errors import UsageError
from llmcli.spec import Dtype


def place(device: str, dtype: Dtype) -> Placement:
    """Choose what `auto` stands for when a model is run.

    On a CPU `auto` is float32: the results are exact, and a processor without bfloat16 would
    have to imitate it. On an accelerator it is bfloat16 where the hardware has it.
    Raises UsageError if the device is not there.
    """
    where, why = choose_device(device)
    if dtype != "auto":
        return Placement(where, getattr(torch, dtype), f"{where} ({why}), {dtype} (asked for)")
    if where.type == "cpu":
        return Placement(where, torch.float32, f"{where} ({why}), float32 (exact, and fast here)")
    half = torch.bfloat16 if has_fast_bfloat16(where) else torch.float16
    return Placement(where, half, f"{where} ({why}), {str(half)[6:]} (half the memory of float32)")


def training_dtype(device: torch.device, dtype: Dtype) -> tuple[torch.dtype, str]:
    """Choose the arithmetic of a training step, and say why.

    Raises UsageError for float16, which would need loss scaling.
    """
    if dtype == "float16":
        raise UsageError("training in float16 is not supported: use --dtype bfloat16 or float32")
    if dtype != "auto":
        return getattr(torch, dtype), "asked for"
    if has_fast_bfloat16(device):
        return torch.bfloat16, "the processor multiplies it faster"
    return torch.float32, "the processor has no fast bfloat16"


def choose_device(device: str) -> tuple[torch.device, str]:
    """Turn `auto`, `cpu`, `cuda`, `cuda:1` or `mps` into a device that is there."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda"), "a GPU was found"
        if torch.backends.mps.is_available():
            return torch.device("mps"), "an Apple GPU was found"
        return torch.device("cpu"), "no GPU was found"
    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise UsageError(f"--device {device}: use auto, cpu, cuda, cuda:N or mps") from None
    present = {
        "cpu": True,
        "cuda": (chosen.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present.get(chosen.type, False):
        raise UsageError(f"--device {device}: no such device on this machine; use --device cpu")
    return chosen, "asked for"


def has_fast_bfloat16(device: torch.device) -> bool:
    """True where bfloat16 matrix products run in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        found = torch.cpu.get_capabilities()
        return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
    return True
