"""Each task chooses its model, and checks its settings before it loads one."""

import pytest

from llmcli.errors import UsageError
from llmcli.spec import BatchOptions, Chat, Decoding, ModelSpec
from llmcli.spec.tasks import ClassifyOptions, EmbedOptions, TranslateOptions
from llmcli.tasks import answer, classify, embed, fill, forward, generate, tokenize, translate

LOADERS = {
    "answer": (lambda note: answer.load(None, note=note), "bert-en", "reader"),
    "classify": (
        lambda note: classify.load(None, ClassifyOptions(), note=note),
        "bert-en",
        "classifier",
    ),
    "embed": (lambda note: embed.load(None, EmbedOptions(), note=note), "bert-en", "encoder"),
    "fill": (lambda note: fill.load(None, note=note), "bert-en", "masked"),
    "forward": (lambda note: forward.load(None, note=note), "gpt2-stories", "causal"),
    "generate": (
        lambda note: generate.load(None, Decoding(), Chat(), note=note),
        "gpt2-stories",
        "causal",
    ),
    "translate": (
        lambda note: translate.load(None, TranslateOptions("English", "法语"), note=note),
        "marian-en-fr-zh",
        "seq2seq",
    ),
}


@pytest.mark.parametrize("task", LOADERS)
def test_a_task_without_a_model_loads_its_starter_and_says_so(task):
    load, name, kind = LOADERS[task]
    notes = []
    loaded = load(notes.append)
    assert (loaded.checkpoint.model_id, loaded.kind) == (name, kind)
    assert [note.startswith(f"{name}: a small model") for note in notes] == [True]


def test_tokenizing_without_a_model_takes_the_starter():
    notes = []
    assert tokenize.load_vocabulary(None, notes.append).size == 4096
    assert notes[0].startswith("gpt2-stories: ")


def test_embedding_says_how_it_pools_where_neither_user_nor_model_does(tiny_bert):
    notes = []
    embed.load(ModelSpec(str(tiny_bert)), EmbedOptions(), note=notes.append)
    assert notes == ["pooling: mean, not normalized: the model does not say which; `pooling` does"]
    embed.load(ModelSpec(str(tiny_bert)), EmbedOptions(pooling="cls"), note=notes.append)
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (lambda: classify.load(None, ClassifyOptions(labels=("a",))), "is always right"),
        (lambda: translate.load(None, TranslateOptions("gibberish", "fr")), "no language"),
        (lambda: translate.load(None, TranslateOptions("en")), "name the languages"),
        (
            lambda: translate.load(
                None, TranslateOptions("en", "fr", num_beams=2, num_return_sequences=3)
            ),
            "`num_return_sequences` 3 is more than `num_beams` 2",
        ),
        (lambda: generate.load(None, Decoding(num_beams=2, seed=1, top_k=2), Chat()), "beams"),
        (
            lambda: generate.check_options(
                Decoding(), Chat(chat=True), BatchOptions(on_overflow="truncate")
            ),
            "would cut the chat template",
        ),
        (
            lambda: generate.check_options(
                Decoding(assist="lookup"), Chat(), BatchOptions(batch_size=2)
            ),
            "leave out `batch_size`",
        ),
    ],
)
def test_settings_that_contradict_one_another_are_refused_before_loading(load, message):
    with pytest.raises(UsageError, match=message):
        load()
