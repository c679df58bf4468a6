"""Sentence segmentation, for any writing system."""

import re
from itertools import pairwise
from unicodedata import normalize

from sentencex import segment

INITIAL = re.compile(r"\W*(?:\d{1,2}|[^\W\d_]|[^\W\d_a-z][^\W\d_A-Z])\.\s*")
"""A part such as "1. ", "M. " or "Fr. ": a number, an initial, or two letters like a title."""

VOWEL = re.compile(r"[aeiouyäöüаеёиоуыэюя]")
INTERJECTIONS = ("hm", "mm", "sh")
"""Words without a vowel, unlike those that are no title: "Go. ", "Hi. ", "Да. "."""

WORD = re.compile(
    r"(?:\b(?:no|me|[Mm]ay|miss|ill|fed|art|vol|ex|sec|OK|ok)|(?:^|(?<=[.!?]\s))(?:No|Ok|Me))"
    r"\.\s+(?=[\"'“‘«(]*[^\W\d_])"
)
"""The end of a sentence in a word that sentencex takes for an abbreviation, such as No. for a
number; before a digit it is one."""


def sentences(text: str, language: str = "en") -> list[str]:
    """Split a text into sentences with their trailing whitespace; joined, they equal the text.

    language: a two-letter code, which selects the abbreviations that do not end a sentence.

    >>> sentences("He paid $3.50. Why? 我明天要去看电影。你呢？")
    ['He paid $3.50. ', 'Why? ', '我明天要去看电影。', '你呢？']
    """
    parts: list[str] = []
    for part in segment(language, text):
        for sentence in _split_at_words(part):
            if parts and (_is_initial(parts[-1]) or not parts[-1].strip()):
                parts[-1] += sentence
            else:
                parts.append(sentence)
    if "".join(parts) != text:  # sentencex changed a character: do not split the text
        return [text] if text else []
    return parts


def _is_initial(part: str) -> bool:
    """True for a number, an initial or a title, which belongs to what follows."""
    if not INITIAL.fullmatch(part):
        return False
    letters = part.strip().strip(".").lower()
    if len(letters) == 1:
        return letters.isdigit() or letters != letters.upper()
    return letters.isdigit() or _has_no_vowel(letters)


def _has_no_vowel(word: str) -> bool:
    decomposed = normalize("NFD", word)
    return word not in INTERJECTIONS and not VOWEL.search(decomposed)


def _split_at_words(part: str) -> list[str]:
    """Split a sentence of sentencex where it ends in a word, before a capital letter."""
    cuts = [match.end() for match in WORD.finditer(part) if _begins_sentence(part[match.end() :])]
    return [part[start:end] for start, end in pairwise([0, *cuts, len(part)]) if start < end]


def _begins_sentence(rest: str) -> bool:
    letter = next(character for character in rest if character.isalpha())
    return letter.isupper() or letter.lower() == letter.upper()


def sentence_ends(text: str, language: str = "en") -> list[int]:
    """The end of each sentence of a text, as a character offset; the last is the text's length.

    >>> sentence_ends("Why? So.")
    [5, 8]
    """
    ends, end = [], 0
    for sentence in sentences(text, language):
        end += len(sentence)
        ends.append(end)
    return ends


CLAUSE = re.compile(r"(?<=[,;:，、；：])\s*|(?<=\s)[-–—]\s+")


def halves(text: str) -> tuple[str, str]:
    """Split a text near its middle: after punctuation, else at whitespace, else in the middle.

    text: two characters or more, without surrounding whitespace; neither half is then empty.
    The whitespace at the cut is dropped.

    >>> halves("one two, three four five")
    ('one two,', 'three four five')
    """
    for pattern in (CLAUSE, re.compile(r"\s+")):
        cuts = [match for match in pattern.finditer(text) if 0 < match.start() < len(text)]
        cuts = [cut for cut in cuts if len(text) // 5 <= cut.start() <= len(text) * 4 // 5]
        if cuts:
            cut = min(cuts, key=lambda match: abs(match.start() - len(text) // 2))
            return text[: cut.start()].rstrip(), text[cut.end() :]
    middle = len(text) // 2
    return text[:middle], text[middle:]
