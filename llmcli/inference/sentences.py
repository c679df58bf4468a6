"""Sentence segmentation, for any writing system."""

import re

from sentencex import segment

INITIAL = re.compile(r"\W*\w{1,2}\.\s*")  # an abbreviated title such as "M. " or "Fr. "


def sentences(text: str, language: str = "en") -> list[str]:
    """Split a text into sentences with their trailing whitespace; joined, they equal the text.

    language: a two-letter code, which selects the abbreviations that do not end a sentence.

    >>> sentences("He paid $3.50. Why? 我明天要去看电影。你呢？")
    ['He paid $3.50. ', 'Why? ', '我明天要去看电影。', '你呢？']
    """
    parts: list[str] = []
    for part in segment(language, text):
        if parts and (INITIAL.fullmatch(parts[-1]) or not parts[-1].strip()):
            parts[-1] += part
        else:
            parts.append(part)
    if "".join(parts) != text:  # sentencex changed a character: do not split the text
        return [text] if text else []
    return parts


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
