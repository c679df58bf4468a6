"""Traces of decoding, step by step, against the processors of transformers and numbers by hand."""

import math

import pytest
import torch
import transformers.generation.logits_process as theirs
from transformers import AutoModelForCausalLM, MarianMTModel

from llmcli.decoding.decoder_only import CachedCausal
from llmcli.decoding.encoder_decoder import CachedSeq2Seq
from llmcli.decoding.generation_config import Rules
from llmcli.decoding.loop import DecodingLoop
from llmcli.decoding.recorder import Recorder
from llmcli.decoding.request import Request
from llmcli.decoding.sampling import draw
from llmcli.spec import Decoding
from tests.tiny_models import GPT2, LLAMA, make_causal

PROMPTS = [[5, 9, 12], [40, 41, 42, 43, 44, 45, 46]]
LIMIT, END = 8, 0
SOURCES = [[7, 8, 9, 0], [11, 12, 0]]


@pytest.fixture(scope="module", params=["gpt2", "llama", "marian"])
def model(request, bpe, tiny_marian, tmp_path_factory):
    if request.param == "marian":
        return MarianMTModel.from_pretrained(tiny_marian).eval()
    shape = {"gpt2": GPT2, "llama": LLAMA}[request.param]
    folder = make_causal(bpe, tmp_path_factory.mktemp("m"), **shape)
    return AutoModelForCausalLM.from_pretrained(folder).eval()


def requested(model, rules, limit=LIMIT):
    """A request for the model, and the state that continues it."""
    seeds, limits = [3, 4], [limit, limit]
    if not model.config.is_encoder_decoder:
        request = Request(PROMPTS, limits, frozenset({END}), seeds, rules=rules)
        return request, CachedCausal(model, PROMPTS)
    pad = model.config.pad_token_id
    request = Request([[pad], [pad]], limits, frozenset({END}), seeds, SOURCES, rules)
    return request, CachedSeq2Seq(model, SOURCES, [pad], pad)


def traced(model, options, rules, limit=LIMIT):
    """The tokens before each step and the step, row by row; traces hold the whole vocabulary."""
    request, state = requested(model, rules, limit)
    histories = [list(prompt) for prompt in request.prompts]
    with torch.inference_mode():
        for step in DecodingLoop(state, request, options):
            yield list(histories[step.row]), len(request.prompts[step.row]), step.trace
            histories[step.row].append(step.token)


def column(trace, name):
    """A number of each token of the vocabulary, in the order of ids."""
    by_id = sorted(trace.candidates, key=lambda candidate: candidate.id)
    values = [getattr(candidate, name) for candidate in by_id]
    return torch.tensor([-math.inf if value is None else value for value in values]).double()


BAD = [[17], [23, 4]]
SETTINGS = [
    (Decoding(top_k=5), Rules(), {"top_k": lambda n: theirs.TopKLogitsWarper(5)}),
    (Decoding(top_p=0.7), Rules(), {"top_p": lambda n: theirs.TopPLogitsWarper(0.7)}),
    (Decoding(min_p=0.2), Rules(), {"min_p": lambda n: theirs.MinPLogitsWarper(0.2)}),
    (
        Decoding(temperature=0.7, top_k=20, top_p=0.9),
        Rules(),
        {
            "temperature": lambda n: theirs.TemperatureLogitsWarper(0.7),
            "top_k": lambda n: theirs.TopKLogitsWarper(20),
            "top_p": lambda n: theirs.TopPLogitsWarper(0.9),
        },
    ),
    (
        Decoding(repetition_penalty=1.8, no_repeat_ngram_size=1),
        Rules(),
        {
            "repetition_penalty": lambda n: theirs.RepetitionPenaltyLogitsProcessor(1.8),
            "no_repeat_ngram_size": lambda n: theirs.NoRepeatNGramLogitsProcessor(1),
        },
    ),
    (
        Decoding(temperature=1.5),
        Rules(banned=((17,), (23, 4)), min_new_tokens=5),
        {
            "bad_words_ids": lambda n: theirs.NoBadWordsLogitsProcessor(BAD, END),
            "min_new_tokens": lambda n: theirs.MinNewTokensLengthLogitsProcessor(n, 5, END),
            "temperature": lambda n: theirs.TemperatureLogitsWarper(1.5),
        },
    ),
    (
        Decoding(),
        Rules(forced_first=11, forced_last=(END,), suppressed=(12, 13), banned_first=(14,)),
        {
            "forced_bos_token_id": lambda n: theirs.ForcedBOSTokenLogitsProcessor(11),
            "forced_eos_token_id": lambda n: theirs.ForcedEOSTokenLogitsProcessor(n + LIMIT, END),
            "suppress_tokens": lambda n: theirs.SuppressTokensLogitsProcessor([12, 13]),
            "begin_suppress_tokens": lambda n: theirs.SuppressTokensAtBeginLogitsProcessor(
                [14], n + (n == 1)
            ),
        },
    ),
    (
        Decoding(temperature=0.9),
        Rules(typical_p=0.8, epsilon_cutoff=0.002, eta_cutoff=0.003),
        {
            "temperature": lambda n: theirs.TemperatureLogitsWarper(0.9),
            "typical_p": lambda n: theirs.TypicalLogitsWarper(0.8),
            "epsilon_cutoff": lambda n: theirs.EpsilonLogitsWarper(0.002),
            "eta_cutoff": lambda n: theirs.EtaLogitsWarper(0.003),
        },
    ),
]
WARPERS = ("top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff")


@pytest.mark.parametrize(("options", "rules", "processors"), SETTINGS)
def test_each_step_is_that_of_transformers_processors(model, options, rules, processors):
    from dataclasses import replace

    size = model.config.vocab_size
    for history, start, trace in traced(model, replace(options, trace=size), rules):
        scores = column(trace, "logit").float()[None]
        raw = scores.softmax(-1)[0].double()
        expected = dict.fromkeys(("probability", "penalized", "tempered", "final"), raw)
        removed_by: dict[int, str] = {}
        for name, make in processors.items():
            before = scores.clone()
            scores = make(start)(torch.tensor([history]), scores.clone())
            is_new = (scores == -math.inf) & (before > -math.inf)
            removed_by |= dict.fromkeys(is_new[0].nonzero()[:, 0].tolist(), name)
            for token in (scores[0] > -math.inf).nonzero()[:, 0].tolist():
                removed_by.pop(token, None)
            columns = ["final"]
            if name not in WARPERS:
                columns += ["tempered"] + ["penalized"] * (name != "temperature")
            expected |= dict.fromkeys(columns, scores.softmax(-1)[0].double())
        for name, probabilities in expected.items():
            assert torch.allclose(column(trace, name), probabilities, atol=1e-6), name
        assert {each.id: each.removed_by for each in trace.candidates if each.removed_by} == (
            removed_by
        )
        assert trace.kept == size - len(removed_by)
        assert sum(removal.tokens for removal in trace.removals) >= len(removed_by)


@pytest.mark.parametrize(("options", "rules"), [(options, rules) for options, rules, _ in SETTINGS])
def test_a_trace_changes_no_token_and_no_draw(model, options, rules):
    from dataclasses import replace

    request, state = requested(model, rules)
    with torch.inference_mode():
        plain = [(step.row, step.token) for step in DecodingLoop(state, request, options)]
    request, state = requested(model, rules)
    with torch.inference_mode():
        steps = list(DecodingLoop(state, request, replace(options, trace=4)))
    assert [(step.row, step.token) for step in steps] == plain
    for step in steps:
        assert step.trace.id == step.token
        sums = sum(each.final for each in step.trace.candidates) + step.trace.rest.final
        assert sums == pytest.approx(1, abs=1e-9)
        assert len(step.trace.candidates) in (4, 5)
        if options.samples:
            low, high = step.trace.interval
            assert low <= step.trace.uniform < high
            drawn = next(each for each in step.trace.candidates if each.id == step.token)
            assert high - low == pytest.approx(drawn.final, abs=1e-9)


def test_entropy_ranks_and_rest_by_hand():
    probabilities = torch.tensor([[0.125, 0.5, 0.125, 0.25]])
    recorder = Recorder(probabilities.log(), 2)
    recorder.watch("temperature", probabilities.log())
    recorder.watch("top_k", torch.tensor([[-math.inf, 0.5, -math.inf, 0.25]]).log())
    recorder.watch("top_k", probabilities.log().masked_fill(probabilities < 0.2, -math.inf))
    recorder.uniforms = [0.9]
    step = recorder.step(0, 3)
    assert step.entropy == pytest.approx(1.75 * math.log(2))  # 1.75 bits
    assert step.final_entropy == pytest.approx(math.log(3) - 2 / 3 * math.log(2))
    assert [each.id for each in step.candidates] == [1, 3]
    assert (step.rank, step.final_rank, step.kept) == (2, 2, 2)
    assert step.rest.tokens == 2 and step.rest.probability == pytest.approx(0.25)
    assert step.rest.final == 0
    assert step.interval == pytest.approx((2 / 3, 1))
    other = recorder.step(0, 2)  # equal to token 0, which comes first
    assert [each.id for each in other.candidates] == [1, 3, 2] and other.rank == 4
    assert other.candidates[-1].removed_by == "top_k"


def test_the_interval_is_the_one_that_draw_uses():
    logits = torch.randn(1, 50, generator=torch.Generator().manual_seed(1))
    recorder = Recorder(logits, 3)
    for uniform in (0.0, 0.2, 0.5, 0.77, 0.999999):
        recorder.uniforms = [uniform]
        (token,) = draw(logits, [uniform])
        low, high = recorder.step(0, token).interval
        assert low <= uniform < high


def test_what_changed_a_score_is_named(tiny_gpt2):
    model = AutoModelForCausalLM.from_pretrained(tiny_gpt2).eval()
    options = Decoding(repetition_penalty=1.5, trace=300)
    rules = Rules(biases=(((20,), 2.0),))
    history, _, trace = next(iter(traced(model, options, rules, limit=1)))
    changed = {each.id: each.changed_by for each in trace.candidates if each.changed_by}
    assert changed == {20: ("sequence_bias",), **dict.fromkeys(history, ("repetition_penalty",))}
    assert all(each.removed_by is None for each in trace.candidates)
