"""Which pairs a model translates, by its files, and the way through English."""

import json
from types import SimpleNamespace

import pytest
from transformers import MBart50Tokenizer, MBartTokenizer

from llmcli.data.rows import Failure, Row
from llmcli.engines.pytorch.loading import load
from llmcli.errors import ModelUnsuitable
from llmcli.inference.translation.directions import STARTER_SOURCES
from llmcli.inference.translation.pairs import known_pairs, route
from llmcli.inference.translation.runaway import CUT_NOTES
from llmcli.inference.translation.translator import route_of
from llmcli.models.starters import TRANSLATOR
from llmcli.spec import ModelSpec
from llmcli.spec.tasks import TranslateOptions
from llmcli.tasks.translate import translate
from tests.tiny_models import make_marian

PAIRS = [["en", "fr"], ["fr", "en"], ["en", "zh"], ["zh", "en"]]


def model(tokenizer, name="m", generation=None, **config):
    """The arguments of `route` before the languages."""
    settings = SimpleNamespace(**{"model_type": "marian", **config})
    return name, tokenizer, (settings, SimpleNamespace(**(generation or {})))


def marian(source, target, *codes):
    return SimpleNamespace(source_lang=source, target_lang=target, supported_language_codes=codes)


@pytest.mark.parametrize(
    ("tokenizer", "pairs"),
    [
        (marian("en", "fr"), {("en", "fr")}),
        (marian("eng", "roa", ">>fra<<", ">>por<<"), {("en", "fr"), ("en", "pt")}),
        (marian("zho", "eng"), {("zh", "en")}),
        (marian("mul", "eng"), None),
        (marian("ROMANCE", "en"), None),
        (marian("roa", "en"), None),
        (marian("en", "mul", ">>en<<", ">>fr<<"), None),
    ],
)
def test_the_files_of_marian_name_its_pairs(tokenizer, pairs):
    assert known_pairs(tokenizer, SimpleNamespace()) == pairs


def test_a_group_of_languages_refuses_none_of_them():
    way = route(*model(marian("mul", "eng")), "de", "en")
    assert way.direction.source == "de" and way.through_english == {"de": False}


def starter(**config):
    codes = (">>en<<", ">>fr<<", ">>zh<<")
    return model(marian("en", "mul", *codes), translation_pairs=PAIRS, **config)


@pytest.mark.parametrize(
    ("source", "target", "reads"),
    [
        ("en", "fr", {"en": False}),
        ("zh", "fr", {"zh": True}),
        ("fr", "zh-TW", {"fr": True}),
        (None, "en", {"fr": False, "zh": False}),
        (None, "zh", {"en": False, "fr": True}),
    ],
)
def test_a_pair_that_is_not_among_them_goes_through_english(source, target, reads):
    way = route(*starter(), source, target)
    assert dict(way.through_english) == reads
    assert (way.first is not None) is any(reads.values())
    if way.first is not None:
        assert way.first.prefix == ">>en<< "


@pytest.mark.parametrize(("source", "target"), [("de", "fr"), ("en", "en"), ("yue", "en")])
def test_a_pair_without_a_way_is_refused(source, target):
    message = f"m translates from fr or zh to en, .*: not from {source} to {target}"
    with pytest.raises(ModelUnsuitable, match=message):
        route(*starter(), source, target)


def test_the_default_model_is_chosen_by_the_pairs_that_the_starter_names(request):
    folder = request.config.rootpath / "llmcli/starter" / TRANSLATOR
    own = json.loads((folder / "config.json").read_text())["translation_pairs"]
    starting = model(marian("en", "mul", ">>en<<", ">>fr<<", ">>zh<<"), translation_pairs=own)
    for target, sources in STARTER_SOURCES.items():
        assert {*sources} - {None} == set(route(*starting, None, target).through_english)


def test_a_multilingual_model_that_always_begins_with_one_language_is_refused_another():
    tokenizer = MBart50Tokenizer()
    english = tokenizer.convert_tokens_to_ids("en_XX")
    fixed = model(tokenizer, generation={"forced_bos_token_id": english}, model_type="mbart")
    assert route(*fixed, "fr", "en").direction.forced_first == english
    with pytest.raises(ModelUnsuitable, match="m translates into en_XX alone, by the forced_bos"):
        route(*fixed, "en", "fr")
    romanian = MBartTokenizer().convert_tokens_to_ids("ro_RO")
    old = model(MBartTokenizer(), decoder_start_token_id=romanian, model_type="mbart")
    with pytest.raises(ModelUnsuitable, match="into ro_RO alone, by the decoder_start_token_id"):
        route(*old, "en", "fr")


def test_t5_says_what_it_was_trained_on():
    params = {"translation_en_to_de": {}, "translation_en_to_fr": {}, "summarization": {}}
    t5 = model(SimpleNamespace(), "t5", model_type="t5", task_specific_params=params)
    assert route(*t5, "en", "de").notes == ()
    (note,) = route(*t5, "fr", "de").notes
    assert note.startswith("t5 was trained to translate en to de, en to fr, by its config.json: fr")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs") / "marian"
    entries = (">>en<<", ">>fr<<", ">>zh<<", "1984", "12", "42")
    make_marian(folder, entries, source_lang="en", target_lang="mul")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "translation_pairs": PAIRS}))
    return load(ModelSpec(str(folder)), ("seq2seq",))


def run(loaded, *texts, **options):
    rows = [Row(number, text) for number, text in enumerate(texts, 1)]
    return list(translate(loaded, rows, TranslateOptions(**options)))


def test_two_steps_give_what_two_runs_give(loaded):
    text = "我明天要去看电影。"
    (english,) = run(loaded, text, from_lang="zh", to_lang="en")
    (french,) = run(
        loaded, english.translation, from_lang="en", to_lang="fr", split_sentences=False
    )
    for given in ("zh", None):
        (result,) = run(loaded, text, from_lang=given, to_lang="fr", num_return_sequences=1)
        assert result.translation == french.translation
        assert (result.from_lang, result.via, result.to_lang) == ("zh", "en", "fr")
        assert "zh to fr: the text goes through en, in two steps" in result.notes[0]
    assert (english.via, english.notes) == (None, (CUT_NOTES["length"],))  # it is of random weights


def test_rows_in_other_languages_fail_alone(loaded):
    results = run(loaded, "the cat sat on a mat", "Привет всем", "the moon", to_lang="fr")
    assert [isinstance(result, Failure) for result in results] == [False, True, False]
    assert "the text is in Cyrillic script" in results[1].error
    assert results[0].from_lang == "en"


def test_what_is_kept_stands_where_it_was(loaded):
    text = "😀 The cat → the dog. See https://a.org/x for >>> print(1 << 3)\n- ☂ moon"
    (result,) = run(loaded, text, from_lang="en", to_lang="fr")
    kept = ["😀 ", " → ", " https://a.org/x ", ">>> print(1 << 3)", "\n- ☂ "]
    places = [result.translation.find(part) for part in kept]
    assert -1 not in places and places == sorted(places) and places[0] == 0


def test_numbers_that_the_model_changes_are_put_back(loaded):
    (result,) = run(loaded, "The cat saw 1984 dogs and 12 cats.", from_lang="en", to_lang="fr")
    assert result.translation.index("1984") < result.translation.index("12")
    put_back = "numbers and signs that the model changed are put back"
    assert result.notes == (put_back, CUT_NOTES[result.sentences[0].cut])
    assert len(result.sentences) == 1
    several = run(loaded, "It is 42.", from_lang="en", to_lang="fr", num_return_sequences=2)
    assert ["42" in each.translation for each in several] == [True, True]


def test_capitals_are_read_in_lower_case_and_put_back(loaded):
    (result,) = run(loaded, "THE CAT SAT ON A MAT.", from_lang="en", to_lang="fr")
    (lower,) = run(loaded, "The cat sat on a mat.", from_lang="en", to_lang="fr")
    assert result.translation == lower.translation.upper() != lower.translation
    assert result.sentences[0].source == "THE CAT SAT ON A MAT."
    assert result.notes[0].startswith("text in capitals is read in lower case")


def test_a_typed_code_is_a_code_if_it_is_the_target_and_else_refused(loaded):
    plain, typed, other, unknown = run(
        loaded, "the cat", ">>fr<< the cat", ">>zh<< the cat", ">>xyz<< the cat",
        from_lang="en", to_lang="fr",
    )  # fmt: skip
    assert typed.translation == plain.translation
    assert "begins with >>zh<<, but `to_lang` is fr" in other.error
    assert unknown.translation == f">>xyz<< {plain.translation.rstrip('.').rstrip()}"


def test_special_tokens_that_are_typed_are_text(loaded):
    (result,) = run(loaded, "the </s> cat <unk> sat", from_lang="en", to_lang="fr")
    assert "</s>" in result.translation and "<unk>" in result.translation


def test_traditional_characters_are_made_where_they_are_asked_for(loaded):
    (plain,) = run(loaded, "the cat sat", from_lang="en", to_lang="zh")
    options = TranslateOptions(from_lang="en", to_lang="zh-TW")
    (result,) = translate(loaded, [Row(1, "the cat sat")], options)
    import opencc

    assert result.translation == opencc.OpenCC("s2twp").convert(plain.translation)
    assert "does not distinguish zh-TW: OpenCC (s2twp)" in route_of(loaded, options).notes[0]
