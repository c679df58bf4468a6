"""Texts that share a row, beside the same texts each by itself."""

import pytest
import torch
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)

from llmcli.training.kernels.replaced import FasterFunctions
from llmcli.training.kernels.segments import SegmentMask, keeps_apart, segment_inputs
from llmcli.training.kernels.vocabulary_loss import vocabulary_loss

END = 3
ROWS = torch.tensor([[5, 6, 7, END, 8, 9, 10, 11, END, 4], [END, 12, 13, 14, 5, 6, END, END, 7, 8]])
SEGMENTS = [
    *([5, 6, 7, END], [END, 8, 9, 10, 11, END], [END, 4]),
    *([END, 12, 13, 14, 5, 6, END], [END, END], [END, 7, 8]),
]
"""The texts of ROWS: each with the end that it begins with, and the end that it predicts."""


def gpt2():
    return GPT2LMHeadModel(GPT2Config(n_layer=2, n_embd=8, n_head=2, vocab_size=19, n_positions=10))


def llama():
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    return LlamaForCausalLM(
        LlamaConfig(vocab_size=19, max_position_embeddings=10, **sizes, **heads)
    )


def without_mode(inputs):
    """The mask as a plain tensor, as a GPU gets it."""
    return {name: each.as_subclass(torch.Tensor) for name, each in inputs.items()}


@pytest.mark.parametrize("change", [dict, without_mode], ids=["segment by segment", "by a mask"])
@pytest.mark.parametrize("make", [gpt2, llama])
def test_loss_and_gradients_are_those_of_texts_by_themselves(make, change):
    torch.manual_seed(0)
    model = make().eval()
    with FasterFunctions():
        inputs = change(segment_inputs(ROWS, END))
        hidden = model.base_model(ROWS, **inputs, use_cache=False).last_hidden_state
        labels = torch.nn.functional.pad(ROWS[:, 1:], (0, 1), value=-100)
        packed = vocabulary_loss(hidden, model.lm_head, labels)
    parts = []
    for segment in SEGMENTS:
        ids = torch.tensor([segment])
        logits = model(ids[:, :-1]).logits[0]
        parts.append(torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum"))
    apart = torch.stack(parts).sum()
    torch.testing.assert_close(packed, apart, atol=1e-5, rtol=1e-5)
    weights = list(model.parameters())
    for own, theirs in zip(
        torch.autograd.grad(packed, weights), torch.autograd.grad(apart, weights), strict=True
    ):
        torch.testing.assert_close(own, theirs, atol=1e-5, rtol=1e-5)


def test_positions_begin_again_and_sizes_are_told():
    inputs = segment_inputs(ROWS, END)
    assert inputs["position_ids"][0].tolist() == [0, 1, 2, 0, 1, 2, 3, 4, 0, 1]
    mask = inputs["attention_mask"]
    assert isinstance(mask, SegmentMask)
    assert mask.sizes == [[3, 5, 2], [6, 1, 3]]
    assert mask[0, 0, 4].nonzero().flatten().tolist() == [3, 4]


def test_a_row_of_one_text_takes_the_model_s_own_way():
    assert segment_inputs(ROWS[:1, 4:8], END) == {}


def test_a_model_is_tried():
    sizes = {"vocab_size": 19, "hidden_size": 8}
    assert keeps_apart(gpt2().eval(), ROWS[:1], END)
    assert keeps_apart(llama().eval(), ROWS[:1], END)
    bloom = BloomForCausalLM(BloomConfig(**sizes, n_layer=1, n_head=2)).eval()
    assert not keeps_apart(bloom, ROWS[:1], END)
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "num_hidden_layers": 1}
    window = MistralConfig(**sizes, **heads, intermediate_size=8, sliding_window=4)
    assert not keeps_apart(MistralForCausalLM(window).eval(), ROWS[:1], END)
