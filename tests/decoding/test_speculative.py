"""AssistedState decoding writes what plain greedy decoding writes, token for token."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from llmcli.data.rows import Row
from llmcli.decoding.decoder_only import CachedCausal
from llmcli.decoding.loop import DecodingLoop
from llmcli.decoding.prompt_lookup import PromptLookup
from llmcli.decoding.request import Request
from llmcli.decoding.speculative import AssistedState, RewindableModel
from llmcli.engines.pytorch.assistant import AssistedEngine, DraftModel
from llmcli.engines.pytorch.loading import load
from llmcli.errors import ModelUnsuitable
from llmcli.inference.generation import Chunk
from llmcli.spec import Chat, Decoding, ModelSpec
from llmcli.tasks.generate import generate, stream
from tests.tiny_models import BLOOM, GPT2, LLAMA, MAMBA, make_causal

PROMPTS = [
    [7],
    [40, 41, 42, 43, 44, 45, 46],
    [100, 200] * 8,
    [11, 12, 13, 14, 15, 11, 12, 13, 14, 16, 11, 12, 13],
]
SLIDING = {
    **LLAMA,
    "model_type": "mistral",
    "sliding_window": 6,
    "head_dim": 8,
}
SETTINGS = [
    {},
    {"repetition_penalty": 1.3, "logprobs": 2},
    {"repetition_penalty": 0.7},
    {"no_repeat_ngram_size": 2},
]


@pytest.fixture(
    scope="module", params=[GPT2, LLAMA, BLOOM, SLIDING], ids=lambda one: one["model_type"]
)
def folder(request, bpe, tmp_path_factory):
    return make_causal(bpe, tmp_path_factory.mktemp("m"), **request.param)


@pytest.fixture(scope="module")
def loaded(folder):
    return load(ModelSpec(str(folder)), ("causal",))


@pytest.fixture(scope="module")
def starter():
    return load(ModelSpec("gpt2-stories"), ("causal",))


class Oracle:
    """Guesses right up to a place of each draft, and wrong after it."""

    def __init__(self, tokens, right):
        self.tokens, self.right = tokens, right

    def draft(self, ids, most):
        guesses = self.tokens[len(ids) : len(ids) + most]
        return [one if at < self.right else (one + 1) % 300 for at, one in enumerate(guesses)]


def decode(state, prompt, spec, *, limit, end=frozenset()):
    """All steps of one text."""
    decoder = DecodingLoop(state, Request([prompt], [limit], end), spec)
    steps = []
    while decoder.running:
        steps += decoder.step()
    return steps


def tokens(steps):
    return [step.token for step in steps]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("prompt", PROMPTS, ids=str)
def test_a_text_is_the_same_whatever_guesses_it(loaded, gpt2, prompt, settings):
    spec = Decoding(**settings)
    plain = decode(CachedCausal(loaded.network, [prompt]), prompt, spec, limit=24)
    whole = prompt + tokens(plain)
    drafters = [
        PromptLookup(),
        DraftModel(gpt2, 300),
        *(Oracle(whole, right) for right in (0, 2, 99)),
    ]
    for drafter in drafters:
        state = AssistedState(loaded.network, drafter, prompt, 24)
        steps = decode(state, prompt, spec, limit=24)
        assert tokens(steps) == tokens(plain), drafter
        assert [one.logprob for one in steps] == pytest.approx(
            [one.logprob for one in plain], abs=1e-4
        )
        assert [[one.token for one in step.best] for step in steps] == [
            [one.token for one in step.best] for step in plain
        ]


@pytest.mark.parametrize("prompt", PROMPTS, ids=str)
def test_an_end_token_within_a_draft_ends_the_text(loaded, prompt):
    plain = tokens(decode(CachedCausal(loaded.network, [prompt]), prompt, Decoding(), limit=24))
    end = frozenset({plain[7]})
    state = AssistedState(loaded.network, Oracle(prompt + plain, 99), prompt, 24)
    found = tokens(decode(state, prompt, Decoding(), limit=24, end=end))
    assert found == plain[: plain.index(plain[7]) + 1]


@pytest.mark.parametrize("limit", [1, 2, 5, 57])
def test_no_limit_is_passed_and_no_pass_is_longer_than_the_context(gpt2, limit):
    prompt = PROMPTS[1]  # 7 tokens and 57 are the 64 of the context
    plain = decode(CachedCausal(gpt2.network, [prompt]), prompt, Decoding(), limit=limit)
    for drafter in (PromptLookup(), DraftModel(gpt2, 300)):
        state = AssistedState(gpt2.network, drafter, prompt, limit)
        assert tokens(decode(state, prompt, Decoding(), limit=limit)) == tokens(plain)


def test_right_guesses_save_passes_and_wrong_ones_cost_none(gpt2):
    prompt = PROMPTS[1]
    plain = tokens(decode(CachedCausal(gpt2.network, [prompt]), prompt, Decoding(), limit=40))

    def passes(right):
        state = AssistedState(gpt2.network, Oracle(prompt + plain, right), prompt, 40)
        decode(state, prompt, Decoding(), limit=40)
        return state.passes

    assert passes(99) == 3  # 10 guesses and a token, 20 and a token, 7 and the last token
    assert passes(0) == 40
    assert passes(1) == 20


def test_a_draft_model_whose_context_is_full_guesses_nothing(gpt2):
    drafter = DraftModel(gpt2, 300)
    assert len(drafter.draft([5] * 60, 20)) == 5  # 64 are read, and one more is guessed
    assert drafter.draft([5] * 65, 20) == []


def test_a_draft_model_reads_a_text_that_went_on_otherwise_as_if_anew(gpt2):
    drafter = DraftModel(gpt2, 300)
    drafter.draft([5, 6, 7], 6)
    for text in ([5, 6, 7, 8, 9], [5, 6, 7, 8, 9, 10], [5, 6, 1], [9]):
        assert drafter.draft(text, 6) == DraftModel(gpt2, 300).draft(text, 6)


def test_a_model_that_cannot_forget_is_refused(bpe, tmp_path):
    rwkv = {"model_type": "rwkv", "hidden_size": 16, "num_hidden_layers": 2}
    for settings in (MAMBA, rwkv):
        name = settings["model_type"]
        model = AutoModelForCausalLM.from_pretrained(make_causal(bpe, tmp_path / name, **settings))
        with pytest.raises(ModelUnsuitable, match=f"cache of a {name} model cannot be cropped"):
            RewindableModel(model)


def test_a_draft_model_with_another_vocabulary_is_refused(gpt2, starter):
    with pytest.raises(ModelUnsuitable, match="its vocabulary differs from that of"):
        AssistedEngine(starter, gpt2)


TEXTS = [
    "Once upon a time",
    "The cat sat. The cat sat. The cat",
    "我明天要去看电影。",
    "a b c a b c a b c",
]


@pytest.mark.parametrize(
    "settings",
    [
        {"max_new_tokens": 30},
        {"max_new_tokens": 7, "repetition_penalty": 1.2},
        {"max_new_tokens": 30, "stop": (".", " the")},
        {"max_new_tokens": 20, "no_repeat_ngram_size": 3},
    ],
    ids=str,
)
def test_the_starter_writes_the_same_texts_in_rows_and_streamed(starter, settings):
    rows = [Row(number, text) for number, text in enumerate(TEXTS, 1)]
    plain = list(generate(starter, rows, Decoding(**settings), Chat()))
    for name, draft in (("none", None), ("lookup", None), ("gpt2-stories", starter)):
        spec = Decoding(**settings, assist=name)
        found = list(generate(starter, rows, spec, Chat(), draft=draft))
        assert [outcome(one) for one in found] == [outcome(one) for one in plain]
        events = list(stream(starter, rows, spec, Chat(), draft=draft))
        pieces = [event.text for event in events if isinstance(event, Chunk)]
        streamed = [event for event in events if not isinstance(event, Chunk)]
        assert [outcome(one) for one in streamed] == [outcome(one) for one in plain]
        assert "".join(pieces) == "".join(one.text for one in plain)
        if draft is not None:
            assert all(one.passes <= one.new_tokens + 1 for one in found)


def outcome(result):
    return result.text, result.new_tokens, result.finish_reason


def test_a_model_guesses_all_that_it_writes_itself(starter):
    spec = Decoding(max_new_tokens=63, assist="gpt2-stories")
    (result,) = generate(starter, [Row(1, TEXTS[0])], spec, Chat(), draft=starter)
    assert (result.new_tokens, result.passes) == (63, 3 + 1)  # 11, 21, 21 and the last 10


def test_logits_within_a_draft_are_those_of_one_pass(loaded):
    text = PROMPTS[3]
    with torch.inference_mode():
        reader = RewindableModel(loaded.network)
        reader.logits(text[:6] + [99, 98, 97], 4)
        reader.forget(3)
        found = reader.logits(text, 7)
        expected = loaded.network(torch.tensor([text])).logits[0, -7:]
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
