"""The pseudo-log-likelihood, against a loop written from Salazar et al. 2020, equation 1."""

import math

import pytest
import torch

from llmcli.data.rows import Failure, Row
from llmcli.engines.choose import load_on_torch
from llmcli.errors import UsageError
from llmcli.inference.scoring.masked import scored_parts
from llmcli.spec import BatchOptions, ModelSpec
from llmcli.spec.tasks import ScoreOptions
from llmcli.tasks.score import score

TEXT = "the cat sat on mats"


@pytest.fixture(scope="module")
def bert(tiny_masked):
    return load_on_torch(ModelSpec(str(tiny_masked)), ("masked",))


def score_one(loaded, text, on_overflow="window", **settings):
    batch = BatchOptions(on_overflow=on_overflow, batch_size=settings.pop("batch_size", None))
    (result,) = score(loaded, [Row(1, text)], ScoreOptions(**settings), batch)
    return result


def pseudo_logprobs(loaded, ids):
    """log p of each token of [CLS] ... [SEP] but these two, when it alone is masked."""
    found = []
    for at in range(1, len(ids) - 1):
        masked = [*ids[:at], loaded.tokenizer.mask_token_id, *ids[at + 1 :]]
        with torch.no_grad():
            logits = loaded.network(torch.tensor([masked])).logits[0, at]
        found.append((logits - torch.logsumexp(logits, 0))[ids[at]].item())
    return found


@pytest.mark.parametrize("text", ["the", TEXT, "a dog . who is it ?", "the 看 cat"])
@pytest.mark.parametrize("size", [None, 1, 3])
def test_each_token_is_predicted_from_all_others(bert, text, size):
    result = score_one(bert, text, batch_size=size)
    expected = pseudo_logprobs(bert, bert.tokenizer(text)["input_ids"])
    assert [-token.surprisal for token in result.tokens] == pytest.approx(expected, rel=1e-4)
    assert result.kind == "masked" and result.perplexity is None
    mean = -sum(expected) / len(expected)
    assert result.pseudo_perplexity == pytest.approx(math.exp(mean), rel=1e-4)


def test_a_long_text_is_scored_in_windows_with_context_on_both_sides(bert):
    text = " ".join([TEXT] * 6)  # 30 tokens, where the model takes 16, two of them its own
    result = score_one(bert, text, stride=6)
    ids = bert.tokenizer(text)["input_ids"]
    parts = scored_parts(30, 14, 6)
    assert [token for _, scored in parts for token in scored] == list(range(30))
    for start, scored in parts:
        window = [ids[0], *ids[1 + start : 15 + start], ids[-1]]
        expected = pseudo_logprobs(bert, window)
        for token in scored:
            got = -result.tokens[token].surprisal
            assert got == pytest.approx(expected[token - start], rel=1e-4)
    assert result.overflow == "window"


@pytest.mark.parametrize("length", [1, 5, 14, 15, 29, 100])
@pytest.mark.parametrize("stride", [1, 6, 14])
def test_each_token_is_scored_once_with_enough_context(length, stride):
    seen = []
    for start, scored in scored_parts(length, 14, stride):
        seen += scored
        for token in scored:
            assert token - start >= min(token, (14 - stride) // 2)
            assert start + 14 - token > min(length - 1 - token, (14 - stride) // 2 - 1)
    assert seen == list(range(length))


def test_what_a_masked_model_cannot_do_is_refused(bert):
    with pytest.raises(UsageError, match="`bos` is for causal models"):
        score_one(bert, TEXT, bos=True)
    failure = score_one(bert, " ".join([TEXT] * 6), "error")
    assert isinstance(failure, Failure) and "on_overflow" in failure.error
    assert "no room" in score_one(bert, TEXT, block_size=2).error
