"""Languages by code or name, and the codes that models have for them."""

import pytest
from transformers import MBart50Tokenizer, MBartTokenizer, NllbTokenizer

from llmcli.errors import ModelUnsuitable, UsageError
from llmcli.inference.translation.directions import find_direction, model_for
from llmcli.inference.translation.languages import closest, find_language, is_unspaced


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
        ("Mandarin", "zh"),
    ],
)
def test_codes_and_names_mean_a_language(told, tag):
    assert find_language(told) == tag


@pytest.mark.parametrize("told", ["", "xx", "Xyzzian", "123", "a", "ua", "en-", "root"])
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
        ("ko", ["eng_Latn", "kor_Hang"], "kor_Hang"),
        ("zh-TW", ["en_XX", "zh_CN"], "zh_CN"),
        ("yue", [*NLLB, "yue_Hant"], "yue_Hant"),
        ("hr", ["srp_Cyrl", "hrv_Latn"], "hrv_Latn"),
    ],
)
def test_a_models_code_for_a_language(tag, codes, code):
    assert closest(tag, codes) == code


class Config:
    model_type = "m2m_100"


def test_nllb_is_told_both_languages():
    tokenizer = NllbTokenizer()
    found = find_direction("nllb", tokenizer, Config(), "en", "zh")
    hans = tokenizer.convert_tokens_to_ids("zho_Hans")
    assert (found.source_code, found.forced_first) == ("eng_Latn", hans)
    with pytest.raises(UsageError, match="nllb knows 202 languages: choose one with `from_lang`"):
        find_direction("nllb", tokenizer, Config(), None, "zh")
    with pytest.raises(ModelUnsuitable, match="nllb does not know la; it knows ace_Arab"):
        find_direction("nllb", tokenizer, Config(), "en", "la")


def test_mbart_50_is_told_both_languages():
    tokenizer = MBart50Tokenizer()
    found = find_direction("mbart", tokenizer, Config(), "zh", "fr")
    french = tokenizer.convert_tokens_to_ids("fr_XX")
    assert (found.source_code, found.forced_first) == ("zh_CN", french)


def test_the_first_mbart_begins_with_the_language():
    tokenizer = MBartTokenizer()
    found = find_direction("mbart", tokenizer, Config(), "en", "ro")
    romanian = tokenizer.convert_tokens_to_ids("ro_RO")
    assert (found.source_code, found.start, found.forced_first) == ("en_XX", romanian, None)


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
