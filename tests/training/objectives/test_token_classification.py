"""Tags of words are learnt."""

import json
import random

from llmcli.data.rows import Row
from llmcli.engines.pytorch.trainable import load_trainable
from llmcli.spec import ModelSpec
from llmcli.spec.training import Training
from llmcli.training.examples import NO_LABEL
from llmcli.training.objectives.token_classification import TokenClassification


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
    assert shown == "the cat [B-PET] sat "
