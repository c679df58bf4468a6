"""Rules of generation settings, and what a decoder and a search make of them."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from llmcli.decoding.beam_search import beam_search
from llmcli.decoding.decoder_only import CachedCausal
from llmcli.decoding.generation_config import EXCLUDED, Rules
from llmcli.decoding.loop import DecodingLoop
from llmcli.decoding.processors import Processors, Written
from llmcli.decoding.request import Request
from llmcli.errors import ModelUnsuitable
from llmcli.spec import Decoding

PROMPTS = [[5, 9, 12], [7, 3]]


def applied(rules, logits, histories, *, start=1, last=()):
    last = last or [False] * len(logits)
    rows = [
        Written(history, start, [], is_last)
        for history, is_last in zip(histories, last, strict=True)
    ]
    return Processors(Decoding(), rules, frozenset({0})).apply(logits, rows)


def test_what_is_banned_and_forced():
    logits = torch.arange(8.0).reshape(2, 4)
    histories = [[2, 3], [3, 2]]
    found = applied(Rules(banned=((1,), (3, 2))), logits, histories)
    assert found.tolist() == [[0, EXCLUDED, EXCLUDED, 3], [4, EXCLUDED, 6, 7]]
    found = applied(Rules(min_new_tokens=1, banned_first=(2,)), logits, histories, start=2)
    assert found.tolist() == [[EXCLUDED, 1, EXCLUDED, 3], [EXCLUDED, 5, EXCLUDED, 7]]
    found = applied(Rules(forced_first=3), logits, [[2], [3]])
    assert found.tolist() == [[EXCLUDED, EXCLUDED, EXCLUDED, 0]] * 2
    found = applied(Rules(forced_last=(0,)), logits, histories, last=[False, True])
    assert found.tolist() == [[0, 1, 2, 3], [0, EXCLUDED, EXCLUDED, EXCLUDED]]
    found = applied(Rules(biases=(((3,), 1.0), ((3, 1), -2.0))), logits, histories)
    assert found.tolist() == [[0, -1, 2, 4], [4, 5, 6, 8]]


def test_probabilities_add_up_again_and_nothing_left_is_nothing():
    rules = Rules(banned=((0,), (5, 1)), renormalize=True)
    found = applied(rules, torch.tensor([[3.0, 1.0], [3.0, 1.0]]), [[7], [5]])
    assert found.tolist() == [[EXCLUDED, 0], [EXCLUDED, EXCLUDED]]
    assert applied(rules, torch.tensor([[float("nan"), float("nan")]]), [[7]]).isnan().any()


@pytest.fixture(scope="module")
def model(tiny_gpt2):
    return AutoModelForCausalLM.from_pretrained(tiny_gpt2).eval()


def test_a_decoder_tells_the_probabilities_of_the_model_itself(model):
    def steps(rules):
        request = Request(PROMPTS, [1, 1], frozenset(), rules=rules)
        return list(DecodingLoop(CachedCausal(model, PROMPTS), request, Decoding(logprobs=1)))

    free = steps(Rules())
    ruled = steps(Rules(banned=((free[0].token,),)))
    assert [one.best for one in ruled] == [one.best for one in free]
    assert ruled[0].token != free[0].token and ruled[0].logprob < free[0].logprob


def test_a_search_finds_nan(model):
    class Damaged(CachedCausal):
        def logits(self):
            found = super().logits()
            found[-1, 3] = float("nan")
            return found

    for rules in (Rules(), Rules(renormalize=True, banned=((9,),))):
        with torch.inference_mode(), pytest.raises(ModelUnsuitable, match="NaN"):
            request = Request(PROMPTS, [4, 4], frozenset({0}), rules=rules)
            beam_search(Damaged(model, PROMPTS), request, Decoding(num_beams=2))
