"""Rules of generation settings, and what a decoder and a search make of them."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from llmcli.decoding.beam_search import beam_search
from llmcli.decoding.generation_config import GONE, Rules
from llmcli.decoding.loop import CachedCausal, DecodingLoop
from llmcli.errors import ModelUnsuitable
from llmcli.spec import Decoding

PROMPTS = [[5, 9, 12], [7, 3]]


def applied(rules, logits, histories, *, length=1, last=(), ends=frozenset({0})):
    last = last or [False] * len(logits)
    return rules.apply(logits.clone(), histories, length=length, last=last, ends=ends)


def test_what_is_banned_and_forced():
    logits = torch.arange(8.0).reshape(2, 4)
    histories = [[2, 3], [3, 2]]
    found = applied(Rules(banned=((1,), (3, 2))), logits, histories)
    assert found.tolist() == [[0, GONE, GONE, 3], [4, GONE, 6, 7]]
    found = applied(Rules(min_new_tokens=1, banned_first=(2,)), logits, histories)
    assert found.tolist() == [[GONE, 1, GONE, 3], [GONE, 5, GONE, 7]]
    found = applied(Rules(forced_first=3), logits, histories)
    assert found.tolist() == [[GONE, GONE, GONE, 0]] * 2
    found = applied(Rules(forced_last=0), logits, histories, length=5, last=[False, True])
    assert found.tolist() == [[0, 1, 2, 3], [0, GONE, GONE, GONE]]


def test_probabilities_add_up_again_and_nothing_left_is_nothing():
    rules = Rules(banned=((0,), (5, 1)), renormalize=True)
    found = applied(rules, torch.tensor([[3.0, 1.0], [3.0, 1.0]]), [[7], [5]])
    assert found.tolist() == [[GONE, 0], [GONE, GONE]]
    assert applied(rules, torch.tensor([[float("nan"), float("nan")]]), [[7]]).isnan().any()


@pytest.fixture(scope="module")
def model(tiny_gpt2):
    return AutoModelForCausalLM.from_pretrained(tiny_gpt2).eval()


def test_a_decoder_tells_the_probabilities_of_the_model_itself(model):
    def steps(rules):
        decoder = DecodingLoop(
            CachedCausal(model, PROMPTS),
            PROMPTS,
            Decoding(logprobs=1),
            limits=[1, 1],
            seeds=[0, 0],
            end_tokens=frozenset(),
            rules=rules,
        )
        return list(decoder)

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

    limits = [4, 4]
    spec = Decoding(num_beams=2)
    for rules in (Rules(), Rules(renormalize=True, banned=((9,),))):
        with torch.inference_mode(), pytest.raises(ModelUnsuitable, match="NaN"):
            state = Damaged(model, PROMPTS)
            beam_search(state, PROMPTS, spec, limits=limits, end_tokens=frozenset({0}), rules=rules)
