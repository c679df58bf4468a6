"""What a step asks of the device: on a GPU, each number that is read waits for all before it."""

from contextlib import nullcontext
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.tiny_data import moods

READS = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default)


class Reads(TorchDispatchMode):
    """Counts the numbers that Python reads from tensors."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func in READS
        return func(*args, **(kwargs or {}))


def reads_of(fit, tmp_path, model, steps):
    settings = {"log_steps": 1000, "save_steps": 1000, "eval_fraction": 0.0, "max_steps": steps}
    with Reads() as reads:
        fit(model, moods(), "classification", output=str(tmp_path / f"{steps}"), **settings)
    return reads.count


def test_a_step_reads_few_numbers(fit, tiny_encoder, tmp_path, monkeypatch):
    """With the functions that a GPU gets."""
    monkeypatch.setattr("llmcli.training.trainer.faster_functions", nullcontext)
    few, many = (reads_of(fit, tmp_path, tiny_encoder, steps) for steps in (5, 15))
    # Of the batch before it is moved, its tokens; by transformers, whether there is padding.
    assert round((many - few) / 10) <= 2
