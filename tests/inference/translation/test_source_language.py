"""The language of a text, by its script and its words."""

import pytest

from llmcli.errors import InputError
from llmcli.inference.translation.directions import Direction
from llmcli.inference.translation.pairs import Route
from llmcli.inference.translation.source_language import (
    script_of,
    scripts,
    source_language,
    sure_language,
)

TO_FRENCH = Route(Direction(None, "fr"), through_english={"en": False, "zh": True})
TO_ENGLISH = Route(Direction(None, "en"), through_english={"fr": False, "zh": False})


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Hello", "Latn"),
        ("Привет", "Cyrl"),
        ("我明天要去看电影。", "Hani"),
        ("私は猫です", "Kana"),
        ("ＡＢＣＤ", "Latn"),
        ("나는 간다", "Hang"),
        ("مرحبا", "Arab"),
        ("iPhone 手机很好用的", "Hani"),
        ("α = 2", None),
        ("1234 !", None),
    ],
)
def test_the_script_of_most_letters(text, script):
    assert script_of(text) == script


def test_languages_may_have_several_scripts():
    assert scripts("zh-TW") == {"Hani"} and scripts("ko") == {"Hang", "Hani"}
    assert scripts("sr") == scripts("sr-Latn") == {"Cyrl", "Latn"}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Ich habe keine Zeit.", "de"),
        ("Buongiorno a tutti, come state oggi?", "it"),
        ("The cat sat on the mat and looked at the moon.", "en"),
        ("Good morning.", None),
        ("Tom est petit.", None),
        ("Titanium case, great pictures", None),
    ],
)
def test_a_language_counts_only_where_it_is_sure(text, language):
    assert sure_language(text) == language


@pytest.mark.parametrize(
    ("way", "text", "language"),
    [
        (TO_FRENCH, "I love my dog and my cat.", "en"),
        (TO_FRENCH, "我明天要去看电影。", "zh"),
        (TO_FRENCH, "Good morning.", "en"),
        (TO_FRENCH, "12.50", "en"),
        (TO_ENGLISH, "Je ne sais pas ce que tu veux.", "fr"),
        (Route(Direction(None, None)), "Привет всем", None),
    ],
)
def test_without_a_given_language_the_text_decides(way, text, language):
    assert source_language("m", way, None, text) == (language, "")


@pytest.mark.parametrize(
    ("way", "given", "text", "message"),
    [
        (
            TO_ENGLISH,
            None,
            "Ich habe keine Zeit.",
            "seems to be in German; m translates from fr, zh",
        ),
        (TO_ENGLISH, None, "The cat sat on the mat, I think.", "seems to be in English"),
        (TO_ENGLISH, None, "Привет всем", "the text is in Cyrillic script; m translates"),
        (TO_ENGLISH, None, "私は猫です", "the text is in Japanese kana"),
        (TO_ENGLISH, "fr", "我明天要去看电影。", "is in Chinese characters, but `from_lang` is fr"),
        (TO_FRENCH, "en", "Привет всем", "is in Cyrillic script, but `from_lang` is en"),
    ],
)
def test_a_text_in_another_language_is_refused(way, given, text, message):
    with pytest.raises(InputError, match=message):
        source_language("m", way, given, text)


def test_latin_text_in_another_language_may_be_names_and_is_noted():
    assert source_language("m", TO_ENGLISH, "zh", "iPhone Pro Max") == (
        "zh",
        "the text is in Latin script, but `from_lang` is zh",
    )
    assert source_language("m", TO_ENGLISH, "zh", "α") == ("zh", "")
