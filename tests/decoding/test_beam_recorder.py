"""The recorded tree of a beam search against transformers' scores, and against its own rules."""

from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM, MarianMTModel

from llmcli.decoding.beam_search import beam_search
from llmcli.decoding.decoder_only import CachedCausal
from llmcli.decoding.encoder_decoder import CachedSeq2Seq
from llmcli.decoding.generation_config import Rules
from llmcli.decoding.request import Request
from llmcli.spec import Decoding
from tests.tiny_models import GPT2, LLAMA, make_causal

PROMPT, SOURCE, END = [5, 9, 12], [7, 8, 9, 0], 0
OPTIONS = Decoding(num_beams=3, num_return_sequences=3, trace=4)


@pytest.fixture(scope="module", params=["gpt2", "llama", "marian"])
def model(request, bpe, tiny_marian, tmp_path_factory):
    if request.param == "marian":
        return MarianMTModel.from_pretrained(tiny_marian).eval()
    shape = {"gpt2": GPT2, "llama": LLAMA}[request.param]
    folder = make_causal(bpe, tmp_path_factory.mktemp("m"), **shape)
    return AutoModelForCausalLM.from_pretrained(folder).eval()


def searched(model, options, rules, ends=(END,)):
    pad = model.config.pad_token_id
    with torch.inference_mode():
        if model.config.is_encoder_decoder:
            request = Request([[pad]], [6], frozenset(ends), sources=[SOURCE], rules=rules)
            state = CachedSeq2Seq(model, [SOURCE], [pad], pad)
        else:
            request = Request([PROMPT], [6], frozenset(ends), rules=rules)
            state = CachedCausal(model, [PROMPT])
        return beam_search(state, request, options)[0]


def reference(model, ends, **settings):
    ids = torch.tensor([SOURCE if model.config.is_encoder_decoder else PROMPT])
    config = model.generation_config
    config.bad_words_ids = config.forced_eos_token_id = config.max_length = None
    config.renormalize_logits = False
    return model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=6,
        do_sample=False,
        num_beams=3,
        num_return_sequences=3,
        eos_token_id=list(ends),
        pad_token_id=model.config.pad_token_id,
        return_dict_in_generate=True,
        output_scores=True,
        **settings,
    )


@pytest.mark.parametrize(
    "settings", [{}, {"length_penalty": 0.3}, {"repetition_penalty": 1.4}, {"min_new_tokens": 4}]
)
def test_scores_are_those_of_transformers(model, settings):
    own = {name: settings[name] for name in ("repetition_penalty",) if name in settings}
    rules = Rules(**{name: value for name, value in settings.items() if name not in own})
    free = searched(model, OPTIONS, Rules())
    ends = (END, free[0].tokens[2])  # so that some beams end early
    hypotheses = searched(model, replace(OPTIONS, **own), rules, ends)
    tree = hypotheses[0].tree
    best = [tree.nodes[node - 1] for node in tree.returned]
    expected = reference(model, ends, **settings).sequences_scores
    assert [node.score for node in best] == pytest.approx(expected.tolist(), abs=1e-5)
    assert [node.score for node in best] == [each.score for each in hypotheses]
    assert [node.rank for node in best] == [1, 2, 3]


def test_every_continuation_has_its_place_in_the_tree(model):
    free = searched(model, OPTIONS, Rules())
    ends = (END, free[0].tokens[1])
    hypotheses = searched(model, OPTIONS, Rules(length_penalty=0.5), ends)
    tree = hypotheses[0].tree
    assert [node.node for node in tree.nodes] == list(range(1, len(tree.nodes) + 1))
    for node in tree.nodes:
        parent = tree.nodes[node.parent - 1] if node.parent else None
        before = (0.0, 0) if parent is None else (parent.total, parent.step)
        assert parent is None or parent.fate == "kept"
        assert node.total == pytest.approx(before[0] + node.logprob, abs=1e-5)
        assert node.step == before[1] + 1
        assert (node.score is None) == (node.fate != "finished") == (node.rank is None)
        if node.score is not None:
            assert node.score == pytest.approx(node.total / node.step**0.5)
    for step in range(1, 7):
        kept = [each for each in tree.nodes if each.step == step and each.fate == "kept"]
        assert len(kept) <= 3
        continued = {each.parent for each in tree.nodes if each.step == step + 1}
        assert continued <= {each.node for each in kept}
    assert all(each.tree is None for each in hypotheses[1:])


def test_each_hypothesis_has_the_steps_of_its_tokens(model):
    for hypothesis in searched(model, OPTIONS, Rules(suppressed=(3, 4))):
        tokens = tuple(step.id for step in hypothesis.trace)
        assert tokens[: len(hypothesis.tokens)] == hypothesis.tokens
        assert len(tokens) - len(hypothesis.tokens) == int(hypothesis.ended)
        taken = [
            next(each for each in step.candidates if each.id == step.id)
            for step in hypothesis.trace
        ]
        total = sum(torch.tensor(each.final).log().item() for each in taken)
        assert total / len(tokens) == pytest.approx(hypothesis.score, abs=1e-4)
        removed = {each.name: each.tokens for step in hypothesis.trace for each in step.removals}
        assert removed == {"suppress_tokens": 2}


def test_a_recorded_search_finds_the_same(model):
    for rules in (Rules(), Rules(renormalize=True, banned=((9,),)), Rules(early_stopping=True)):
        recorded = searched(model, OPTIONS, rules)
        plain = searched(model, replace(OPTIONS, trace=0), rules)
        assert [replace(each, trace=None, tree=None) for each in recorded] == plain
