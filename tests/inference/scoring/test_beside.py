"""Two models on one text: spans, sums and differences."""

import pytest

from llmcli.data.rows import Failure, Row
from llmcli.engines.choose import load_on_torch
from llmcli.errors import ModelUnsuitable
from llmcli.spec import WINDOWS, BatchOptions, ModelSpec
from llmcli.spec.tasks import ScoreOptions
from llmcli.tasks.score import score
from llmcli.training.new_tokenizers import train_tokenizer
from tests.tiny_models import LLAMA, STORY, make_causal

TEXTS = ["Once upon a time, there was a little cat.", "我明天要去看电影。", "🙂 the cat", STORY]


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A Llama with hardly more than the bytes as its vocabulary."""
    tokenizer = train_tokenizer([STORY], vocab_size=264, max_length=512)
    folder = tmp_path_factory.mktemp("models") / "bytes"
    settings = {**LLAMA, "max_position_embeddings": 512}
    return load_on_torch(ModelSpec(str(make_causal(tokenizer, folder, **settings))), ("causal",))


def results_of(first, second, texts, batch=WINDOWS, **settings):
    rows = [Row(n, text) for n, text in enumerate(texts, 1)]
    return list(score(first, rows, ScoreOptions(**settings), batch, second))


@pytest.mark.parametrize("size", [None, 1])
def test_the_spans_sum_to_the_text_for_both_models(gpt2, other, size):
    batch = BatchOptions(on_overflow="window", batch_size=size)
    alone = [
        list(score(loaded, [Row(1, text) for text in TEXTS], ScoreOptions(), batch))
        for loaded in (gpt2, other)
    ]
    for text, result, first, second in zip(
        TEXTS, results_of(gpt2, other, TEXTS, batch), *alone, strict=True
    ):
        spans = result.beside.spans
        assert sum(span.surprisal for span in spans) == pytest.approx(first.surprisal)
        assert sum(span.beside_surprisal for span in spans) == pytest.approx(second.surprisal)
        assert result.beside.surprisal == pytest.approx(second.surprisal)
        assert result.beside.difference == pytest.approx(first.surprisal - second.surprisal)
        assert [token.id for token in result.beside.tokens] == [t.id for t in second.tokens]
        assert "".join(piece for piece, _ in result.difference_pieces()) == text
        assert sum(span.beside_tokens for span in spans) == len(second.tokens)
        assert len(spans) > 1


def test_both_have_a_boundary_at_the_edges_of_each_span_and_nowhere_inside(gpt2, other):
    text = TEXTS[0]
    (result,) = results_of(gpt2, other, [text])
    ends = [{token.end for token in tokens} for tokens in (result.tokens, result.beside.tokens)]
    assert [span.end for span in result.beside.spans] == sorted(ends[0] & ends[1])


def test_a_model_beside_itself_differs_nowhere(gpt2):
    (result,) = results_of(gpt2, gpt2, TEXTS[:1])
    assert {span.difference for span in result.beside.spans} == {0.0}
    assert len(result.beside.spans) == len(result.tokens)


def test_a_first_token_without_surprisal_leaves_its_span_out(gpt2, other):
    (result,) = results_of(gpt2, other, TEXTS[:1], bos=False)
    first, *rest = result.beside.spans
    assert (first.surprisal, first.beside_surprisal, first.difference) == (None, None, None)
    assert result.beside.difference == pytest.approx(sum(span.difference for span in rest))


def test_a_row_that_fails_for_one_model_fails(gpt2, other):
    (result,) = results_of(gpt2, other, [STORY * 2], BatchOptions(on_overflow="error"))
    assert isinstance(result, Failure)


def test_models_of_different_kinds_are_not_compared(gpt2, tiny_masked):
    masked = load_on_torch(ModelSpec(str(tiny_masked)), ("masked",))
    with pytest.raises(ModelUnsuitable, match="not comparable"):
        results_of(gpt2, masked, TEXTS[:1])
