"""Worked by hand for GPT-2 124M: 12 layers, 768 wide, 12 heads of 64, 50,257 tokens."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from llmcli.system.roofline import (
    DecoderSizes,
    bytes_per_token,
    decode_bound,
    kv_cache_bytes,
    prefill_bound,
    prefill_flops,
)

# a layer: attention 4*768^2 + 4*768, feed-forward 8*768^2 + 5*768, two norms 4*768; 1536 at the end
LAYERS = 12 * (12 * 768**2 + 13 * 768) + 1536
GPT2 = DecoderSizes(
    layer_parameters=LAYERS,
    output_parameters=50_257 * 768,
    layers=12,
    attention_size=768,
    kv_size=768,
)
TINY = DecoderSizes(
    layer_parameters=100, output_parameters=30, layers=2, attention_size=4, kv_size=2
)


def test_the_sizes_of_gpt2_are_those_of_the_real_one():
    with torch.device("meta"):
        model = GPT2LMHeadModel(GPT2Config())
    assert LAYERS == 85_056_000
    total = sum(one.numel() for one in model.parameters())
    assert LAYERS + GPT2.output_parameters + 1024 * 768 == total == 124_439_808


def test_keys_and_values_of_all_layers_are_kept():
    assert kv_cache_bytes(TINY, 5, 4) == 2 * 2 * 2 * 5 * 4
    assert kv_cache_bytes(GPT2, 1024, 4) == 75_497_472  # 72 MiB


@pytest.mark.parametrize(("dtype", "size"), [("float32", 4), ("bfloat16", 2), ("int8", 1)])
def test_a_token_reads_each_weight_once(dtype, size):
    assert bytes_per_token(GPT2, dtype, 0) == 123_653_376 * size


def test_a_token_reads_the_keys_and_values_before_it():
    assert bytes_per_token(TINY, "int8", 3) == 130 + 2 * 2 * 2 * 3 * 4
    assert bytes_per_token(TINY, "int8", 3, "float16") == 130 + 2 * 2 * 2 * 3 * 2


def test_decoding_is_as_fast_as_memory_is_read():
    # 20 GB/s, 494.6 MB a token
    assert decode_bound(20.0, bytes_per_token(GPT2, "float32", 0)) == pytest.approx(
        40.436, abs=1e-3
    )


def test_the_operations_of_a_prompt_are_counted_token_by_token():
    # 2 operations a parameter; token t has t dot products of 4, twice (keys, values), in 2 layers
    by_token = sum(2 * 100 + 2 * 2 * (2 * 4 * t) for t in range(1, 8))
    assert prefill_flops(TINY, 7) == by_token + 2 * 30


def test_long_prompts_take_what_kaplan_counts():
    length = 1024
    kaplan = length * (2 * LAYERS + 2 * 12 * length * 768)
    without_logits = prefill_flops(GPT2, length) - 2 * GPT2.output_parameters
    assert without_logits == pytest.approx(kaplan, rel=1e-3)


def test_a_prompt_is_read_as_fast_as_matrices_are_multiplied():
    # one token: 200 + 16 * 2 = 232 operations in the layers, 60 for its logits
    assert prefill_flops(TINY, 1) == 292
    assert prefill_bound(0.000_002_92, TINY, 1) == pytest.approx(10.0)
