"""Slots: the same tokens as without them, whatever rows share the model."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from llmcli.decoding import slots
from llmcli.decoding.continuous import ContinuousLoop
from llmcli.decoding.decoder_only import CachedCausal
from llmcli.decoding.loop import DecodingLoop
from llmcli.decoding.request import Request
from llmcli.errors import ModelUnsuitable
from llmcli.spec import Decoding
from tests.tiny_models import BLOOM, GPT2, LLAMA, MAMBA, make_causal

GQA_NEOX = {
    "model_type": "gpt_neox",
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
}
OPT = {
    "model_type": "opt",
    "hidden_size": 16,
    "ffn_dim": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
    "word_embed_proj_dim": 16,
}
PROMPTS = [[5, 9, 12], [7], [40, 41, 42, 43, 44, 45, 46], [100, 200, 100], [3, 1], [9] * 20, [8, 9]]
LIMITS = [12, 3, 0, 9, 30, 1, 12]
END = frozenset({0})
SETTINGS = {
    "greedy": Decoding(),
    "greedy with logprobs": Decoding(logprobs=2),
    "penalty": Decoding(repetition_penalty=1.3),
    "sampling": Decoding(temperature=0.9, top_k=20, seed=3),
}


@pytest.fixture(scope="module", params=[GPT2, LLAMA, GQA_NEOX, OPT], ids=lambda c: c["model_type"])
def model(request, bpe, tmp_path_factory):
    folder = make_causal(bpe, tmp_path_factory.mktemp("m"), **request.param)
    return AutoModelForCausalLM.from_pretrained(folder).eval()


def request_of(prompts=PROMPTS, limits=LIMITS):
    return Request(prompts, limits, END, seeds=list(range(len(prompts))))


def rows_of(loop, count, stops=()):
    rows = [[] for _ in range(count)]
    for step in loop:
        rows[step.row].append((step.token, step.is_end, round(step.logprob, 4)))
        if (step.row, len(rows[step.row])) in stops:
            loop.stop(step.row)
    return rows


def reference(model, options, stops=()):
    """Each row alone."""
    rows = []
    for row, (prompt, limit) in enumerate(zip(PROMPTS, LIMITS, strict=True)):
        request = Request([prompt], [limit], END, seeds=[row])
        loop = DecodingLoop(CachedCausal(model, [prompt]), request, options)
        moved = {(0, length) for at, length in stops if at == row}
        rows += rows_of(loop, 1, moved)
    return rows


@pytest.mark.parametrize("options", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("capacity", [1, 2, 3, 7])
def test_rows_that_take_turns_in_slots_get_the_tokens_that_they_get_alone(model, options, capacity):
    assert slots.takes_slots(model)
    stops = {(0, 4), (4, 17)}
    state = slots.SlotCausal(model, capacity, 48)
    loop = ContinuousLoop(state, request_of(), options)
    assert rows_of(loop, len(PROMPTS), stops) == reference(model, options, stops)
    assert not loop.running


def test_rows_in_slots_are_traced_as_they_are_alone(model):
    options = Decoding(top_k=5, trace=3)
    loop = ContinuousLoop(slots.SlotCausal(model, 2, 48), request_of(), options)
    traces: list[list[int]] = [[] for _ in PROMPTS]
    for step in loop:
        traces[step.row].append(step.trace.id)
    alone = reference(model, Decoding(top_k=5))
    assert traces == [[token for token, _, _ in row] for row in alone]


@pytest.mark.parametrize("width", [2, 4, 16])
def test_a_step_may_read_fewer_positions_than_a_slot_has(model, width, monkeypatch):
    monkeypatch.setattr(slots, "WIDTHS", width)
    monkeypatch.setattr(slots, "FEW", 0)
    monkeypatch.setattr(slots, "READ_AT_ONCE", 16)
    loop = ContinuousLoop(slots.SlotCausal(model, 3, 48), request_of(), Decoding())
    assert rows_of(loop, len(PROMPTS)) == reference(model, Decoding())


def test_slots_are_as_many_and_as_long_as_the_request_needs(model):
    state = slots.SlotCausal.fitting(model, request_of())
    assert state.capacity == len(PROMPTS)
    state = slots.SlotCausal.fitting(model, request_of([[1]] * 1000, [5] * 1000))
    assert state.capacity == slots.MOST_SLOTS


@pytest.mark.parametrize("family", [BLOOM, MAMBA], ids=lambda c: c["model_type"])
def test_a_model_that_is_not_told_positions_takes_no_slots(family, bpe, tmp_path):
    folder = make_causal(bpe, tmp_path, **family)
    assert not slots.takes_slots(AutoModelForCausalLM.from_pretrained(folder))


def test_nan_is_refused_and_a_free_slot_does_no_harm(model):
    state = slots.SlotCausal(model, 3, 48)
    state.admit([[5, 9]])
    state.feed([7])
    assert state.best()[1] is True
    broken = {name: value.clone() for name, value in model.state_dict().items()}
    try:
        for parameter in model.parameters():
            parameter.data.fill_(float("nan"))
        loop = ContinuousLoop(slots.SlotCausal(model, 2, 48), request_of(), Decoding())
        with pytest.raises(ModelUnsuitable, match="NaN"):
            list(loop)
    finally:
        model.load_state_dict(broken)


def test_a_step_is_called_each_time_where_nothing_can_be_recorded():
    calls = []
    graph = slots.StepGraph(torch.device("cpu"))
    for _ in range(5):
        graph.run(lambda: calls.append(1))
    assert len(calls) == 5
