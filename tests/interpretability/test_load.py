"""Which models can be explained, and what is said of others."""

import pytest

from llmcli.errors import LlmcliError, UsageError
from llmcli.interpretability.load import load_subject
from llmcli.spec import ModelSpec
from llmcli.spec.explain import ExplainOptions


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (ModelSpec(engine="ct2"), {}, "`engine` ct2 .* leave it out"),
        (ModelSpec(dtype="int8"), {}, "`dtype` int8 .* leave it out"),
        (ModelSpec(dtype="bfloat16"), {}, "`dtype` bfloat16 .* leave it out"),
        (None, {"task": "causal-lm", "question": "who?"}, "`question` has no effect with `task`"),
        (None, {"sections": ("tokens",), "swap": ("a", "b")}, "`swap` has no effect .* what-if"),
        (None, {"sections": ("tokens",), "layers": (1,)}, "`layers` has no effect .* attention or"),
        (None, {"sections": ("tokens",), "ablate": "mean"}, "`ablate` has no effect .* what-if"),
        (None, {"to_lang": "fr", "question": "who?"}, "`question` and `to_lang` are for different"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_loaded(model, options, message):
    with pytest.raises(UsageError, match=message):
        load_subject(model, ExplainOptions(**options))


def test_a_head_that_the_model_does_not_have_is_refused(tiny_gpt2):
    with pytest.raises(LlmcliError, match="is a causal language model, for llmcli generate"):
        load_subject(ModelSpec(str(tiny_gpt2)), ExplainOptions(task="classification"))


@pytest.mark.parametrize(
    ("options", "kind", "model"),
    [
        ({}, "causal", "gpt2-stories"),
        ({"task": "masked-lm"}, "masked", "bert-en"),
        ({"task": "classification"}, "classifier", "bert-en"),
        ({"question": "who?"}, "reader", "bert-en"),
        ({"to_lang": "fr"}, "seq2seq", "marian-en-fr-zh"),
    ],
)
def test_without_a_name_the_starter_for_the_task_is_taken(options, kind, model):
    notes = []
    loaded = load_subject(None, ExplainOptions(**options), note=notes.append)
    assert (loaded.kind, loaded.checkpoint.model_id) == (kind, model)
    assert notes[0].startswith(f"{model}: ")


def test_of_several_heads_the_first_is_taken_with_a_note():
    notes = []
    loaded = load_subject(ModelSpec("bert-en"), ExplainOptions(), note=notes.append)
    assert loaded.kind == "masked"
    assert notes == [
        "bert-en has several heads: masked-lm is explained; `task` takes 'classification', "
        "'question-answering' too"
    ]


def test_an_encoder_without_a_head_is_loaded_for_what_it_has(tiny_encoder):
    loaded = load_subject(ModelSpec(str(tiny_encoder)), ExplainOptions())
    assert loaded.kind == "encoder"
