"""Labels: against hand-worked values, and against transformers' own pipeline and logits."""

import math

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, pipeline

from llmcli.data.rows import Failure, Row
from llmcli.engines.pytorch.loading import load
from llmcli.errors import ModelUnsuitable, UsageError
from llmcli.inference.likelihood import Likelihood
from llmcli.spec import BatchOptions, ModelSpec
from llmcli.spec.tasks import ClassifyOptions
from llmcli.tasks.classify import classify
from tests.tiny_models import MORE_WORDS, WORDS, make_causal, word_tokenizer

TEXTS = ["the cat sat", "a dog", "this is good . it is bad ?", "cat"]
LONG = " ".join(["the cat sat on mats .", "a dog ran ?", "is it good this", "bad dog who"] * 2)


def load_classifier(folder):
    return load(ModelSpec(str(folder)), ("classifier", "causal"))


def rows(*texts, pair=None):
    return [Row(number, text, pair=pair) for number, text in enumerate(texts, 1)]


def scores(result):
    return {one.label: one.score for one in result.scores}


@pytest.fixture(scope="module")
def classifier(tiny_classifier):
    return load_classifier(tiny_classifier)


@pytest.fixture
def constant(classifier, monkeypatch):
    """A head that says the same of every text: logits ln 1, ln 2, ln 5."""
    head = classifier.network.classifier
    monkeypatch.setattr(head.weight, "data", torch.zeros_like(head.weight))
    monkeypatch.setattr(head.bias, "data", torch.tensor([1.0, 2.0, 5.0]).log())
    return classifier


def test_every_label_comes_with_its_softmax_the_best_first(constant):
    (result,) = classify(constant, rows("the cat"), ClassifyOptions())
    assert [one.label for one in result.scores] == ["mad", "glad", "sad"]
    assert [one.score for one in result.scores] == pytest.approx([5 / 8, 2 / 8, 1 / 8])
    assert (result.label, result.score) == ("mad", pytest.approx(5 / 8))


def test_multi_label_scores_each_for_itself(constant):
    (result,) = classify(constant, rows("the cat"), ClassifyOptions(multi_label=True))
    assert scores(result) == pytest.approx({"sad": 1 / 2, "glad": 2 / 3, "mad": 5 / 6})


def test_top_leaves_the_best(constant):
    (result,) = classify(constant, rows("the cat"), ClassifyOptions(top=2))
    assert [one.label for one in result.scores] == ["mad", "glad"]


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        ("single_label_classification", [1 / 8, 2 / 8, 5 / 8]),
        ("multi_label_classification", [1 / 2, 2 / 3, 5 / 6]),
        ("regression", [0, math.log(2), math.log(5)]),
        (None, [1 / 8, 2 / 8, 5 / 8]),
    ],
)
def test_the_checkpoint_says_what_its_numbers_are(constant, monkeypatch, problem, expected):
    monkeypatch.setattr(constant.network.config, "problem_type", problem)
    (result,) = classify(constant, rows("the cat"), ClassifyOptions())
    assert [scores(result)[name] for name in ("sad", "glad", "mad")] == pytest.approx(expected)


def test_scores_equal_those_of_transformers(classifier):
    oracle = pipeline(
        "text-classification", model=classifier.network, tokenizer=classifier.tokenizer, top_k=None
    )
    expected = [{one["label"]: one["score"] for one in found} for found in oracle(TEXTS)]
    for size in (None, 1, 3):
        found = classify(classifier, rows(*TEXTS), ClassifyOptions(), BatchOptions(batch_size=size))
        for result, wanted in zip(found, expected, strict=True):
            assert scores(result) == pytest.approx(wanted, abs=1e-6)


def test_a_pair_is_read_as_one(classifier):
    (result,) = classify(classifier, rows("who sat ?", pair="the cat"), ClassifyOptions())
    inputs = classifier.tokenizer("who sat ?", "the cat", return_tensors="pt")
    with torch.no_grad():
        expected = classifier.network(**inputs).logits[0].softmax(-1).tolist()
    assert [scores(result)[name] for name in ("sad", "glad", "mad")] == pytest.approx(expected)
    assert result.pair == "the cat"


def logits_of(classifier, ids):
    with torch.no_grad():
        return classifier.network(torch.tensor([ids])).logits[0]


def test_windows_are_averaged_by_their_size(classifier):
    ids = classifier.tokenizer(LONG)["input_ids"]
    assert len(ids) > 2 * 16
    content, room = ids[1:-1], 14
    windows = [[2, *content[at : at + room], 3] for at in range(0, len(content), room)]
    weights = [len(window) / sum(map(len, windows)) for window in windows]
    each = [logits_of(classifier, window).softmax(-1) for window in windows]
    expected = sum(one * weight for one, weight in zip(each, weights, strict=True)).tolist()
    (result,) = classify(
        classifier, rows(LONG), ClassifyOptions(), BatchOptions(on_overflow="window")
    )
    assert [scores(result)[name] for name in ("sad", "glad", "mad")] == pytest.approx(expected)
    assert result.overflow == "window"


def test_a_long_text_is_cut_split_or_refused(classifier):
    ids = classifier.tokenizer(LONG)["input_ids"]
    (result,) = classify(
        classifier, rows(LONG), ClassifyOptions(), BatchOptions(on_overflow="truncate")
    )
    expected = logits_of(classifier, [*ids[:15], 3]).softmax(-1).tolist()
    assert [scores(result)[name] for name in ("sad", "glad", "mad")] == pytest.approx(expected)
    (result,) = classify(
        classifier, rows(LONG), ClassifyOptions(), BatchOptions(on_overflow="split")
    )
    assert result.overflow == "split"
    (result,) = classify(
        classifier, rows(LONG), ClassifyOptions(), BatchOptions(on_overflow="error")
    )
    assert isinstance(result, Failure) and "the model takes 16" in result.error


def test_a_text_that_fits_is_not_marked(classifier):
    (result,) = classify(classifier, rows("the cat"), ClassifyOptions(), BatchOptions())
    assert result.overflow is None


def test_nan_is_an_error_of_its_row(classifier, monkeypatch):
    embedding = classifier.network.bert.embeddings.word_embeddings
    weight = embedding.weight.detach().clone()
    weight[classifier.tokenizer.convert_tokens_to_ids("dog")] = math.nan
    monkeypatch.setattr(embedding.weight, "data", weight)
    results = list(classify(classifier, rows(*TEXTS), ClassifyOptions()))
    assert [isinstance(one, Failure) for one in results] == [False, True, False, False]
    assert "NaN" in results[1].error


LABELS = ("good", "bad", "cat")


@pytest.mark.parametrize("multi", [False, True])
def test_zero_shot_equals_the_pipeline_of_transformers(tiny_nli, multi):
    loaded = load_classifier(tiny_nli)
    oracle = pipeline("zero-shot-classification", model=loaded.network, tokenizer=loaded.tokenizer)
    how = ClassifyOptions(labels=LABELS, hypothesis_template="it is {} .", multi_label=multi)
    for result, text in zip(classify(loaded, rows(*TEXTS), how), TEXTS, strict=True):
        expected = oracle(text, list(LABELS), hypothesis_template="it is {} .", multi_label=multi)
        wanted = dict(zip(expected["labels"], expected["scores"], strict=True))
        assert scores(result) == pytest.approx(wanted, abs=1e-6)


def test_zero_shot_through_a_causal_model_is_the_likelihood_of_each_label(tiny_gpt2):
    loaded = load_classifier(tiny_gpt2)
    how = ClassifyOptions(labels=("cat", "dog", "the moon"), hypothesis_template="It was {}.")
    results = list(classify(loaded, rows("Once upon a time", "hello"), how))
    model = AutoModelForCausalLM.from_pretrained(tiny_gpt2).eval()
    for result, text in zip(results, ("Once upon a time", "hello"), strict=True):
        sums = []
        for label in how.labels:  # the words before the label are the same for all
            before = loaded.tokenizer(text)["input_ids"]
            tail = loaded.tokenizer(f"\nIt was {label}.")["input_ids"]
            ids = torch.tensor([before + tail])
            with torch.no_grad():
                logprobs = model(ids).logits[0, :-1].log_softmax(-1)
            each = logprobs.gather(-1, ids[0, 1:, None])[len(before) - 1 :]
            sums.append(each.sum())
        expected = torch.stack(sums).softmax(-1).tolist()
        assert [scores(result)[label] for label in how.labels] == pytest.approx(expected, abs=1e-5)


def test_long_texts_are_read_in_windows_by_a_causal_model_too(tiny_gpt2):
    loaded = load_classifier(tiny_gpt2)
    how = ClassifyOptions(labels=("cat", "dog"))
    (result,) = classify(loaded, rows("a cat sat " * 40), how, BatchOptions(on_overflow="window"))
    assert result.overflow == "window"
    assert sum(scores(result).values()) == pytest.approx(1)
    (result,) = classify(loaded, rows("a cat sat " * 40), how, BatchOptions(on_overflow="error"))
    assert "fit beside the other texts" in result.error


def test_a_model_that_knows_no_entailment_is_refused(classifier):
    with pytest.raises(ModelUnsuitable, match="sad, glad, mad: `labels` needs"):
        next(classify(classifier, rows("cat"), ClassifyOptions(labels=LABELS)))


def test_a_causal_model_scores_no_label_for_itself(tiny_gpt2):
    how = ClassifyOptions(labels=LABELS, multi_label=True)
    with pytest.raises(UsageError, match="`multi_label`"):
        next(classify(load_classifier(tiny_gpt2), rows("cat"), how))


def test_a_causal_classifier_without_a_padding_token_takes_batches(bpe, tmp_path):
    from transformers import AutoConfig

    config = AutoConfig.for_model(
        "gpt2", vocab_size=len(bpe), n_embd=16, n_layer=1, n_head=2, n_positions=64, num_labels=2
    )
    AutoModelForSequenceClassification.from_config(config).save_pretrained(tmp_path)
    bpe.save_pretrained(tmp_path)
    loaded = load_classifier(tmp_path)
    together = [one.score for one in classify(loaded, rows(*TEXTS), ClassifyOptions())]
    alone = [next(classify(loaded, rows(text), ClassifyOptions())).score for text in TEXTS]
    assert together == pytest.approx(alone, abs=1e-6)


def save_classifier(folder, tokenizer, **settings):
    from transformers import AutoConfig

    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(**settings))
    for parameter in model.parameters():
        parameter.data.mul_(4.0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return load_classifier(folder)


XLNET = {"model_type": "xlnet", "d_model": 8, "n_layer": 1, "n_head": 2, "d_inner": 16}
BART = {
    **{"model_type": "bart", "d_model": 8, "encoder_layers": 1, "decoder_layers": 1},
    **{"encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 16},
    **{"decoder_ffn_dim": 16, "max_position_embeddings": 32, "num_labels": 3},
}


def test_a_model_that_looks_at_the_last_place_gets_no_padding(tmp_path):
    tokenizer = word_tokenizer(WORDS + MORE_WORDS)
    loaded = save_classifier(tmp_path, tokenizer, vocab_size=len(tokenizer), num_labels=3, **XLNET)
    together = [scores(one) for one in classify(loaded, rows(*TEXTS), ClassifyOptions())]
    alone = [scores(next(classify(loaded, rows(text), ClassifyOptions()))) for text in TEXTS]
    for one, other in zip(together, alone, strict=True):
        assert one == pytest.approx(other, abs=1e-6)


def test_a_batch_is_filled_with_what_the_model_looks_for(tmp_path):
    """Where the tokenizer's padding token is another one than the model's."""
    settings = {"model_type": "gpt2", "n_embd": 16, "n_layer": 1, "n_head": 2, "num_labels": 2}
    tokenizer = word_tokenizer(WORDS + MORE_WORDS)
    loaded = save_classifier(tmp_path, tokenizer, vocab_size=22, pad_token_id=1, **settings)
    together = [one.score for one in classify(loaded, rows(*TEXTS), ClassifyOptions())]
    alone = [next(classify(loaded, rows(text), ClassifyOptions())).score for text in TEXTS]
    assert together == pytest.approx(alone, abs=1e-6)


def test_special_tokens_that_are_typed_are_text(tmp_path):
    """BART counts its end tokens, and fails where a text has more of them than others."""
    tokenizer = word_tokenizer(WORDS + MORE_WORDS)
    ends = {"eos_token_id": 3, "pad_token_id": 0, "bos_token_id": 2, "decoder_start_token_id": 3}
    loaded = save_classifier(tmp_path, tokenizer, vocab_size=len(tokenizer), **BART, **ends)
    found = list(classify(loaded, rows("the cat", "a [SEP] dog", "[PAD]"), ClassifyOptions()))
    assert not any(isinstance(one, Failure) for one in found)


def test_labels_without_a_name_get_one(classifier, monkeypatch):
    monkeypatch.setattr(classifier.network.config, "id2label", {1: "a", 2: "b", 9: "c"})
    (result,) = classify(classifier, rows("the cat"), ClassifyOptions())
    assert set(scores(result)) == {"LABEL_0", "a", "b"}


def test_likelihoods_do_not_depend_on_the_batch_where_padding_is_taken_for_text(bpe, tmp_path):
    settings = {"model_type": "rwkv", "hidden_size": 16, "num_hidden_layers": 2}
    loaded = load_classifier(make_causal(bpe, tmp_path / "rwkv", **settings))
    how = ClassifyOptions(labels=("cat", "the moon"))
    texts = ("a", "Once upon a time there was")
    together = [scores(one) for one in classify(loaded, rows(*texts), how)]
    alone = [scores(next(classify(loaded, rows(text), how))) for text in texts]
    for one, other in zip(together, alone, strict=True):
        assert one == pytest.approx(other, abs=1e-6)


def test_long_texts_are_split_between_sentences_for_a_causal_model(tiny_gpt2, monkeypatch):
    loaded = load_classifier(tiny_gpt2)
    seen = []
    work = Likelihood.logprobs
    monkeypatch.setattr(
        Likelihood, "logprobs", lambda self, units: seen.extend(units) or work(self, units)
    )
    text = "One day the cat saw a dog. " * 8
    how = ClassifyOptions(labels=("cat", "dog"))
    list(classify(loaded, rows(text), how, BatchOptions(on_overflow="split")))
    parts = {loaded.tokenizer.decode(unit.ids).split("\n")[0] for unit in seen}
    assert len(seen) > 2 and all(part.strip().endswith("dog.") for part in parts)
