"""What translation must not change: addresses, code, symbols that a model cannot read, numbers."""

import re
from collections import Counter
from collections.abc import Callable

from llmcli.inference.translation.layout import Piece

ADDRESS = r"(?:https?|ftp)://[^\s<>\"“”]+[\w/]|www\.[^\s<>\"“”]+[\w/]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
SUFFIXES = (
    "py|txt|md|csv|tsv|jsonl?|ya?ml|toml|html?|xml|pdf|docx?|xlsx?|zip|tar|gz|sh|js|ts|c|cpp|h|java|"
    "rs|go|png|jpe?g|gif|mp[34]|exe|log|ini|cfg"
)
NAMES = "|".join(
    (
        r">>\w+<<",  # a language code that the model does not know
        r"</?[A-Za-z][^<>]*>",  # a tag
        r"\{\{?[\w.: ]*\}?\}|%\(\w+\)[sd]|%[sdf]\b",  # a placeholder
        r"\$\{\w+\}|\$[A-Za-z_]\w*",  # a variable
        r"(?<!\S)--?[A-Za-z][\w-]*",  # an option
        r"(?<![\w/.])(?:~|\.{1,2}|[A-Za-z]:)?[/\\]\w[\w.-]*(?:[/\\][\w.-]+)*/?",  # a path
        rf"(?<![\w/])[\w.-]+(?:/[\w-]+)*\.(?:{SUFFIXES})\b",  # a file
        r"(?<!\w)[@#]\w+",  # a person, a topic
    )
)
CODE = "|".join(
    (
        r"`[^`]+`",
        r"[A-Za-z_]\w*(?:(?:::|\.|->)\w+)*\((?:[^()\w]*|[^()]*[^()\w ,][^()]*)\)",  # a call
        r"\w+(?:::|->)\w+|[A-Za-z]\w*_\w+",
        r"[=!<>]=|[-=]>|&&|\|\||<<|>>",
    )
)
EMOJI = (
    r"[\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\U0001f000-\U0001faff]"
    r"[\ufe0e\ufe0f\u200d\u20e3]*"
)
"""Emoji, arrows and signs with what joins or varies them: no language has other ones."""

KEPT = re.compile(f"{ADDRESS}|{NAMES}|{CODE}|{EMOJI}")
IS_CODE = re.compile(CODE)
LONG_WORD = re.compile(r"[^\W\d_]{2,}")

NUMBER = re.compile(
    r"\b[^\W\d_]+-?\d\w*(?:[.-]\w+)*"  # a name with a number, such as COVID-19
    r"|[$€£¥]?\s?[-−+]?(?<!\w)\d+(?:[.,:/'’ \u00a0\u202f-]?\d+)*[^\W\d_]*"
    r"(?:\s?(?:[%‰€£¥$]|°[CF]?\b))?"
)
SIGN = re.compile(r"[%‰€£¥$°<>|\\{}\[\]~^*_#@=+]")
LEADING = re.compile(r"[\s,;:.!?)\]}»”、。，；：！？）]*")
TRAILING = re.compile(r"[\s(\[{«“（]*\Z")
UNSPACED_SCRIPTS = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff]"
)
WORD = re.compile(r"\S+")

Span = tuple[int, int]
IsUnknown = Callable[[str], bool]


def around_kept(sentence: str, is_unknown: IsUnknown | None) -> list[Piece]:
    """Split a sentence into what is translated and what stays as it is; joined, they equal it.

    is_unknown: whether the model cannot read some text; None: it reads all of the sentence. A
    sentence that is a formula, or code for the most part, stays as it is.

    >>> [piece.text for piece in around_kept("Hi {name} 🙂 see www.a.org.", None)]
    ['Hi', ' {name} 🙂 ', 'see', ' www.a.org.']
    """
    spans = [match.span() for match in KEPT.finditer(sentence)]
    if is_unknown is not None:
        spans = _joined([*spans, *_unknown(sentence, is_unknown)])
    pieces = split_around(sentence, spans)
    words = sum(len(LONG_WORD.findall(piece.text)) for piece in pieces if piece.is_sentence)
    is_code = len(IS_CODE.findall(sentence)) > words or _is_formula(sentence)
    return [Piece(sentence, False)] if is_code else pieces


def _is_formula(text: str) -> bool:
    """True for letters with digits or signs and without a word, such as `x² + y² = 1`."""
    has_words = any(map(str.isalpha, LONG_WORD.findall(text))) or UNSPACED_SCRIPTS.search(text)
    return not has_words and re.search(r"[\d²³=+*<>^]", text) is not None


def _joined(spans: list[Span]) -> list[Span]:
    """Spans in order, with those that overlap made one."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _unknown(text: str, is_unknown: IsUnknown) -> list[Span]:
    """The characters that a model cannot read; of a word of letters, the whole word."""
    spans: list[Span] = []
    for word in WORD.finditer(text):
        if not is_unknown(word[0]):
            continue
        unread = [m.start() for m in re.finditer(r"\S", word[0]) if is_unknown(m[0])]
        letters = [at for at in unread if word[0][at].isalpha()]
        if not unread or any(not UNSPACED_SCRIPTS.match(word[0][at]) for at in letters):
            stripped = re.search(r"\w.*\w|\w", word[0])
            inner = stripped.span() if stripped else (0, len(word[0]))
            spans.append((word.start() + inner[0], word.start() + inner[1]))
        spans += [(word.start() + at, word.start() + at + 1) for at in unread]
    return spans


def split_around(text: str, spans: list[Span]) -> list[Piece]:
    """The pieces of a text, where what lies in `spans`, with the marks around it, is kept."""
    pieces: list[Piece] = []
    kept, start = "", 0
    for first, last in [*spans, (len(text), len(text))]:
        between = text[start:first]
        lead = LEADING.match(between) if start else None
        begin = lead.end() if lead else 0
        trail = TRAILING.search(between, begin) if first < len(text) else None
        end = trail.start() if trail else len(between)
        words = between[begin:end]
        if any(map(str.isalpha, words)):
            pieces += [Piece(kept + between[:begin], False), Piece(words, True, bool(spans))]
            kept = between[end:]
        else:
            kept += between
        kept += text[first:last]
        start = last
    return [piece for piece in (*pieces, Piece(kept, False)) if piece.text]


def numbers(text: str) -> list[Span]:
    """Where a text has numbers in digits, with the signs of money, per cent and degrees."""
    return [match.span() for match in NUMBER.finditer(text)]


def exact_parts(text: str) -> list[Span]:
    """Where a text has numbers, and signs such as < and [, which no language changes."""
    signs = [match.span() for match in SIGN.finditer(text)]
    return _joined([*numbers(text), *signs])


def has_all_exact(text: str, translation: str) -> bool:
    """True if a translation has the numbers and signs of a text, in any order.

    >>> has_all_exact("He paid $1,250.50.", "Il a payé 1 250,50 $.")
    True
    >>> has_all_exact("in 1984", "en 1933")
    False
    """
    wanted, there = (Counter(_digits(each)) for each in (text, translation))
    return not wanted - there


def with_number(text: str, translation: str) -> str | None:
    """A translation with the number of the text in place of its own; None if that is not enough.

    It is if either has one number, and the translation then has all signs.

    >>> with_number("I was born in 1984.", "Je suis né en 1933.")
    'Je suis né en 1984.'
    """
    own, other = numbers(text), numbers(translation)
    if len(own) != 1 or len(other) != 1:
        return None
    (start, end), number = other[0], text[slice(*own[0])].strip()
    space = " " * (len(translation[start:end]) - len(translation[start:end].lstrip()))
    made = f"{translation[:start]}{space}{number}{translation[end:]}"
    return made if has_all_exact(text, made) else None


def _digits(text: str) -> list[str]:
    """Numbers without what separates their digits, and signs."""
    joined = re.sub(r"(?<=\d)[.,:/'’\s-](?=\d)", "", text)
    return [*re.findall(r"\d+", joined), *SIGN.findall(text)]
