"""Explanations are in the language of the text if it is Chinese, else of the locale."""

import pytest

from llmcli.interpretability.language import choose_language


@pytest.mark.parametrize(
    ("asked", "text", "locale", "chosen", "is_noted"),
    [
        (None, "Hello", "en_US.UTF-8", "en", False),
        (None, "我明天要去看电影。", "C.UTF-8", "zh", True),
        (None, "Hello", "zh_CN.UTF-8", "zh", False),
        (None, "我明天要去看电影。", "zh_CN.UTF-8", "zh", False),
        ("en", "我明天要去看电影。", "zh_CN.UTF-8", "en", False),
        ("zh", "Hello", "", "zh", False),
        (None, "これは日本語です。", "", "en", False),
        (None, "", "", "en", False),
    ],
)
def test_the_language(monkeypatch, asked, text, locale, chosen, is_noted):
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", locale)
    notes = []
    assert choose_language(asked, text, notes.append) == chosen
    assert bool(notes) == is_noted
