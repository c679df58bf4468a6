"""Translations that were cut say so, and why, on both engines."""

import json

import pytest
from transformers import MarianMTModel

from llmcli.data.rows import Row
from llmcli.inference.translation.runaway import CUT_NOTES, EXTRA, before_repetition, bound
from llmcli.spec import ModelSpec
from llmcli.spec.tasks import TranslateOptions
from llmcli.tasks.translate import load, translate
from tests.tiny_models import make_marian

PAIRS = [["en", "fr"], ["fr", "en"], ["zh", "en"], ["en", "zh"]]
CODES = {"source_lang": "en", "target_lang": "mul"}
ENGINES = pytest.mark.parametrize("engine", ["torch", "ct2"])


@pytest.fixture(scope="module")
def endless(tmp_path_factory):
    """A folder with a model that never ends by itself."""
    folder = make_marian(
        tmp_path_factory.mktemp("m") / "endless", (">>en<<", ">>fr<<", ">>zh<<"), **CODES
    )
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "translation_pairs": PAIRS}))
    model = MarianMTModel.from_pretrained(folder)
    model.final_logits_bias[0, model.config.eos_token_id] = -1e4
    model.save_pretrained(folder)
    settings(folder, max_length=200, max_tokens_per_source_token=2)
    return folder


def settings(folder, **changes):
    path = folder / "generation_config.json"
    kept = {**json.loads(path.read_text()), **changes}
    kept.pop("_from_model_config", None)  # transformers would not read settings of our own
    path.write_text(json.dumps(kept))


def translated(folder, engine, text, **options):
    options = TranslateOptions(**{"from_lang": "en", "to_lang": "fr", **options})
    loaded = load(ModelSpec(str(folder), engine=engine), options)
    assert loaded.engine.name == engine
    return list(translate(loaded, [Row(1, text)], options)), loaded


@ENGINES
@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("forced", [True, False])
def test_a_translation_that_reaches_the_limit_is_not_complete(endless, engine, beams, forced):
    settings(endless, forced_eos_token_id=0 if forced else None)
    words = {"num_beams": beams, "num_return_sequences": beams, "max_new_tokens": 4}
    results, _ = translated(endless, engine, "The cat sat. A dog!", **words)
    settings(endless, forced_eos_token_id=0)
    assert len(results) == beams
    for result in results:
        assert not result.complete
        assert [(part.complete, part.cut) for part in result.sentences] == [(False, "length")] * 2
        assert result.notes == (CUT_NOTES["length"],)
        assert result.to_dict()["complete"] is False


@ENGINES
def test_a_translation_far_longer_than_its_sentence_is_stopped(endless, engine):
    (result,), loaded = translated(endless, engine, "The cat.", num_beams=1)
    (sentence,) = result.sentences
    written = len(loaded.tokenizer(result.translation)["input_ids"]) - 1
    source = len(loaded.tokenizer("The cat.")["input_ids"])
    assert sentence.cut in ("runaway", "repetition") and not result.complete
    assert written <= bound(loaded.generation_config, source, is_part=False) + 2 < 46
    assert result.notes == (CUT_NOTES[sentence.cut],)


def test_a_sentence_has_its_own_bound_whatever_its_neighbours(endless):
    texts = ["The cat.", "The cat sat on a mat and looked at the moon.", "moon"]
    found = {}
    for engine in ("torch", "ct2"):
        options = TranslateOptions("en", "fr", num_beams=2)
        loaded = load(ModelSpec(str(endless), engine=engine), options)
        together = list(
            translate(loaded, [Row(n, text) for n, text in enumerate(texts, 1)], options)
        )
        alone = [next(translate(loaded, [Row(1, text)], options)) for text in texts]
        found[engine] = [(result.translation, result.complete) for result in together]
        assert found[engine] == [(result.translation, result.complete) for result in alone]
    assert found["torch"] == found["ct2"]


@ENGINES
def test_what_goes_through_english_is_complete_only_if_the_english_is(endless, engine):
    (result,), _ = translated(
        endless, engine, "the moon", from_lang="fr", to_lang="zh", max_new_tokens=3
    )
    assert result.via == "en" and not result.complete
    assert [part.cut for part in result.sentences] == ["length"]


def test_a_complete_translation_says_so(tiny_marian):
    options = TranslateOptions(max_new_tokens=11)
    loaded = load(ModelSpec(str(tiny_marian), engine="torch"), options)
    loaded.network.generation_config.forced_bos_token_id = 0  # the end comes first
    (result,) = translate(loaded, [Row(1, "The cat.")], options)
    assert result.complete and result.sentences[0].cut is None and result.notes == ()


def test_the_bound_is_the_models_own_or_a_general_one():
    class Own:
        max_tokens_per_source_token = 2

    assert bound(Own(), 10, is_part=False) == 2 * 12 + EXTRA
    assert bound(Own(), 12, is_part=True) == 2 * 12 + EXTRA
    assert bound(None, 12, is_part=True) == 3 * 12 + EXTRA
    assert bound(None, 12, is_part=False) == 8 * 12 + EXTRA


@pytest.mark.parametrize(
    ("tokens", "kept"),
    [
        ([], 0),
        ([4] * 9, 1),
        ([4] * 8, 8),
        ([1, 2, 3, 4, *[5, 6, 7, 8] * 3], 8),
        ([1, 2, 3, 4, *[5, 6, 7, 8] * 3, 5, 6], 8),
        ([*[5, 6, 7] * 4, 1], 13),
    ],
)
def test_the_first_copy_of_what_repeats_is_kept(tokens, kept):
    assert before_repetition(tokens) == kept


@ENGINES
def test_the_models_own_ban_of_repeated_n_grams_can_be_turned_off(endless, engine):
    words = {"num_beams": 1, "max_new_tokens": 20}
    text = "The cat sat on a mat."
    ((asked,), _), ((free,), _) = (
        translated(endless, engine, text, no_repeat_ngram_size=size, **words) for size in (2, None)
    )
    settings(endless, no_repeat_ngram_size=2)
    ((own,), _), ((turned_off,), _) = (
        translated(endless, engine, text, no_repeat_ngram_size=size, **words) for size in (None, 0)
    )
    settings(endless, no_repeat_ngram_size=0)
    assert own.translation == asked.translation != free.translation == turned_off.translation


def test_the_starter_repeats_no_three_tokens():
    loaded = load(ModelSpec("marian-en-fr-zh"), TranslateOptions("en", "zh"))
    assert loaded.generation_config.no_repeat_ngram_size == 3
