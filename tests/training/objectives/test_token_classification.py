"""Tags of words are learnt."""

import json
import random
import sys
from pathlib import Path

import pytest

from llmcli.data.rows import Row
from llmcli.engines.pytorch.trainable import load_trainable
from llmcli.errors import InputError
from llmcli.spec import ModelSpec
from llmcli.spec.training import Training
from llmcli.training.examples import NO_LABEL
from llmcli.training.objectives.token_classification import TokenClassification

sys.path.insert(0, str(Path(__file__).parent.parent.parent.parent / "benchmarks"))
import tag_equality  # noqa: E402


def tagged(count=120):
    draw = random.Random(2)
    rows = []
    for _ in range(count):
        words = draw.choices(["the", "cat", "dog", "sat", "on", "mats"], k=draw.randint(2, 6))
        tags = ["B-ANIMAL" if word in ("cat", "dog") else "O" for word in words]
        rows.append({"tokens": words, "ner_tags": tags})
    return rows


def test_words_are_tagged(learner, fit, tmp_path):
    result = fit(learner, tagged(), "token-classification", max_steps=20)
    assert result.metrics["f1"] == 1.0 and result.metrics["accuracy"] == 1.0
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["architectures"] == ["BertForTokenClassification"]


def test_the_label_is_at_the_first_token_of_each_word(learner):
    task = TokenClassification(Training((), "", task="token-classification", block_size=5))
    changes = task.config_changes(["B-PET", "O"])
    loaded, _ = load_trainable(ModelSpec(str(learner)), "tagger", changes)
    objective = task.objective(loaded.network, loaded.tokenizer)
    row = Row(1, "", {"tokens": "the cat sat on", "ner_tags": "O B-PET O O"})
    examples = objective.examples([row])
    assert examples.features[0]["labels"] == [NO_LABEL, 1, 0, 1, NO_LABEL]  # [CLS] ... [SEP]
    assert examples.cut == 1 and objective.metric == "f1"
    shown = "".join(
        f"[{text}]" if learnt else text for text, learnt in objective.preview(examples.features[0])
    )
    assert shown == "[CLS] the cat[B-PET] sat [SEP]"


@pytest.fixture(scope="module")
def random_taggers(tmp_path_factory):
    return tag_equality.make_models(tmp_path_factory.mktemp("random"))


def objective_for(folder, **settings):
    task = TokenClassification(Training((), "", task="token-classification", **settings))
    loaded, _ = load_trainable(ModelSpec(str(folder)), "tagger", task.config_changes(LABELS))
    return task.objective(loaded.network, loaded.tokenizer)


LABELS = ["B-PER", "I-PER", "O"]
ROW = Row(3, "", {"tokens": ["Emma", "said", "that", "Bob"], "tags": ["B-PER", "O", "O", "B-PER"]})


@pytest.mark.parametrize("name", ["bert", "roberta", "xlm-roberta"])
def test_words_of_a_list_are_learnt_as_the_text_that_they_make(random_taggers, name):
    objective = objective_for(random_taggers[name])
    (feature,) = objective.examples([ROW]).features
    assert feature["input_ids"] == objective.tokenizer("Emma said that Bob")["input_ids"]
    assert [label for label in feature["labels"] if label != NO_LABEL] == [0, 2, 2, 0]
    shown = "".join(text for text, learnt in objective.preview(feature) if not learnt)
    assert shown.strip() == objective.tokenizer.decode(feature["input_ids"]).strip()
    assert "said that" in shown.replace("[UNK]", "said that").lower()


def test_a_word_without_tokens_is_named(random_taggers):
    objective = objective_for(random_taggers["bert"])
    fields = {"tokens": ["Emma", "\u200b", "\ufe0f"], "ner_tags": ["B-PER", "O", "O"]}
    examples = objective.examples([Row(7, "", fields)])
    assert examples.cut == 0
    assert examples.unread == ["line 7: word 2, '' (U+200B)", "line 7: word 3, '' (U+FE0F)"]
    cut = objective_for(random_taggers["bert"], block_size=4).examples([ROW])
    assert cut.cut == 1 and cut.unread == []  # what is cut off is not called unread


@pytest.mark.parametrize(
    ("fields", "words", "tags"),
    [
        ({"tokens": "10\u00a0km away", "ner_tags": "B-LEN O"}, 2, ("B-LEN", "O")),
        ({"text": "a b", "labels": '["O", "O"]'}, 2, ("O", "O")),
        ({"words": "['New York', 'is']", "tags": [1, 0.0]}, 2, ("1", "0")),
        ({"tokens": ["x"], "text": "a b", "tags": ["O"]}, 1, ("O",)),
    ],
)
def test_words_and_tags_are_read_in_several_forms(fields, words, tags):
    task = TokenClassification(Training((), "", task="token-classification"))
    found, said = task.words_and_tags(Row(1, "", fields))
    assert (len(found), said) == (words, tags)


@pytest.mark.parametrize(
    ("tags", "metric"),
    [
        (["B-PER", "E-PER", "O", "S-PER"], "f1"),
        (["B-PER", "L-PER", "U-PER", "O"], "f1"),
        (["PER", "O"], "f1"),
        (["NOUN", "VERB"], "accuracy"),
    ],
)
def test_the_metric_follows_from_the_scheme(learner, tags, metric):
    task = TokenClassification(Training((), "", task="token-classification"))
    loaded, _ = load_trainable(ModelSpec(str(learner)), "tagger", task.config_changes(sorted(tags)))
    assert task.objective(loaded.network, loaded.tokenizer).metric == metric


def test_tags_of_several_schemes_are_refused():
    task = TokenClassification(Training((), "", task="token-classification"))
    rows = [Row(1, "", {"tokens": "a b", "ner_tags": "B-PER PER"})]
    with pytest.raises(InputError, match="several schemes, 'B-PER' beside 'PER'"):
        task.find_labels(rows)
