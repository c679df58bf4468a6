"""Prompts of different lengths together, for the kinds of causal architecture: as each alone."""

import sys
from pathlib import Path

import pytest
import torch

from llmcli.decoding.beam_search import beam_search
from llmcli.decoding.loop import DecodingLoop
from llmcli.decoding.request import Request
from llmcli.decoding.text_config import text_config, text_setting
from llmcli.decoding.unpadded import UnpaddedCausal, causal_state, takes_padding
from llmcli.spec import Decoding

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import architectures  # noqa: E402

PADDED = ("gemma3", "gemma4", "llama4", "codegen", "gpt_neo", "mamba2", "jamba", "got_ocr2", "mpt")
"""Sections for text and images, windows, states, relative positions: all take padding."""
BY_LENGTH = ("rwkv", "xlm-roberta", "bart", "git", "prophetnet", "whisper")
"""States without a mask, positions of their own, positions that cannot be given."""
PROMPTS = [[5, 9, 12], [7], [40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50], [100, 200, 100], [8, 9]]
END = frozenset({299})


def decode(model, prompts, limit=8):
    request = Request(prompts, [limit] * len(prompts), END)
    decoder = DecodingLoop(causal_state(model, prompts), request, Decoding())
    rows = [[] for _ in prompts]
    while decoder.running:
        for step in decoder.step():
            rows[step.row].append(step.token)
    return rows


def recomputed(model, prompt, limit=8):
    """Greedy tokens by a forward pass over the whole text for each: no cache, mask or padding."""
    ids = list(prompt)
    with torch.inference_mode():
        while len(ids) < len(prompt) + limit and ids[-1] not in END:
            logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits
            ids.append(int(logits[0, -1].argmax()))
    return ids[len(prompt) :]


@pytest.mark.parametrize("name", [*PADDED, *BY_LENGTH])
def test_prompts_of_all_lengths_together_give_what_each_gives_alone(name):
    model = architectures.build(name, "causal")
    assert takes_padding(model) is (name in PADDED)
    alone = [decode(model, [prompt])[0] for prompt in PROMPTS]
    assert decode(model, PROMPTS) == alone
    if name != "prophetnet":  # whose cached steps, in transformers too, are no recomputation
        assert alone == [recomputed(model, prompt) for prompt in PROMPTS]


@pytest.mark.parametrize("name", ["rwkv", "bart", "xlm-roberta"])
def test_beams_of_prompts_that_cannot_be_padded_are_those_of_each_alone(name):
    model, options = architectures.build(name, "causal"), Decoding(num_beams=3)
    searched = [
        beam_search(causal_state(model, some), Request(some, [6] * len(some), END), options)
        for some in (PROMPTS, *([prompt] for prompt in PROMPTS))
    ]
    tokens = [[[each.tokens for each in row] for row in rows] for rows in searched]
    assert tokens[0] == [rows[0] for rows in tokens[1:]]


def test_rows_are_kept_in_any_order_and_more_than_once():
    model = architectures.build("bart", "causal")
    state = UnpaddedCausal(model, PROMPTS)
    before = state.logits()
    state.feed([1, 2, 3, 4, 5])
    fed = UnpaddedCausal(model, [[*ids, at + 1] for at, ids in enumerate(PROMPTS)]).logits()
    order = [4, 0, 0, 2]
    state.keep(order)
    assert before.shape == (5, 300)
    assert torch.allclose(state.logits(), fed[order], atol=1e-4)


def test_a_prompt_alone_or_prompts_of_one_length_are_one_batch():
    model = architectures.build("rwkv", "causal")
    assert not isinstance(causal_state(model, [[5, 6], [7, 8]]), UnpaddedCausal)
    assert isinstance(causal_state(model, [[5, 6], [7]]), UnpaddedCausal)


def test_settings_of_the_text_model_are_found_in_its_section():
    gemma = architectures.small_config(architectures.CONFIG_MAPPING["gemma3"])
    assert text_config(gemma) is gemma.text_config
    assert (text_setting(gemma, "vocab_size"), text_setting(gemma, "pad_token_id")) == (300, 0)
    codegen = architectures.small_config(architectures.CONFIG_MAPPING["codegen"])
    assert text_config(codegen) is codegen
    assert text_setting(codegen, "no such setting") is None


@pytest.mark.parametrize("name", ["cpmant", "dory"])
def test_models_whose_cache_is_not_followed_read_all_again(name):
    model = architectures.build(name, "causal")
    alone = [decode(model, [prompt], 4)[0] for prompt in PROMPTS]
    assert decode(model, PROMPTS, 4) == alone == [recomputed(model, each, 4) for each in PROMPTS]
