"""The model that a task takes where none is named."""

from llmcli.models.checkpoint import starters
from llmcli.models.starters import (
    ANSWER,
    CLASSIFY,
    DESCRIPTIONS,
    EMBED,
    FILL,
    GENERATE,
    TRANSLATE,
    DefaultModel,
    choose_model,
)
from llmcli.spec import ModelSpec


def test_the_defaults_are_the_models_that_come_with_the_package():
    defaults = (ANSWER, CLASSIFY, EMBED, FILL, GENERATE, TRANSLATE)
    assert {default.model_id for default in defaults} == set(DESCRIPTIONS) == set(starters())


def test_a_named_model_is_taken_without_a_word():
    notes = []
    assert choose_model(ModelSpec("gpt2"), GENERATE, notes.append) == ModelSpec("gpt2")
    assert notes == []


def test_a_default_keeps_the_other_settings_and_is_announced():
    notes = []
    model = choose_model(ModelSpec(dtype="bfloat16"), CLASSIFY, notes.append)
    assert model == ModelSpec("bert-en", dtype="bfloat16")
    assert notes == [
        "bert-en: a small model of English; "
        "`model`=distilbert/distilbert-base-uncased-finetuned-sst-2-english takes a full-size one"
    ]


def test_a_default_that_is_no_starter_is_announced_by_its_name():
    notes = []
    assert choose_model(None, DefaultModel("owner/name"), notes.append) == ModelSpec("owner/name")
    assert notes == ["owner/name: the model that is taken unless `model` names another"]
