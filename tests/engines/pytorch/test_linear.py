"""Linear layers are computed by the way that is chosen, if it works here."""

import pytest
import torch
from torch import nn

from llmcli.engines.pytorch import linear, packing
from llmcli.engines.pytorch.linear import (
    CONTESTS,
    Int8Linear,
    PackedLinear,
    packs,
    require_quantized,
)
from llmcli.engines.pytorch.packing import pack, quantize
from llmcli.engines.pytorch.tried import forget_tried
from llmcli.errors import ModelUnsuitable, UsageError
from llmcli.system import calibration
from llmcli.system.calibration import VARIABLE
from llmcli.system.races import Watch

STILL = Watch(lambda: 0.0, lambda: 0.0, lambda: 0.0)


@pytest.fixture(autouse=True)
def untried():
    forget_tried()
    yield
    forget_tried()


def force(monkeypatch, way):
    names = (made.name for pair in CONTESTS.values() for made in pair if made.works(way))
    monkeypatch.setenv(VARIABLE, ";".join(f"{name}={way}" for name in names))
    calibration.forget()


@pytest.mark.parametrize("way", ["packed", "plain"])
@pytest.mark.parametrize("dtype", CONTESTS)
def test_each_way_computes_the_same(dtype, way, monkeypatch):
    if way == "packed" and not packs(dtype):
        pytest.skip("oneDNN has no such product on this processor")
    force(monkeypatch, way)
    torch.manual_seed(0)
    weight, bias, rows = (torch.randn(*size) for size in ((20, 12), (20,), (2, 5, 12)))
    weight, bias, rows = weight.to(dtype), bias.to(dtype), rows.to(dtype)
    model = nn.Sequential(nn.Linear(12, 20, dtype=dtype)).eval()
    model[0].weight.data, model[0].bias.data = weight, bias
    monkeypatch.setattr(packing, "LEAST", 0)
    pack(model)
    assert isinstance(model[0], PackedLinear) == (way == "packed")
    with torch.inference_mode():
        expected = rows.double() @ weight.double().T + bias.double()
        close = 1e-5 if dtype is torch.float32 else 0.05
        torch.testing.assert_close(model(rows).double(), expected, rtol=close, atol=close)


def wrong(self, inputs):
    return inputs.new_zeros(*inputs.shape[:-1], self.out_features)


def failing(self, inputs):
    raise RuntimeError("could not create a primitive")


@pytest.mark.parametrize("forward", [wrong, failing])
def test_an_operator_that_fails_or_is_wrong_leads_to_the_plain_way(forward, monkeypatch):
    monkeypatch.setattr(PackedLinear, "forward", forward)
    assert not packs(torch.float32)
    assert "packed" not in CONTESTS[torch.float32][0].measure(STILL)
    model = nn.Sequential(nn.Linear(256, 256))
    pack(model)
    assert type(model[0]) is nn.Linear
    monkeypatch.setenv(VARIABLE, "linear layers, float32=packed")
    calibration.forget()
    with pytest.raises(UsageError, match="this machine can do plain"):
        pack(model)


@pytest.mark.parametrize("forward", [wrong, failing])
def test_a_wrong_product_of_integers_is_refused(forward, monkeypatch):
    monkeypatch.setattr(Int8Linear, "forward", forward)
    model = nn.Sequential(nn.Linear(256, 256))
    with pytest.raises(ModelUnsuitable, match="8-bit integers fails or is wrong"):
        quantize(model)
    assert type(model[0]) is nn.Linear


def test_sums_that_overflow_16_bits_are_noticed(monkeypatch):
    """As on x86 without VNNI, where two products are added in 16 bits."""
    exact = Int8Linear.forward

    def overflowing(self, inputs):
        outputs = exact(self, inputs)
        return outputs.clamp(max=self.in_features * 32767 / 127 / 255 / 2)

    monkeypatch.setattr(Int8Linear, "forward", overflowing)
    with pytest.raises(ModelUnsuitable):
        require_quantized()


def test_a_model_is_packed_only_where_that_is_chosen(monkeypatch):
    force(monkeypatch, "plain")
    model = nn.Sequential(nn.Linear(256, 256))
    pack(model)
    assert type(model[0]) is nn.Linear
    force(monkeypatch, "packed")
    pack(model)
    assert type(model[0]) is PackedLinear


def test_both_ways_are_timed():
    for contest in CONTESTS[torch.float32]:
        seconds = contest.measure(STILL)
        assert set(seconds) == ({"plain", "packed"} if packs(torch.float32) else {"plain"})


@pytest.mark.parametrize(("is_supported", "way"), [(True, "packed"), (False, "plain")])
def test_without_measuring_weights_are_packed_where_onednn_is_fast(is_supported, way, monkeypatch):
    monkeypatch.setattr(linear.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: is_supported)
    monkeypatch.setattr(linear, "packs", lambda dtype: True)
    assert CONTESTS[torch.bfloat16][0].fixed() == way
    assert CONTESTS[torch.float32][0].fixed() == "packed"
    monkeypatch.setattr(linear.platform, "machine", lambda: "aarch64")
    assert CONTESTS[torch.float32][0].fixed() == "plain"


def test_models_that_write_are_judged_by_few_tokens(monkeypatch):
    class Writer(nn.Module):
        def __init__(self):
            super().__init__()
            self.lm_head = nn.Linear(256, 256)

    setting = "linear layers, float32=plain;linear layers of few tokens, float32=packed"
    monkeypatch.setenv(VARIABLE, setting)
    calibration.forget()
    writer, encoder = Writer(), nn.Sequential(nn.Linear(256, 256))
    pack(writer)
    pack(encoder)
    assert type(writer.lm_head) is PackedLinear and type(encoder[0]) is nn.Linear
