"""Words in capital letters: models read them better in lower case."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from llmcli.inference.translation.languages import base

LONG_WORD = re.compile(r"\b[^\W\d_]{4,}\b")
DOTTED = ("tr", "az")  # their capital of i is İ, and I is that of ı


@dataclass(frozen=True, slots=True)
class Lowered:
    """A sentence as a model reads it."""

    text: str
    is_capital: bool = False
    """The whole sentence was in capitals: its translation is put into capitals."""


def lowered(text: str, language: str | None, count: Callable[[str], int]) -> Lowered:
    """A sentence whose capitals are lower case where a model takes fewer tokens for that.

    language: of the sentence, a tag. count: the number of a text's tokens. Of a sentence that is
    not all in capitals, words change that are one token in lower case: REALLY, but not NASA.

    >>> lowered("I LOVE MY DOG.", "en", lambda text: 2 - text[1:].islower()).text
    'I love my dog.'
    """
    if not any(map(str.isupper, text)):
        return Lowered(text)
    letters = [character for character in text if character.isalpha()]
    if text.isupper() and len(letters) > 1:
        lower = _sentence_case(lower_case(text, language), language)
        return Lowered(lower, True) if count(lower) < count(text) else Lowered(text)

    def lower_word(match: re.Match[str]) -> str:
        word = match[0]
        lower = lower_case(word, language)
        return lower if word.isupper() and count(lower) == 1 < count(word) else word

    return Lowered(LONG_WORD.sub(lower_word, text))


def _sentence_case(text: str, language: str | None) -> str:
    first = next(at for at, character in enumerate(text) if character.isalpha())
    text = text[:first] + upper_case(text[first], language) + text[first + 1 :]
    return re.sub(r"\bi\b", "I", text) if language is not None and base(language) == "en" else text


def lower_case(text: str, language: str | None) -> str:
    """Lower case, by the rules of a language."""
    if language is not None and base(language) in DOTTED:
        text = text.replace("I", "ı").replace("İ", "i")
    return text.lower()


def upper_case(text: str, language: str | None) -> str:
    """Upper case, by the rules of a language."""
    if language is not None and base(language) in DOTTED:
        text = text.replace("i", "İ")
    return text.upper()
