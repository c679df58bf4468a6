"""Rows of several lengths in one pass: the same tokens as alone, whatever rows share the model."""

import copy

import pytest
from torch import nn
from transformers import AutoModelForCausalLM, GPT2Config

from llmcli.decoding import ragged, ragged_cache
from llmcli.decoding.continuous import ContinuousLoop
from llmcli.decoding.decoder_only import CachedCausal
from llmcli.decoding.loop import DecodingLoop
from llmcli.decoding.open_batch import Continuation, OpenBatch
from llmcli.decoding.request import Request
from llmcli.engines.pytorch.attention import use_ragged_attention
from llmcli.engines.pytorch.engine import TorchEngine
from llmcli.errors import ModelUnsuitable
from llmcli.spec import Decoding
from llmcli.system import calibration
from tests.decoding.test_slots import (
    END,
    GQA_NEOX,
    LIMITS,
    OPT,
    PROMPTS,
    SETTINGS,
    reference,
    request_of,
    rows_of,
)
from tests.tiny_models import BLOOM, GPT2, LLAMA, MAMBA, make_causal

DTYPES = ("float32", "bfloat16")


@pytest.fixture(scope="module", params=[GPT2, LLAMA, GQA_NEOX, OPT], ids=lambda c: c["model_type"])
def model(request, bpe, tmp_path_factory):
    folder = make_causal(bpe, tmp_path_factory.mktemp("m"), **request.param)
    use_ragged_attention()
    return AutoModelForCausalLM.from_pretrained(folder).eval()


@pytest.mark.parametrize("options", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("capacity", [1, 3, 7])
def test_rows_that_take_turns_in_slots_get_the_tokens_that_they_get_alone(model, options, capacity):
    assert ragged.takes_rows(model) and ragged.reads_rows(model)
    stops = {(0, 4), (4, 17)}
    loop = ContinuousLoop(ragged.RaggedCausal(model, capacity, 48), request_of(), options)
    assert rows_of(loop, len(PROMPTS), stops) == reference(model, options, stops)
    assert not loop.running


def test_prompts_may_take_several_passes_and_texts_several_calls(model, monkeypatch):
    monkeypatch.setattr(ragged, "READ_AT_ONCE", 8)
    monkeypatch.setattr(ragged_cache, "SPARE", 0)
    loop = ContinuousLoop(ragged.RaggedCausal(model, 4, 48), request_of(), Decoding())
    assert rows_of(loop, len(PROMPTS)) == reference(model, Decoding())


def test_the_engine_continues_several_prompts_in_slots_and_one_alone(model):
    several = TorchEngine(model).decode(request_of(), Decoding())
    assert isinstance(several, ContinuousLoop)
    assert rows_of(several, len(PROMPTS)) == reference(model, Decoding())
    alone = TorchEngine(model).decode(request_of(PROMPTS[:1], LIMITS[:1]), Decoding())
    assert not isinstance(alone, ContinuousLoop)


@pytest.mark.parametrize("family", [BLOOM, MAMBA], ids=lambda c: c["model_type"])
def test_other_models_are_padded_as_before(family, bpe, tmp_path):
    network = AutoModelForCausalLM.from_pretrained(make_causal(bpe, tmp_path, **family)).eval()
    assert not ragged.takes_rows(network)
    loop = TorchEngine(network).decode(request_of(), Decoding())
    assert not isinstance(loop, ContinuousLoop)


def test_a_model_with_attention_of_its_own_is_not_run_so(bpe, tmp_path, monkeypatch):
    network = AutoModelForCausalLM.from_pretrained(make_causal(bpe, tmp_path, **GPT2)).eval()

    class Own(nn.Module):
        """Attends to nothing."""

        def forward(self, hidden, *args, **kwargs):
            return hidden, None

    use_ragged_attention()
    assert ragged.reads_rows(network)
    ragged._TRIED.clear()
    network.transformer.h[0].attn = Own()
    assert ragged.reads_rows(network)  # nothing of it depends on other tokens
    ragged._TRIED.clear()
    last = network.transformer.h[1].attn.forward
    others = iter(range(100))
    monkeypatch.setattr(
        network.transformer.h[1].attn,
        "forward",
        lambda *args, **kwargs: (last(*args, **kwargs)[0] * (1 + next(others)), None),
    )
    assert not ragged.reads_rows(network)


def test_nan_is_refused(model):
    broken = {name: value.clone() for name, value in model.state_dict().items()}
    try:
        for parameter in model.parameters():
            parameter.data.fill_(float("nan"))
        loop = ContinuousLoop(ragged.RaggedCausal(model, 2, 48), request_of(), Decoding())
        with pytest.raises(ModelUnsuitable, match="NaN"):
            list(loop)
    finally:
        model.load_state_dict(broken)


def test_slots_take_no_more_memory_than_weights(model):
    assert ragged.RaggedCausal.fitting(model, request_of()).capacity == len(PROMPTS)
    many = request_of([[1]] * 100, [5] * 100)
    assert ragged.RaggedCausal.fitting(model, many).capacity == ragged.MOST_ROWS
    # 12 layers, 768 wide, 50257 tokens: 84.9 + 38.6 million weights; 18,432 numbers a token
    assert ragged._rows_by_memory(GPT2Config(), 200) == 123_532_032 // (18_432 * 200) == 33


def alone(model, text):
    """The tokens of a text that is continued by itself."""
    request = Request(
        [text.prompt], [text.limit], text.end_tokens, seeds=[text.seed], rules=text.rules
    )
    loop = DecodingLoop(CachedCausal(model, [text.prompt]), request, text.options)
    return [step.token for step in loop]


def test_texts_with_own_settings_join_and_leave_an_open_batch(model):
    settings = list(SETTINGS.values())
    texts = [
        Continuation(prompt, limit, END, settings[at % len(settings)], seed=at)
        for at, (prompt, limit) in enumerate(zip(PROMPTS * 2, LIMITS * 2, strict=True))
    ]
    batch = OpenBatch(ragged.RaggedCausal(model, 3, 48))
    tokens: dict[int, list[int]] = {}
    for number in range(60):
        if number < len(texts):  # one joins before each step
            assert batch.admit(texts[number]) == number
        if number == 9:
            batch.remove(8)
            batch.remove(0)  # it may have ended
        for step in batch.step():
            tokens.setdefault(step.row, []).append(step.token)
    assert not batch.running
    for row, text in enumerate(texts):
        expected = alone(model, text)
        got = tokens.get(row, [])
        assert got == (expected[: len(got)] if row in (0, 8) else expected)


@pytest.mark.parametrize("way", ["sdpa", "products"])
def test_each_way_of_attention_gives_the_same_tokens(model, way, monkeypatch):
    names = ("attention", "attention of one token")
    forced = ";".join(f"{name}, {dtype}={way}" for name in names for dtype in DTYPES)
    monkeypatch.setenv("LLMCLI_CALIBRATION", forced)
    calibration.forget()
    loop = ContinuousLoop(ragged.RaggedCausal(model, 3, 48), request_of(), Decoding())
    assert rows_of(loop, len(PROMPTS)) == reference(model, Decoding())
    ragged._TRIED.clear()
    assert ragged.reads_rows(copy.deepcopy(model).bfloat16())
