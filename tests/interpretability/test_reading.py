"""What a model reads is what its command reads, and wrong texts are refused in one line."""

import pytest

from llmcli.data.rows import Row
from llmcli.errors import InputError, UsageError
from llmcli.interpretability.load import load_subject
from llmcli.interpretability.reading import read
from llmcli.interpretability.study import Study
from llmcli.spec import ModelSpec
from llmcli.spec.explain import ExplainOptions


@pytest.fixture(scope="module")
def load():
    kept = {}

    def loaded(model, **choices):
        options = ExplainOptions(**choices)
        if (model, options.task) not in kept:
            kept[model, options.task] = load_subject(ModelSpec(model), options)
        return kept[model, options.task], options

    return loaded


def reading_of(load, model, text, **choices):
    loaded, options = load(model, **choices)
    return read(loaded, Row(1, text), options)


def test_tokens_know_their_places_in_the_text(load):
    (side,) = reading_of(load, "gpt2-stories", "Once upon").sides
    assert [(token.name, token.start, token.end) for token in side.tokens] == [
        ("Once", 0, 4),
        (" upon", 4, 9),
    ]


def test_a_gap_is_the_models_own_mask_and_what_is_explained(load):
    loaded, options = load("bert-en", task="masked-lm")
    study = Study(loaded, Row(1, "The <mask> sat"), options)
    assert study.side.tokens[study.position].name == "[MASK]"
    assert study.reading.following == tuple(study.side.ids)


def test_question_and_text_are_read_as_answer_reads_them(load):
    reading = reading_of(load, "bert-en", "I am Ann", task="question-answering", question="who?")
    names = [token.name for token in reading.sides[0].tokens]
    assert names[0] == "[CLS]" and names.count("[SEP]") == 2
    assert [names[at] for at in reading.content] == ["i", " am", " ann"] or "ann" in names[-2]


def test_the_target_is_the_models_translation(load, run):
    reading = reading_of(
        load, "marian-en-fr-zh", "The black cat", task="translation", to_lang="fr", from_lang="en"
    )
    words = ("translate", "The black cat", "-f", "en", "-t", "fr", "--engine", "torch", "-q")
    assert reading.sides[1].text == run(*words).stdout.strip()
    ids = reading.sides[1].ids
    assert list(reading.following) == [*ids[1:], 0]  # </s> at the end
    assert reading.following[: len(ids) - 1] == tuple(ids[1:])


def test_a_target_can_be_given(load):
    choices = {"task": "translation", "to_lang": "fr", "translation": "un chat noir"}
    reading = reading_of(load, "marian-en-fr-zh", "The black cat", **choices)
    assert reading.sides[1].text == "un chat noir"


@pytest.mark.parametrize(
    ("model", "text", "choices", "error", "message"),
    [
        ("gpt2-stories", "", {}, InputError, "the text is empty"),
        ("bert-en", "", {"task": "masked-lm"}, InputError, "the text is empty"),
        ("gpt2-stories", "a b" * 9999, {}, InputError, "tokens, gpt2-stories takes .*: shorten it"),
        ("bert-en", "a b" * 999, {"task": "masked-lm"}, InputError, "tokens, bert-en takes 512"),
        ("bert-en", "a", {"task": "question-answering"}, UsageError, "give `question`"),
        (
            "marian-en-fr-zh",
            "我明天要去看电影。",
            {"task": "translation", "to_lang": "fr", "from_lang": "zh"},
            UsageError,
            "in two steps: explain one of these steps",
        ),
        (
            "marian-en-fr-zh",
            "cat",
            {"task": "translation", "to_lang": "fr", "translation": ""},
            InputError,
            "`translation` is empty",
        ),
    ],
)
def test_texts_that_cannot_be_read(load, model, text, choices, error, message):
    with pytest.raises(error, match=message):
        reading_of(load, model, text, **choices)


@pytest.mark.parametrize("position", [4, -5])
def test_a_position_outside_the_text_is_refused(load, position):
    loaded, _ = load("gpt2-stories")
    options = ExplainOptions(position=position)
    with pytest.raises(
        InputError, match=f"`position` {position} is not in the text, which has 0 to 3"
    ):
        Study(loaded, Row(1, "Once upon a time"), options)
