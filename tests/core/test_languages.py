"""Languages by code or name, and the codes that models have for them."""

import pytest

from llmcli.core.languages import closest, find_language, is_unspaced
from llmcli.core.translating import find_direction, model_for
from llmcli.errors import ModelUnsuitable, UsageError


@pytest.mark.parametrize(
    ("told", "tag"),
    [
        ("fr", "fr"),
        ("fra", "fr"),
        ("French", "fr"),
        ("français", "fr"),
        ("法语", "fr"),
        ("Chinese", "zh"),
        ("中文", "zh"),
        ("pt-BR", "pt-BR"),
        ("zh_Hans", "zh-Hans"),
    ],
)
def test_codes_and_names_mean_a_language(told, tag):
    assert find_language(told) == tag


@pytest.mark.parametrize("told", ["", "xx", "Xyzzian", "123"])
def test_what_is_no_language_is_refused(told):
    with pytest.raises(UsageError, match="no language"):
        find_language(told)


NLLB = ["eng_Latn", "fra_Latn", "zho_Hans", "zho_Hant", "arb_Arab", "por_Latn"]


@pytest.mark.parametrize(
    ("tag", "codes", "code"),
    [
        ("zh", NLLB, "zho_Hans"),
        ("zh-TW", NLLB, "zho_Hant"),
        ("ar", NLLB, "arb_Arab"),
        ("pt-BR", NLLB, "por_Latn"),
        ("en", ["en_XX", "zh_CN"], "en_XX"),
        ("zh", ["en_XX", "zh_CN"], "zh_CN"),
        ("de", NLLB, None),
    ],
)
def test_a_models_code_for_a_language(tag, codes, code):
    assert closest(tag, codes) == code


class Multilingual:
    """What NLLB's and mBART's tokenizers have in common."""

    src_lang = "eng_Latn"

    def get_added_vocab(self):
        return {code: 100 + at for at, code in enumerate(NLLB)} | {"<mask>": 7}


class Config:
    model_type = "m2m_100"


def test_a_multilingual_model_is_told_both_languages():
    found = find_direction("nllb", Multilingual(), Config(), "en", "zh")
    assert (found.source_code, found.forced_first) == ("eng_Latn", 102)
    with pytest.raises(UsageError, match="nllb knows 6 languages: name one by --from-lang"):
        find_direction("nllb", Multilingual(), Config(), None, "zh")
    with pytest.raises(ModelUnsuitable, match="nllb does not know de; it knows arb_Arab"):
        find_direction("nllb", Multilingual(), Config(), "en", "de")


class MBartTokenizer(Multilingual):
    lang_code_to_id = {"en_XX": 4, "ro_RO": 9}


def test_the_first_mbart_begins_with_the_language():
    found = find_direction("mbart", MBartTokenizer(), Config(), "en", "ro")
    assert (found.source_code, found.start, found.forced_first) == ("en_XX", 9, None)


@pytest.mark.parametrize(
    ("pair", "name"),
    [
        (("en", "fr"), "Helsinki-NLP/opus-mt-en-fr"),
        (("zh-Hans", "en"), "Helsinki-NLP/opus-mt-zh-en"),
        (("en", "pt-BR"), "Helsinki-NLP/opus-mt-tc-big-en-pt"),
    ],
)
def test_two_languages_choose_a_model(pair, name):
    assert model_for(*pair) == name


def test_which_languages_have_no_spaces_between_sentences():
    assert [is_unspaced(tag) for tag in ("zh-TW", "ja", "en", "ko", None)] == [
        *(True, True, False, False, False)
    ]
