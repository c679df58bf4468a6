"""The surprisal of a target given its source, against the loss of transformers."""

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from llmcli.data.rows import Failure, Row
from llmcli.engines.choose import load_on_torch
from llmcli.errors import UsageError
from llmcli.spec import WINDOWS, ModelSpec
from llmcli.spec.tasks import ScoreOptions
from llmcli.tasks.score import score

PAIRS = [
    ("Le chat est sur le tapis.", "The cat sat on a mat."),
    ("Bonjour", "hello cat!"),
    ("mes amis", "They were friends. One day the cat saw a dog."),
]


@pytest.fixture(scope="module")
def marian(tiny_marian):
    return load_on_torch(ModelSpec(str(tiny_marian)), ("seq2seq",))


def results_of(loaded, pairs=PAIRS, **settings):
    rows = [Row(n, target, pair=source) for n, (target, source) in enumerate(pairs, 1)]
    return list(score(loaded, rows, ScoreOptions(**settings), WINDOWS))


def test_the_mean_is_the_loss_of_transformers(marian, tiny_marian):
    tokenizer = AutoTokenizer.from_pretrained(tiny_marian)
    model = AutoModelForSeq2SeqLM.from_pretrained(tiny_marian).eval()
    for (target, source), result in zip(PAIRS, results_of(marian), strict=True):
        inputs = tokenizer(source, text_target=target, return_tensors="pt")
        with torch.no_grad():
            loss = model(**inputs).loss.item()
        assert result.mean_surprisal == pytest.approx(loss, rel=1e-4)
        assert [token.id for token in result.tokens] == inputs["labels"][0].tolist()
        assert result.kind == "seq2seq" and result.tokens[-1].token == "</s>"


def test_the_end_token_is_part_of_no_word(marian):
    result = results_of(marian)[0]
    own = sum(word.surprisal for word in result.words) + result.tokens[-1].surprisal
    assert own == pytest.approx(result.surprisal)
    assert "".join(piece for piece, _ in result.pieces()) == PAIRS[0][0]


def test_a_row_without_a_source_fails(marian):
    (result,) = score(marian, [Row(1, "Bonjour")], ScoreOptions(), WINDOWS)
    assert isinstance(result, Failure) and "no source" in result.error


def test_a_target_or_a_source_that_is_too_long_fails(marian):
    long = "le chat " * 60
    for pair, what in (((long, "hi"), "the text has"), (("le", long), "the source has")):
        (result,) = results_of(marian, [pair])
        assert isinstance(result, Failure) and what in result.error


def test_blocks_are_for_other_models(marian):
    with pytest.raises(UsageError, match="reads a whole text"):
        results_of(marian, stride=4)
