"""Attention by matrix products gives what transformers' gives, to bfloat16's precision."""

from types import SimpleNamespace

import pytest
import torch
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from llmcli.engines.pytorch import attention
from llmcli.engines.pytorch.attention import attend

LOW = torch.finfo(torch.bfloat16).min


def made(batch, heads, groups, count, length, width=8):
    torch.manual_seed(0)
    module = SimpleNamespace(num_key_value_groups=heads // groups, is_causal=False)
    query = torch.randn(batch, heads, count, width)
    key, value = torch.randn(2, batch, groups, length + 3, width)[..., :length, :]
    return module, query, key, value


def masks(batch, count, length):
    seen = torch.ones(batch, 1, count, length, dtype=torch.bool)
    seen[0, ..., : length // 2] = False
    added = torch.zeros(seen.shape, dtype=torch.bfloat16).masked_fill(~seen, LOW)
    return {"none": None, "seen": seen, "added": added, "one row": seen[:, :, :1]}


@pytest.fixture
def others(monkeypatch):
    """Calls that are left to transformers."""
    calls = []

    def counted(module, *arrays, **more):
        calls.append(more)
        return sdpa_attention_forward(module, *arrays, **more)

    monkeypatch.setattr(attention, "sdpa_attention_forward", counted)
    return calls


@pytest.mark.parametrize("mask", ["none", "seen", "added", "one row"])
@pytest.mark.parametrize(
    "shape", [(2, 4, 4, 6, 6), (3, 4, 4, 1, 9), (3, 6, 2, 1, 9), (2, 6, 2, 5, 7), (2, 4, 1, 3, 8)]
)
def test_products_are_attention(shape, mask, others):
    module, *arrays = made(*shape)
    batch, heads, _, count, length = shape
    given = masks(batch, count, length)[mask]
    exact = given.float() if mask == "added" else given
    with torch.inference_mode():
        expected, _ = sdpa_attention_forward(module, *arrays, exact, scaling=0.3, is_causal=False)
        half = [one.bfloat16() for one in arrays]
        found, _ = attend(module, *half, given, scaling=0.3, output_attentions=False)
    assert not others and found.dtype is torch.bfloat16 and found.is_contiguous()
    assert found.shape == (batch, count, heads, 8)
    torch.testing.assert_close(found.float(), expected, rtol=0.02, atol=0.03)


def test_what_products_do_not_do_is_left_to_transformers(others, monkeypatch):
    module, *arrays = made(2, 4, 2, 6, 6)
    half = [one.bfloat16() for one in arrays]
    attend(module, *half, None)  # with gradients
    with torch.inference_mode():
        attend(module, *arrays, None)  # float32
        attend(module, *half, None, is_causal=True)
        attend(module, *half, None, dropout=0.1)
        attend(module, *half, None, position_bias=torch.zeros(1, 4, 6, 6))
        module.is_causal = True
        attend(module, *half, None)
        assert len(others) == 6
        module.is_causal = False
        attend(module, *half, None)
        assert len(others) == 6
        monkeypatch.setattr(attention, "MOST_SCORES", 2 * 4 * 6 * 6 - 1)
        attend(module, *half, None)
        assert len(others) == 7
