"""Where sentences end, in any script."""

import re

from sentencex import segment

INITIAL = re.compile(r"\W*\w{1,2}\.\s*")  # "M. " or "Fr. ": a title, not a sentence


def sentences(text: str, language: str = "en") -> list[str]:
    """Split a text into sentences, each with the space behind it; joined, they are the text.

    language: two letters; it tells which abbreviations end no sentence.

    >>> sentences("He paid $3.50. Why? 我明天要去看电影。你呢？")
    ['He paid $3.50. ', 'Why? ', '我明天要去看电影。', '你呢？']
    """
    found: list[str] = []
    for part in segment(language, text):
        if found and (INITIAL.fullmatch(found[-1]) or not found[-1].strip()):
            found[-1] += part
        else:
            found.append(part)
    if "".join(found) != text:  # a character that the splitter changes: better one sentence
        return [text] if text else []
    return found


def sentence_ends(text: str, language: str = "en") -> list[int]:
    """Where the sentences of a text end, in characters, the last end included.

    >>> sentence_ends("Why? So.")
    [5, 8]
    """
    ends, at = [], 0
    for sentence in sentences(text, language):
        at += len(sentence)
        ends.append(at)
    return ends


CLAUSE = re.compile(r"(?<=[,;:，、；：])\s*|(?<=\s)[-–—]\s+")


def halves(text: str) -> tuple[str, str]:
    """Cut a text near its middle: after a comma or the like, else at a space, else anywhere.

    Both parts have at least a character. They are without the space between them.

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
