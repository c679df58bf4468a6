"""Each way to compute attention gives what transformers' gives, to the precision of its dtype."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from llmcli.engines.pytorch import attention
from llmcli.engines.pytorch.attention import attend
from llmcli.system import calibration
from llmcli.system.machine import describe
from llmcli.system.races import Watch

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


@pytest.fixture
def takes(monkeypatch):
    """Force how attention is computed for many tokens and for one: takes("chunks", "sdpa")."""

    def take(many="products", last="products"):
        names = [contest.name for pair in attention.CONTESTS.values() for contest in pair]
        ways = [last if "one token" in name else many for name in names]
        setting = ";".join(f"{name}={way}" for name, way in zip(names, ways, strict=True))
        monkeypatch.setenv(calibration.VARIABLE, setting)
        calibration.forget()

    take()
    return take


@pytest.mark.parametrize("chunk", [0, 1, 60])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("mask", ["none", "seen", "added", "one row"])
@pytest.mark.parametrize(
    "shape", [(2, 4, 4, 6, 6), (3, 4, 4, 1, 9), (3, 6, 2, 1, 9), (2, 6, 2, 5, 7), (2, 4, 1, 3, 8)]
)
def test_products_are_attention(shape, mask, dtype, chunk, others, takes, monkeypatch):
    """chunk: scores that are computed at a time; 0: all."""
    takes("chunks" if chunk else "products")
    monkeypatch.setattr(attention, "CHUNK", chunk)
    module, *arrays = made(*shape)
    batch, heads, _, count, length = shape
    given = masks(batch, count, length)[mask]
    exact = given.float() if mask == "added" else given
    with torch.inference_mode():
        expected, _ = sdpa_attention_forward(module, *arrays, exact, scaling=0.3, is_causal=False)
        lower = [one.to(dtype) for one in arrays]
        given = given.to(dtype) if mask == "added" else given
        found, _ = attend(module, *lower, given, scaling=0.3, output_attentions=False)
    assert not others and found.dtype is dtype and found.is_contiguous()
    assert found.shape == (batch, count, heads, 8)
    close = (0.02, 0.03) if dtype is torch.bfloat16 else (1e-5, 1e-5)
    torch.testing.assert_close(found.float(), expected, rtol=close[0], atol=close[1])


def test_what_products_do_not_do_is_left_to_transformers(others, monkeypatch, takes):
    module, *arrays = made(2, 4, 2, 6, 6)
    half = [one.bfloat16() for one in arrays]
    attend(module, *half, None)  # with gradients
    with torch.inference_mode():
        attend(module, *[one.half() for one in arrays], None)
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
        takes("chunks")
        attend(module, *half, None)
        assert len(others) == 7
        takes("sdpa")
        attend(module, *half, None)
        assert len(others) == 8


@pytest.mark.parametrize("dtype", attention.CONTESTS)
def test_the_ways_that_are_timed_give_equal_results(dtype):
    """Others would be left out. The clock stands still."""
    for contest in attention.CONTESTS[dtype]:
        seconds = contest.measure(Watch(lambda: 0.0, lambda: 0.0, lambda: 0.0))
        assert set(seconds) == set(contest.candidates)


def test_a_kernel_is_made_the_models_own_only_if_it_is_faster(takes, monkeypatch):
    made = []
    monkeypatch.setattr(attention.AttentionInterface, "register", lambda *pair: made.append(pair))
    takes("sdpa", "sdpa")
    attention.use_fastest_attention(torch.float32)
    assert not made
    takes("sdpa", "products")
    attention.use_fastest_attention(torch.float32)
    assert made == [("sdpa", attend)]


@pytest.mark.parametrize(
    ("instructions", "way"),
    [((), "sdpa"), (("avx512_bf16",), "chunks"), (("avx512_bf16", "amx_bf16"), "sdpa")],
)
def test_without_measuring_the_processor_says_which_way(instructions, way, monkeypatch):
    about = replace(describe(), instructions=instructions)
    monkeypatch.setattr(attention, "describe", lambda: about)
    assert attention.CONTESTS[torch.bfloat16][0].fixed() == way
