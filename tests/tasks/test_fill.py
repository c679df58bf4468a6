"""Gaps: against transformers' fill-mask pipeline and brute-force searches."""

import itertools
import math

import pytest
import torch
from transformers import pipeline

from llmcli.data.rows import Failure, Row
from llmcli.engines.pytorch.loading import load
from llmcli.errors import ModelUnsuitable
from llmcli.spec import BatchOptions, ModelSpec
from llmcli.spec.tasks import FillOptions
from llmcli.tasks.fill import fill


def rows(*texts):
    return [Row(number, text) for number, text in enumerate(texts, 1)]


@pytest.fixture(scope="module")
def masked(tiny_masked):
    return load(ModelSpec(str(tiny_masked)), ("masked",))


def logprobs(loaded, ids, at):
    with torch.no_grad():
        return loaded.network(torch.tensor([ids])).logits[0, at].log_softmax(-1)


TEXTS = ["the [MASK] sat", "[MASK]", "is it good ? it is [MASK] .", "who ran on the [MASK] ?"]


@pytest.mark.parametrize("size", [None, 1, 3])
def test_candidates_equal_those_of_transformers(masked, size):
    oracle = pipeline("fill-mask", model=masked.network, tokenizer=masked.tokenizer, top_k=4)
    results = fill(masked, rows(*TEXTS), FillOptions(top=4), BatchOptions(batch_size=size))
    for result, text in zip(results, TEXTS, strict=True):
        (gap,) = result.gaps
        expected = [one for one in oracle(text) if one["token_str"] != "[MASK]"]
        for one, wanted in zip(gap.candidates, expected, strict=False):
            assert (one.word, one.id) == (wanted["token_str"], wanted["token"])
            assert one.probability == pytest.approx(wanted["score"], abs=1e-6)
        assert text[gap.start :].startswith("[MASK]")
        assert result.filled == text.replace("[MASK]", gap.candidates[0].word)


def test_any_spelling_of_the_mask_will_do(masked):
    one, other = fill(masked, rows("the [MASK] sat", "the <mask> sat"), FillOptions())
    assert one.filled == other.filled
    assert one.gaps[0].candidates == other.gaps[0].candidates


def test_several_gaps_are_filled_together_as_well_as_a_search_of_all_pairs(masked, monkeypatch):
    monkeypatch.setattr("llmcli.inference.filling.BEAMS", 30)  # more than the vocabulary has
    text = "the [MASK] ran on [MASK]"
    (result,) = fill(masked, rows(text), FillOptions(top=1))
    mask = masked.tokenizer.mask_token_id
    ids = masked.tokenizer(text)["input_ids"]
    first, second = [at for at, token in enumerate(ids) if token == mask]
    alone = logprobs(masked, ids, first)
    best = (-math.inf, "")
    for one, other in itertools.product(range(len(alone)), repeat=2):
        if mask in (one, other):
            continue
        filled = [*ids[:first], one, *ids[first + 1 :]]
        score = (alone[one] + logprobs(masked, filled, second)[other]).item()
        words = masked.tokenizer.convert_ids_to_tokens([one, other])
        best = max(best, (score, f"the {words[0]} ran on {words[1]}"))
    assert (result.logprob, result.filled) == (pytest.approx(best[0], abs=1e-4), best[1])
    assert len(result.gaps) == 2
    assert result.gaps[0].candidates[0].id == alone.argmax()


def test_targets_are_compared(masked):
    (result,) = fill(masked, rows("the [MASK] sat"), FillOptions(targets=("dog", "cat")))
    ids = masked.tokenizer("the [MASK] sat")["input_ids"]
    found = logprobs(masked, ids, 2).exp()
    by_word = {one.word: one.probability for one in result.gaps[0].candidates}
    for word in ("dog", "cat"):
        expected = found[masked.tokenizer.convert_tokens_to_ids(word)].item()
        assert by_word[word] == pytest.approx(expected, abs=1e-6)
    probabilities = [one.probability for one in result.gaps[0].candidates]
    assert probabilities == sorted(probabilities, reverse=True)


def test_a_target_of_two_tokens_is_the_product_of_both(masked):
    (result,) = fill(masked, rows("the [MASK] sat"), FillOptions(targets=("cat", "dog ran")))
    word = next(one for one in result.gaps[0].candidates if one.word == "dog ran")
    dog, ran = masked.tokenizer.convert_tokens_to_ids(["dog", "ran"])
    mask = masked.tokenizer.mask_token_id
    the, sat = masked.tokenizer.convert_tokens_to_ids(["the", "sat"])
    first = logprobs(masked, [2, the, mask, mask, sat, 3], 2)[dog]
    second = logprobs(masked, [2, the, dog, mask, sat, 3], 3)[ran]
    assert word.probability == pytest.approx((first + second).exp().item(), rel=1e-4)
    assert word.id is None


def test_of_a_long_text_what_is_around_the_gap_is_read(masked):
    words = "the cat sat on mats a dog ran".split()
    text = " ".join([*words, *words, "[MASK]", *words])
    (result,) = fill(masked, rows(text), FillOptions(), BatchOptions(on_overflow="window"))
    assert result.overflow == "window"
    (cut,) = fill(masked, rows(text), FillOptions(), BatchOptions(on_overflow="truncate"))
    assert isinstance(cut, Failure) and "do not fit" in cut.error
    (refused,) = fill(masked, rows(text), FillOptions(), BatchOptions(on_overflow="error"))
    assert "the model takes 16" in refused.error


def test_rows_that_cannot_be_filled_fail_alone(masked):
    texts = ["no gap", "", "the [MASK]"]
    results = list(fill(masked, rows(*texts), FillOptions()))
    assert [isinstance(one, Failure) for one in results] == [True, True, False]
    assert "write [MASK]" in results[0].error


def test_a_model_without_a_mask_is_refused(masked, monkeypatch):
    monkeypatch.setattr(masked.tokenizer, "_special_tokens_map", {})
    if masked.tokenizer.mask_token is not None:
        pytest.skip("this tokenizer keeps its mask token elsewhere")
    with pytest.raises(ModelUnsuitable, match="no mask token"):
        next(fill(masked, rows("the [MASK]"), FillOptions()))


def test_a_vocabulary_with_spaces_in_its_tokens_doubles_none(bpe, tmp_path):
    """As RoBERTa's: a word's token holds the space before it, and the mask swallows one."""
    import copy

    from tokenizers import AddedToken
    from transformers import RobertaConfig, RobertaForMaskedLM

    tokenizer = copy.deepcopy(bpe)
    mask = AddedToken("<mask>", lstrip=True, special=True)
    tokenizer.add_special_tokens({"mask_token": mask})
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=40,
        pad_token_id=0,
    )
    RobertaForMaskedLM(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = load(ModelSpec(str(tmp_path)), ("masked",))
    cat = tokenizer(" cat", add_special_tokens=False)["input_ids"]
    assert len(cat) == 1
    spec = FillOptions(targets=("cat",))
    one, other = fill(loaded, rows("a [MASK] sat", "[MASK] sat, a[MASK]!"), spec)
    assert one.filled == "a cat sat"
    assert other.filled == "cat sat, a cat!"
    assert one.gaps[0].candidates[0].id == cat[0]


def test_a_target_of_several_tokens_has_room_in_a_full_model(masked):
    text = " ".join(["[MASK]", *["cat"] * 13])  # with [CLS] and [SEP], all that it takes
    spec = FillOptions(targets=("dog", "a dog ran"))
    (result,) = fill(masked, rows(text), spec, BatchOptions(on_overflow="window"))
    assert len(result.gaps[0].candidates) == 2


def test_ids_that_no_token_has_fill_no_gap(masked, monkeypatch):
    monkeypatch.setattr(type(masked.tokenizer), "__len__", lambda self: 9)
    (result,) = fill(masked, rows("the [MASK] sat"), FillOptions(top=22))
    assert all(one.id < 9 for one in result.gaps[0].candidates if one.probability > 0)
