"""Text with lookup is that of plain decoding; it is read again where two tokens are close."""

from functools import wraps

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from llmcli.decoding import lookup_state
from llmcli.decoding.decoder_only import CachedCausal
from llmcli.decoding.lookup_state import LookupLoop, LookupState, takes_lookup
from llmcli.decoding.loop import DecodingLoop
from llmcli.decoding.pace import DRAFTS, Pace
from llmcli.decoding.request import Request
from llmcli.spec import Decoding
from tests.tiny_models import BLOOM, GPT2, LLAMA

VOCABULARY = 60
NEOX = {
    "model_type": "gpt_neox",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
SHAPES = [GPT2, LLAMA, BLOOM, NEOX]
SETTINGS = [{}, {"repetition_penalty": 1.2}, {"no_repeat_ngram_size": 4}]
PROMPTS = [[1, 2, 3, 4, 5, 6, 7] * 4, [5, 6, 9, 5, 6, 9, 2, 5, 6]]


class Eager(Pace):
    """Drafts as much as it may, and wants no measured time."""

    def draft(self, matched, most, allowed):
        return 0 if self.is_off else max((count for count in DRAFTS if count <= most), default=0)


def network_of(shape, seed):
    torch.manual_seed(seed)
    special = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    settings = {"max_position_embeddings": 256} if shape is not BLOOM else {}
    config = AutoConfig.for_model(**{**shape, **settings, "vocab_size": VOCABULARY}, **special)
    return AutoModelForCausalLM.from_config(config).eval()


def decoded(loop_class, state, prompt, options, limit=40):
    loop = loop_class(state, Request([prompt], [limit], frozenset()), options)
    return [step.token for step in loop]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape["model_type"])
@pytest.mark.parametrize("seed", range(3))
def test_a_text_is_that_of_plain_decoding_whatever_the_weights(shape, seed):
    network, pace, taken = network_of(shape, seed), Eager(), 0
    for prompt in PROMPTS:
        for settings in SETTINGS:
            options = Decoding(**settings)
            plain = decoded(DecodingLoop, CachedCausal(network, [prompt]), prompt, options)
            state = LookupState(network, prompt, 40, pace)
            assert decoded(LookupLoop, state, prompt, options) == plain
            taken += state.taken
    assert taken > 20
    assert 0 < pace.tolerance < 1e-3
    assert not pace.is_off


def test_close_tokens_are_chosen_by_a_text_that_is_read_token_by_token(monkeypatch):
    """With so large a tolerance, each token is close: none is taken from a draft."""
    network, prompt, pace, reread = network_of(LLAMA, 5), PROMPTS[0], Eager(), []
    pace.tolerance = 100.0
    state = LookupState(network, prompt, 30, pace)
    again = state.reread
    monkeypatch.setattr(state, "reread", lambda: (reread.append(1), again()))
    plain = decoded(DecodingLoop, CachedCausal(network, [prompt]), prompt, Decoding(), limit=30)
    assert decoded(LookupLoop, state, prompt, Decoding(), limit=30) == plain
    assert reread and state.taken == 0


def test_what_is_read_again_has_the_very_bits_of_plain_decoding():
    network, prompt = network_of(GPT2, 2), PROMPTS[0]
    state, plain = LookupState(network, prompt, 30, Eager()), CachedCausal(network, [prompt])
    with torch.inference_mode():
        for number in range(24):
            expected = plain.logits()
            token = int(expected.argmax())
            state.logits()
            if number % 6 == 5:
                state.reread()
            if state.is_exact:
                assert torch.equal(state.logits(), expected)
            else:
                torch.testing.assert_close(state.logits(), expected)
            plain.feed([token])
            state.feed([token])
    assert state.taken > 5


def test_a_text_without_repetitions_costs_no_pass_more():
    network, prompt = network_of(GPT2, 1), [3, 4, 5]
    state = LookupState(network, prompt, 20, Eager())
    expected = list(range(10, 30))
    with torch.inference_mode():
        for token in expected:
            state.logits()
            state.feed([token])
    assert (state.taken, state.passes) == (0, None)


def test_passes_that_are_not_those_of_single_tokens_are_never_trusted(monkeypatch):
    """A model that reads several tokens otherwise: the text stays, and drafts end."""
    network, prompt, pace = network_of(GPT2, 3), PROMPTS[0], Eager()
    plain = decoded(DecodingLoop, CachedCausal(network, [prompt]), prompt, Decoding())
    forward = type(network).forward

    @wraps(forward)  # so that its arguments can be seen
    def other(self, input_ids, **inputs):
        out = forward(self, input_ids, **inputs)
        if 1 < input_ids.shape[1] < len(prompt):
            out.logits = out.logits.flip(-1)
        return out

    monkeypatch.setattr(network, "forward", other.__get__(network), raising=False)
    state = LookupState(network, prompt, 40, pace)
    assert decoded(LookupLoop, state, prompt, Decoding()) == plain
    assert pace.is_off


def test_wrong_drafts_stop_when_they_have_cost_what_they_may(monkeypatch):
    """A pass takes a second, and each further token another one: nothing may be lost twice."""
    now = [0.0]
    monkeypatch.setattr(lookup_state.time, "perf_counter", lambda: now[0])
    network, prompt, lengths = network_of(GPT2, 1), [7, 8, 9, 1, 7, 8, 9, 2, 7, 8, 9], []
    pace = Pace()
    pace.differed(1e-6, 1.0)
    state = LookupState(network, prompt, 200, pace)
    read = state._text.read

    def timed(tokens):
        now[0] += len(tokens)
        lengths.append(len(tokens))
        return read(tokens)

    monkeypatch.setattr(state._text, "read", timed)
    with torch.inference_mode():
        for at in range(150):
            state.logits()
            state.feed([(7, 8, 9, 20 + at % 30)[at % 4]])
    assert sum(lengths) <= 1.03 * 150 + 1


def test_models_that_keep_no_keys_of_all_tokens_are_left_alone():
    config = AutoConfig.for_model("mamba", hidden_size=16, num_hidden_layers=1, vocab_size=20)
    assert not takes_lookup(AutoModelForCausalLM.from_config(config))
    assert takes_lookup(network_of(GPT2, 0))
