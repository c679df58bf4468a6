"""The surprisal of tokens by a causal model, against the logits of transformers."""

import math

import pytest
import torch

from llmcli.data.rows import Failure, Row
from llmcli.engines.choose import load_on_torch
from llmcli.inference.surprisal import Scoring
from llmcli.spec import AUTO_BATCH, BatchOptions, ModelSpec
from llmcli.spec.tasks import BlockOptions, ScoreOptions
from llmcli.tasks.score import score
from llmcli.tasks.tokenize import load_vocabulary, tokenize
from tests.tiny_models import STORY

WINDOW = BatchOptions(on_overflow="window")
TEXTS = [
    "Once upon a time, there was a cat.",
    "我明天要去看电影。",
    "🙂👩‍👩‍👧‍👦 é",
    "a\x00b \x00",
    "  two  spaces \n\n and lines\n",
    "a",
]


def score_one(loaded, text, on_overflow="window", **settings):
    batch = BatchOptions(on_overflow=on_overflow)
    (result,) = score(loaded, [Row(1, text)], ScoreOptions(**settings), batch)
    return result


@pytest.mark.parametrize("text", TEXTS)
def test_each_token_is_predicted_by_those_before_it(gpt2, text):
    result = score_one(gpt2, text)
    ids = [gpt2.tokenizer.bos_token_id, *gpt2.tokenizer(text)["input_ids"]]
    with torch.no_grad():
        logprobs = gpt2.network(torch.tensor([ids])).logits[0].log_softmax(-1)
    expected = [-logprobs[at, token].item() for at, token in enumerate(ids[1:])]
    assert [token.surprisal for token in result.tokens] == pytest.approx(expected, rel=1e-5)
    assert result.surprisal == pytest.approx(sum(expected), rel=1e-6)
    assert result.perplexity == pytest.approx(math.exp(sum(expected) / len(expected)), rel=1e-5)
    assert result.overflow is None and result.pseudo_perplexity is None


@pytest.mark.parametrize("text", TEXTS)
def test_tokens_are_named_and_placed_as_tokenize_does(gpt2, tiny_gpt2, text):
    vocabulary = load_vocabulary(ModelSpec(str(tiny_gpt2)))
    (tokenized,) = tokenize(vocabulary, [Row(1, text)], special=False)
    result = score_one(gpt2, text)
    assert [(t.token, t.id, t.start, t.end) for t in result.tokens] == [
        (t.token, t.id, t.start, t.end) for t in tokenized.tokens
    ]


@pytest.mark.parametrize("text", TEXTS)
def test_words_sentences_and_pieces_sum_to_the_text(gpt2, text):
    result = score_one(gpt2, text)
    for spans in (result.words, result.sentences):
        assert sum(span.surprisal for span in spans) == pytest.approx(result.surprisal)
        assert sum(span.tokens for span in spans) == len(result.tokens)
        assert all(text[span.start : span.end] == span.text for span in spans)
    pieces = result.pieces()
    assert "".join(piece for piece, _ in pieces) == text
    assert sum(value for _, value in pieces) == pytest.approx(result.surprisal)


def test_a_character_in_several_tokens_is_one_word(gpt2):
    result = score_one(gpt2, "a 龘")
    word = result.words[-1]
    own = [token for token in result.tokens if token.start == 2]
    assert len(own) == 3 and all(token.token.startswith("<") for token in own)
    assert (word.text, word.start, word.end) == ("龘", 2, 3)
    assert word.surprisal == pytest.approx(
        sum(token.surprisal for token in result.tokens[-word.tokens :])
    )


def test_without_a_beginning_the_first_token_has_no_surprisal(gpt2):
    result, whole = score_one(gpt2, "the cat sat", bos=False), score_one(gpt2, "the cat sat")
    assert result.tokens[0].surprisal is None and result.words[0].surprisal is None
    assert result.sentences[0].surprisal is None
    assert [t.id for t in result.tokens] == [t.id for t in whole.tokens]
    known = [token.surprisal for token in result.tokens[1:]]
    assert None not in known and result.surprisal == pytest.approx(sum(known))
    assert result.mean_surprisal == pytest.approx(sum(known) / len(known))
    assert "the first token has no surprisal" in result.notes[0] and whole.notes == ()


def test_a_beginning_that_is_typed_is_not_put_twice(tiny_gpt2):
    loaded = load_on_torch(ModelSpec(str(tiny_gpt2), allow_special=True), ("causal",))
    typed = score_one(loaded, f"{loaded.tokenizer.bos_token}the cat")
    plain = score_one(loaded, "the cat")
    assert typed.tokens[0].id == loaded.tokenizer.bos_token_id
    assert typed.tokens[0].surprisal is None
    assert [t.surprisal for t in typed.tokens[1:]] == pytest.approx(
        [t.surprisal for t in plain.tokens]
    )


def test_bits_are_nats_by_ln_2(gpt2):
    nats, bits = score_one(gpt2, "the cat"), score_one(gpt2, "the cat", unit="bits")
    ln2 = math.log(2)
    assert (nats.unit, bits.unit) == ("nats", "bits")
    assert bits.surprisal * ln2 == pytest.approx(nats.surprisal)
    assert bits.mean_surprisal * ln2 == pytest.approx(nats.mean_surprisal)
    for part in ("tokens", "words", "sentences"):
        for in_bits, in_nats in zip(getattr(bits, part), getattr(nats, part), strict=True):
            assert in_bits.surprisal * ln2 == pytest.approx(in_nats.surprisal)
    assert bits.perplexity == pytest.approx(nats.perplexity)


def test_a_long_text_is_scored_in_the_windows_of_evaluate(gpt2):
    text = STORY * 3
    result = score_one(gpt2, text, block_size=32, stride=8)
    scoring = Scoring(gpt2, BlockOptions(32, 8))
    (job,) = scoring.prepare([Row(1, text)])
    (expected,) = scoring.finish(job, scoring.run(job.units))
    assert [t.surprisal for t in result.tokens] == pytest.approx(expected.nats.tolist(), rel=1e-5)
    assert result.overflow == "window"


def test_a_long_text_may_be_refused(gpt2):
    failure = score_one(gpt2, STORY * 3, "error")
    assert isinstance(failure, Failure)
    assert "a block 64: shorten it, or use `on_overflow`=window" in failure.error


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_a_text_without_a_token_fails(gpt2, text):
    assert isinstance(score_one(gpt2, text), Failure)


def test_rows_together_are_as_alone(gpt2):
    rows = [Row(n, text) for n, text in enumerate(TEXTS, 1)]
    for row, result in zip(rows, score(gpt2, rows, ScoreOptions(), WINDOW), strict=True):
        alone = score_one(gpt2, row.text)
        assert result.surprisal == pytest.approx(alone.surprisal, rel=1e-5)
    assert AUTO_BATCH.on_overflow == "error"
