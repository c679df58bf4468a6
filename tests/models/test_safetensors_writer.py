import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from llmcli.models.safetensors_writer import write_safetensors


def test_the_library_reads_what_is_written(tmp_path):
    """bfloat16 is written as the upper half of float32."""
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    upper = (values.view(np.uint32) >> 16).astype(np.uint16)
    weights = {"a": values.T, "b.看": values.astype(np.float16), "c": upper, "empty": values[:0]}
    write_safetensors(tmp_path / "a", weights.items(), weights)
    state = load_file(tmp_path / "a")
    assert list(state) == list(weights)
    assert torch.equal(state["a"], torch.arange(6.0).reshape(2, 3).T)
    assert torch.equal(state["b.看"], torch.arange(6.0).reshape(2, 3).half())
    assert torch.equal(state["c"], torch.arange(6.0).reshape(2, 3).bfloat16())
    assert state["empty"].shape == (0, 3)


def test_a_failure_leaves_no_file(tmp_path):
    def weights():
        yield "a", np.ones(3, np.float32)
        raise ValueError

    with pytest.raises(ValueError):
        write_safetensors(tmp_path / "a", weights(), ["a", "b"])
    assert list(tmp_path.iterdir()) == []
