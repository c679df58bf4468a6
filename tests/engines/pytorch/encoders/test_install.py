"""The layers of our own give what transformers' layers give, for every architecture."""

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
)

from llmcli.engines.pytorch.encoders.architectures import ARCHITECTURES
from llmcli.engines.pytorch.encoders.attention import KERNELS
from llmcli.engines.pytorch.encoders.install import install
from llmcli.engines.pytorch.encoders.kernels import Kernels, gpu_kernels, packs
from llmcli.engines.pytorch.encoders.linear import Int8Linear, PackedLinear, PlainLinear
from llmcli.engines.pytorch.encoders.rows import only
from llmcli.engines.pytorch.encoders.varlen import fits
from llmcli.models.architectures import Kind
from llmcli.system.machine import has_int8_products

LENGTHS = (24, 24, 17, 9, 9, 3)
TINY = {
    "vocab_size": 60,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 40,
    "pad_token_id": 1,
}
OWN: dict[str, dict[str, Any]] = {
    "electra": {"embedding_size": 16},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48},
    "modernbert": {
        "local_attention": 8,
        **dict.fromkeys(("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"), 2),
    },
}
SAFE_WEIGHTS = (63, 127) if has_int8_products() else (63,)  # 127 overflows in 16 bits
PLAIN = Kernels(PlainLinear, KERNELS["sdpa"], copies=False)


def tiny(name: str, kind: Kind = "encoder", **settings: Any) -> torch.nn.Module:
    """A random model of an architecture, whose biases and norms are random too."""
    classes: dict[str, Any] = {
        "encoder": AutoModel,
        "classifier": AutoModelForSequenceClassification,
        "masked": AutoModelForMaskedLM,
    }
    torch.manual_seed(1)
    config = AutoConfig.for_model(name, **{**TINY, **OWN.get(name, {}), **settings})
    network: torch.nn.Module = classes[kind].from_config(config).eval()
    for parameter in network.parameters():
        parameter.data.add_(torch.randn_like(parameter), alpha=0.05)
    return network


def inputs() -> dict[str, torch.Tensor]:
    """A batch of texts of several lengths, some of them equal."""
    ids = torch.randint(5, 60, (len(LENGTHS), max(LENGTHS)), generator=torch.manual_seed(2))
    mask = torch.zeros_like(ids)
    for row, length in enumerate(LENGTHS):
        mask[row, :length] = 1
    return {"input_ids": ids.masked_fill(mask == 0, 1), "attention_mask": mask}


def replaced(network: torch.nn.Module, kind: Kind, kernels: Kernels) -> Callable[..., Any]:
    """A copy of a network with our layers."""
    copied = copy.deepcopy(network)
    assert install(copied, kind, kernels)
    return copied


@torch.inference_mode()
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_states_are_those_of_transformers_at_all_tokens(name: str) -> None:
    network, batch = tiny(name), inputs()
    is_token = batch["attention_mask"] == 1
    expected = network(**batch).last_hidden_state[is_token]  # (N, D)

    ours = replaced(network, "encoder", PLAIN)(**batch).last_hidden_state
    torch.testing.assert_close(ours[is_token], expected, atol=1e-5, rtol=0)
    assert ours[~is_token].std() < 1  # padding has finite states

    full = {"input_ids": batch["input_ids"][:2]}  # no row is padded
    whole = replaced(network, "encoder", PLAIN)(**full).last_hidden_state
    torch.testing.assert_close(whole, network(**full).last_hidden_state, atol=1e-5, rtol=0)


@torch.inference_mode()
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_classifier_has_the_same_logits_from_its_first_tokens(name: str) -> None:
    network, batch = tiny(name, "classifier"), inputs()
    ours = replaced(network, "classifier", PLAIN)
    torch.testing.assert_close(ours(**batch).logits, network(**batch).logits, atol=1e-5, rtol=0)


@torch.inference_mode()
@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("several", [False, True])
def test_logits_of_masked_tokens_are_computed_alone(name: str, several: bool) -> None:
    network, batch = tiny(name, "masked"), inputs()
    ours = replaced(network, "masked", PLAIN)
    positions = torch.zeros(batch["input_ids"].shape, dtype=torch.bool)
    positions[1, 4] = positions[5, 2] = True
    positions[:, 0] = several
    with only(positions):
        logits = ours(**batch).logits
    assert logits.shape == (int(positions.sum()), 60)
    torch.testing.assert_close(logits, network(**batch).logits[positions], atol=1e-5, rtol=0)


def varlen(query, key, value, own_ends, ends, own_longest, longest):
    """What torch.nn.attention.varlen.varlen_attn computes, text by text."""
    assert own_ends.dtype == ends.dtype == torch.int32 and len(own_ends) == len(ends)
    texts = []
    for at in range(len(ends) - 1):
        own, other = slice(own_ends[at], own_ends[at + 1]), slice(ends[at], ends[at + 1])
        assert len(query[own]) <= own_longest and len(key[other]) <= longest
        rows = (tokens.transpose(0, 1) for tokens in (query[own], key[other], value[other]))
        texts.append(torch.nn.functional.scaled_dot_product_attention(*rows).transpose(0, 1))
    return torch.cat(texts)


VARLEN = replace(PLAIN, varlen=varlen)


@torch.inference_mode()
@pytest.mark.parametrize("name", ["bert", "roberta", "distilbert", "electra"])
def test_attention_within_all_texts_at_once_gives_the_same(name: str) -> None:
    for kind in ("encoder", "classifier"):
        network, batch = tiny(name, kind), inputs()
        ours = replaced(network, kind, VARLEN)
        is_token = batch["attention_mask"] == 1
        for given in (batch, {"input_ids": batch["input_ids"][:2]}):
            outputs, expected = ours(**given)[0], network(**given)[0]
            if kind == "encoder" and given is batch:
                outputs, expected = outputs[is_token], expected[is_token]
            torch.testing.assert_close(outputs, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["mpnet", "modernbert"])
def test_scores_that_depend_on_places_are_left_to_transformers_there(name: str) -> None:
    assert not install(tiny(name), "encoder", VARLEN)


def test_the_kernel_of_a_gpu_takes_half_precision_and_heads_of_certain_widths() -> None:
    assert fits(torch.bfloat16, 32) and fits(torch.float16, 256)
    assert not fits(torch.float32, 32) and not fits(torch.bfloat16, 36)
    assert gpu_kernels(torch.float32, 64) is None


@torch.inference_mode()
def test_a_modernbert_that_averages_tokens_computes_all_of_them() -> None:
    network = tiny("modernbert", "classifier", classifier_pooling="mean")
    batch = inputs()
    ours = replaced(network, "classifier", PLAIN)
    torch.testing.assert_close(ours(**batch).logits, network(**batch).logits, atol=1e-5, rtol=0)


@torch.inference_mode()
@pytest.mark.parametrize("attention", KERNELS)
@pytest.mark.parametrize("name", ["bert", "mpnet", "modernbert"])
def test_every_kernel_of_attention_and_packed_weights_give_the_same(
    name: str, attention: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmcli.engines.pytorch.encoders.attention.CHUNK", 600)
    network, batch = tiny(name), inputs()
    is_token = batch["attention_mask"] == 1
    linear = PackedLinear if packs(torch.float32) else PlainLinear
    ours = replaced(network, "encoder", Kernels(linear, KERNELS[attention], copies=True))
    states = ours(**batch).last_hidden_state[is_token]
    expected = network(**batch).last_hidden_state[is_token]
    torch.testing.assert_close(states, expected, atol=1e-5, rtol=0)


def least_cosine(one: torch.Tensor, other: torch.Tensor) -> float:
    """Of rows (N, D)."""
    return torch.cosine_similarity(one, other).min().item()


@torch.inference_mode()
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_int8_and_bfloat16_stay_close(name: str) -> None:
    network, batch = tiny(name), inputs()
    is_token = batch["attention_mask"] == 1
    expected = network(**batch).last_hidden_state[is_token]
    for largest in SAFE_WEIGHTS if packs(torch.float32) else ():
        linear = partial(Int8Linear, largest=largest)
        kernels = Kernels(linear, KERNELS["sdpa"], copies=True, is_int8=True)
        ours = replaced(network, "encoder", kernels)(**batch).last_hidden_state[is_token]
        assert least_cosine(ours, expected) > 0.9999
    halved = replaced(copy.deepcopy(network).bfloat16(), "encoder", PLAIN)
    states = halved(**batch).last_hidden_state[is_token].float()
    assert least_cosine(states, expected) > 0.9995


def test_int8_sums_do_not_overflow() -> None:
    if not packs(torch.float32):
        pytest.skip("oneDNN multiplies here in another way")
    # Largest weights and activations everywhere: the worst case of adding in 16 bits.
    weight, rows = torch.full((16, 64), 2.0), torch.full((4, 64), 5.0)
    rows[:, 0] = -5.0
    outputs = Int8Linear(weight, None, None, 63)(rows)
    torch.testing.assert_close(outputs, rows @ weight.T, atol=2.0, rtol=0)


def test_what_does_not_fit_is_left_as_it_is() -> None:
    decoder = tiny("bert", is_decoder=True)
    odd = tiny("bert")
    odd.encoder.layer[0].output.LayerNorm = torch.nn.Tanh()  # type: ignore[union-attr, index]
    causal = AutoModel.from_config(AutoConfig.for_model("gpt2", n_embd=16, n_layer=1, n_head=2))
    for network in (decoder, odd, causal):
        modules = [type(module) for module in network.modules()]
        assert not install(network, "encoder", PLAIN)
        assert [type(module) for module in network.modules()] == modules
