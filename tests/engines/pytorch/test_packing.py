"""Packed layers give what plain ones give, whatever the architecture."""

import copy
import platform
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    AttentionInterface,
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
)
from transformers.activations import NewGELUActivation
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from llmcli.engines.choose import Purpose, load
from llmcli.engines.pytorch import packing
from llmcli.engines.pytorch.attention import attend
from llmcli.engines.pytorch.linear import Int8Linear, PackedLinear
from llmcli.engines.pytorch.packing import SigmoidGelu, pack, quantize
from llmcli.errors import ModelUnsuitable
from llmcli.spec import ModelSpec
from llmcli.system.machine import has_int8_products
from llmcli.system.memory import forget
from tests.tiny_models import make_causal
from tests.versions import GPTJ_READS_Q_PROJ

pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="nothing is packed elsewhere"
)

WIDE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
GATED = {**WIDE, "intermediate_size": 32, "num_key_value_heads": 1, "head_dim": 8}
GPT = {"n_embd": 16, "n_layer": 2, "n_head": 2}
NEO = {"hidden_size": 16, "num_layers": 2, "num_heads": 2}
CAUSAL = {
    "gpt2": GPT,
    "bloom": {"hidden_size": 16, "n_layer": 2, "n_head": 2},
    "gptj": {**GPT, "rotary_dim": 4},
    "gpt_neo": {**NEO, "attention_types": [[["global", "local"], 1]]},
    "gpt_neox": {**WIDE, "intermediate_size": 32},
    "opt": {**WIDE, "ffn_dim": 32, "word_embed_proj_dim": 16},
    "falcon": WIDE,
    "mamba": {"hidden_size": 16, "num_hidden_layers": 2, "state_size": 4},
    "llama": GATED,
    "mistral": GATED,
    "qwen2": GATED,
    "qwen3": GATED,
    "gemma": GATED,
    "phi": {**WIDE, "intermediate_size": 32},
    "mixtral": {**GATED, "num_local_experts": 2},
    "rwkv": {
        "hidden_size": 16,
        "num_hidden_layers": 8,
        "context_length": 64,
    },  # it rescales weights
}
BERT = {**WIDE, "intermediate_size": 32}
ENCODERS = {
    "bert": BERT,
    "roberta": BERT,
    "electra": {**BERT, "embedding_size": 8},
    "albert": {**BERT, "embedding_size": 8},
    "deberta-v2": BERT,
    "mpnet": BERT,
    "distilbert": {"dim": 16, "hidden_dim": 32, "n_layers": 2, "n_heads": 2},
    "xlnet": {"d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 32},
    "modernbert": BERT,
}
PAIRED = {
    "d_model": 16,
    **dict.fromkeys(("encoder_layers", "decoder_layers"), 2),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 2),
    **dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim"), 32),
}
T5 = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
SEQ2SEQ = {
    "bart": PAIRED,
    "marian": {**PAIRED, "decoder_start_token_id": 0},
    "m2m_100": PAIRED,
    "t5": {**T5, "decoder_start_token_id": 0},
    "mt5": {**T5, "feed_forward_proj": "gated-gelu", "decoder_start_token_id": 0},
}
READ = {
    "bloom": {"dense", "dense_4h_to_h"},
    "gpt_neo": {"q_proj"},
    "gptj": {"q_proj"} if GPTJ_READS_Q_PROJ else set(),
    "mamba": {"dt_proj", "lm_head", "out_proj", "x_proj"},
    "mt5": {"wo"},
    "rwkv": {"output", "value"},
    "t5": {"wo"},
}
"""The layers whose weights the code of a model reads."""
CASES = [
    *((AutoModelForCausalLM, name, settings) for name, settings in CAUSAL.items()),
    *((AutoModel, name, settings) for name, settings in ENCODERS.items()),
    *((AutoModelForSeq2SeqLM, name, settings) for name, settings in SEQ2SEQ.items()),
]


def made(auto, name, settings, dtype):
    """A small model with random weights, and what it may be given."""
    torch.manual_seed(0)
    fixed = {"vocab_size": 40, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    model = auto.from_config(AutoConfig.for_model(name, **fixed, **settings)).eval().to(dtype)
    inputs = {"input_ids": torch.tensor([[5, 6, 7, 8, 9], [10, 11, 12, 13, 14]])}
    if auto is AutoModelForSeq2SeqLM:
        inputs["decoder_input_ids"] = torch.tensor([[1, 5, 6], [1, 9, 8]])
    return model, inputs


has_bfloat16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()


@pytest.mark.parametrize(
    "dtype",
    [
        torch.float32,
        pytest.param(
            torch.bfloat16,
            marks=pytest.mark.skipif(not has_bfloat16, reason="oneDNN has none on this processor"),
        ),
    ],
)
@pytest.mark.parametrize(("auto", "name", "settings"), CASES, ids=lambda one: str(one)[:12])
def test_a_packed_model_computes_the_same(auto, name, settings, dtype, monkeypatch):
    monkeypatch.setattr(packing, "LEAST", 0)
    plain, inputs = made(auto, name, settings, dtype)
    packed = copy.deepcopy(plain)
    pack(packed)
    assert any(isinstance(one, PackedLinear) for one in packed.modules())
    left = {at.split(".")[-1] for at, one in packed.named_modules() if type(one) in packing.LINEAR}
    assert left <= READ.get(name, set())
    with torch.inference_mode():
        expected, found = plain(**inputs)[0], packed(**inputs)[0]
    least = 1e-5 if dtype is torch.float32 else 0.03
    assert (found - expected).norm() < least * expected.norm()


def test_small_layers_are_left_as_they_are():
    model = nn.Sequential(nn.Linear(64, 64), nn.Linear(256, 256))
    pack(model)
    assert [type(one) for one in model] == [nn.Linear, PackedLinear]


def test_nothing_is_packed_where_it_is_not_known_to_gain(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    model = nn.Sequential(nn.Linear(256, 256))
    pack(model)
    assert type(model[0]) is nn.Linear


def test_a_model_that_does_not_fit_into_memory_twice_is_left(monkeypatch):
    model = nn.Sequential(nn.Linear(256, 256))
    monkeypatch.setattr(packing, "available_memory", lambda: 4 * 256 * 256)
    pack(model)
    assert type(model[0]) is nn.Linear


@pytest.mark.parametrize("has", {has_bfloat16, False})
def test_bfloat16_is_packed_where_onednn_has_it(has, monkeypatch):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: has)
    model = nn.Sequential(nn.Linear(256, 256), nn.Linear(256, 256).bfloat16())
    pack(model)
    assert type(model[0]) is PackedLinear
    assert (type(model[1]) is PackedLinear) == has


@pytest.mark.skipif(not has_bfloat16, reason="oneDNN has none on this processor")
def test_attention_changes_for_models_in_bfloat16_alone(monkeypatch):
    monkeypatch.setitem(AttentionInterface._global_mapping, "sdpa", sdpa_attention_forward)
    model = nn.Sequential(nn.Linear(256, 256))
    pack(copy.deepcopy(model))
    assert AttentionInterface()["sdpa"] is sdpa_attention_forward
    pack(model.bfloat16())
    assert AttentionInterface()["sdpa"] is attend


needs_int8 = pytest.mark.skipif(not has_int8_products(), reason="this processor adds up in 16 bits")


def resident(path):
    """Kilobytes that a mapped file takes; None where it is not mapped."""
    found, is_meant = None, False
    for line in Path("/proc/self/smaps").read_text().split("\n"):
        if re.match("[0-9a-f]+-[0-9a-f]+ ", line):
            is_meant = line.endswith(str(path))
        elif is_meant and line.startswith("Rss:"):
            found = (found or 0) + int(line.split()[1])
    return found


@pytest.mark.skipif(not Path("/proc/self/pagemap").exists(), reason="only Linux tells")
@pytest.mark.parametrize("dtype", ["float32", pytest.param("int8", marks=needs_int8)])
def test_a_model_on_torch_is_packed_and_keeps_no_second_copy(bpe, tmp_path, dtype):
    settings = {"model_type": "gpt2", "n_embd": 512, "n_layer": 1, "n_head": 2}
    folder = make_causal(bpe, tmp_path / "model", **settings)
    weights = (folder / "model.safetensors").rename(tmp_path / "blob")  # as the hub's cache has it
    (folder / "model.safetensors").symlink_to(weights)
    spec = ModelSpec(str(folder), engine="torch", device="cpu", dtype=dtype)
    loaded = load(spec, Purpose(("causal",)))
    new = PackedLinear if dtype == "float32" else Int8Linear
    assert any(isinstance(one, new) for one in loaded.network.modules())
    assert resident(weights) * 1024 < weights.stat().st_size / 2
    embedding = loaded.network.get_input_embeddings().weight
    assert torch.equal(embedding, load_file(weights)["transformer.wte.weight"])


def filled(path):
    save_file({"a": torch.ones(4096, 64)}, path)
    weights = load_file(path)["a"]
    assert weights.sum() == weights.numel()  # all of it is in memory
    return weights


@pytest.mark.skipif(not Path("/proc/self/pagemap").exists(), reason="only Linux tells")
def test_what_a_file_holds_is_forgotten_and_read_again(tmp_path):
    weights = filled(tmp_path / "model.safetensors")
    before = resident(tmp_path / "model.safetensors")
    assert forget(weights.data_ptr(), weights.nbytes)
    assert resident(tmp_path / "model.safetensors") < before / 4
    assert weights.sum() == weights.numel()


def test_what_was_written_to_is_not_forgotten(tmp_path):
    weights = filled(tmp_path / "model.safetensors")
    weights[50] = 7
    assert not forget(weights.data_ptr(), weights.nbytes)
    assert weights[50, 0] == 7 and weights[51, 0] == 1
    fresh = torch.full((4096, 64), 5.0)
    assert not forget(fresh.data_ptr(), fresh.nbytes)
    assert (fresh == 5).all()


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux tells")
def test_a_file_whose_weights_were_changed_is_let_go_as_a_whole(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.ones(256, 256), "b": torch.ones(64, 64)}, path)
    found = load_file(path)
    model = nn.Sequential(nn.Linear(256, 256, bias=False), nn.Linear(64, 64, bias=False))
    for layer, name in zip(model, ("a", "b"), strict=True):
        layer.weight = nn.Parameter(found[name], requires_grad=False)
    model[0].weight += 1  # as a merged adapter does
    del found
    pack(model)
    assert isinstance(model[0], PackedLinear) and resident(path) is None
    assert (model[0].weight == 2).all() and (model[1].weight == 1).all()


def test_layers_that_torch_itself_reads_are_left():
    model = nn.TransformerEncoderLayer(256, 2, 256, batch_first=True).eval()
    inputs = torch.randn(1, 3, 256)
    with torch.inference_mode():
        expected = model(inputs)
        pack(nn.Sequential(model, nn.Linear(256, 256)))
        assert type(model.linear1) is nn.Linear
        torch.testing.assert_close(model(inputs), expected)


@needs_int8
def test_int8_products_are_those_of_the_rounded_numbers():
    torch.manual_seed(0)
    weight, bias, inputs = torch.randn(40, 70), torch.randn(40), torch.randn(2, 3, 70)
    inputs[0, 0] = 0
    weight[7] = 0
    weight[3] *= 1000

    def rounded(rows):
        scales = np.abs(rows).max(-1, keepdims=True) / 127
        return np.rint(rows / np.where(scales, scales, 1)), scales

    (a, left), (b, right) = rounded(inputs.double().numpy()), rounded(weight.double().numpy())
    expected = (a @ b.T) * left * right[:, 0]
    for one, more in ((bias, bias.numpy()), (None, 0)):
        found = Int8Linear(weight, one)(inputs)
        np.testing.assert_allclose(found.numpy(), expected + more, rtol=1e-5, atol=1e-4)


@needs_int8
def test_a_row_in_int8_does_not_depend_on_the_others():
    torch.manual_seed(0)
    layer = Int8Linear(torch.randn(64, 128), None)
    rows = torch.randn(9, 128)
    rows[3] *= 100
    assert torch.equal(layer(rows)[5:6], layer(rows[5:6]))
    rows[3, 0] = float("nan")
    assert layer(rows)[3].isnan().all() and not layer(rows)[5].isnan().any()


@needs_int8
@pytest.mark.parametrize(("auto", "name", "settings"), CASES, ids=lambda one: str(one)[:12])
def test_a_model_in_int8_is_close(auto, name, settings, monkeypatch):
    monkeypatch.setattr(packing, "LEAST", 0)
    plain, inputs = made(auto, name, settings, torch.float32)
    rounded = copy.deepcopy(plain)
    quantize(rounded)
    assert any(isinstance(one, Int8Linear) for one in rounded.modules())
    with torch.inference_mode():
        expected, found = plain(**inputs)[0], rounded(**inputs)[0]
    assert 0 < (found - expected).norm() < 0.05 * expected.norm()


def test_a_model_without_large_layers_is_not_called_int8(monkeypatch):
    monkeypatch.setattr(packing, "require_quantized", lambda: None)  # on any processor
    with pytest.raises(ModelUnsuitable, match="`dtype`=int8"):
        quantize(nn.Sequential(nn.Linear(64, 64)))


def test_gelu_takes_fewer_passes_and_stays_the_same_in_float32():
    model = nn.Sequential(nn.Linear(4, 4), NewGELUActivation())
    pack(model.bfloat16())
    assert isinstance(model[1], NewGELUActivation)
    pack(model.float())
    assert isinstance(model[1], SigmoidGelu)
    inputs = torch.linspace(-6, 6, 99)
    torch.testing.assert_close(model[1](inputs), NewGELUActivation()(inputs))
