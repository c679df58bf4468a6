"""What tags say: where an entity begins and ends, in BIO, BIOES, BILOU, BMES and bare tags."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from llmcli.errors import InputError

OUTSIDE = "O"
"""The tag of a word that belongs to no entity."""
_PREFIXES = {
    **{"B": "B", "I": "I", "M": "I"},
    **{"E": "E", "L": "E"},
    **{"S": "S", "U": "S", "W": "S"},
}
"""Begin, inside, end and single as BIOES has them; those of BILOU, BMES and BMEWO mean the same."""
_LETTERS = "".join(_PREFIXES)
_BEFORE = re.compile(rf"([{_LETTERS}])(?:[-_](.+))?")
_AFTER = re.compile(rf"(.+)[-_]([{_LETTERS}])")


@dataclass(frozen=True, slots=True)
class Scheme:
    """How the tags of a model, or of a file, mark entities."""

    name: Literal["BIO", "BIOES", "IO", "tags", "mixed"]
    """BIO: an entity ends where another begins, or at O. BIOES: its end is marked too. IO: bare
    types, of which equal neighbors are one entity. tags: no tag is O, so each word has one of its
    own, such as a part of speech. mixed: BIO beside bare types."""
    is_suffix: bool = False
    """The letter comes last, as in PER-B."""

    def parts(self, tag: str) -> tuple[str, str]:
        """The letter B, I, E, S or O, and the type of the entity.

        >>> Scheme("BIOES").parts("U-PER"), Scheme("IO").parts("PER"), Scheme("BIO").parts("O")
        (('S', 'PER'), ('I', 'PER'), ('O', ''))
        """
        if tag == OUTSIDE and self.name != "tags":
            return "O", ""
        if self.name == "tags":
            return "S", tag
        if self.name == "IO" or (self.name == "mixed" and tag[:2] not in ("B-", "I-")):
            return "I", tag
        match = (_AFTER if self.is_suffix else _BEFORE).fullmatch(tag)
        if match is None:  # a tag that was not there when the scheme was read
            return "I", tag
        letter, kind = (match[2], match[1]) if self.is_suffix else (match[1], match[2] or "")
        return _PREFIXES[letter], kind

    @property
    def marks_entities(self) -> bool:
        """False where each word has a tag of its own."""
        return self.name != "tags"


def scheme_of(tags: Collection[str]) -> Scheme:
    """The scheme of the tags of a model, which may be of several.

    >>> scheme_of({"O", "B-PER", "I-PER"}).name, scheme_of({"O", "PER"}).name
    ('BIO', 'IO')
    """
    marked = set(tags) - {OUTSIDE}
    for pattern, is_suffix in ((_BEFORE, False), (_AFTER, True)):
        matches = [pattern.fullmatch(tag) for tag in marked]
        letters = {match[2 if is_suffix else 1] for match in matches if match is not None}
        if marked and None not in matches:
            return Scheme("BIO" if letters <= {"B", "I"} else "BIOES", is_suffix)
    if any(tag[:2] in ("B-", "I-") for tag in marked):
        return Scheme("mixed")
    return Scheme("IO" if OUTSIDE in tags or not marked else "tags")


def require_scheme(tags: Collection[str]) -> Scheme:
    """The scheme of the tags of a file. Raises InputError for tags of several schemes."""
    scheme = scheme_of(tags)
    if scheme.name == "mixed":
        marked = sorted(tag for tag in tags if tag[:2] in ("B-", "I-"))
        bare = sorted(set(tags) - {OUTSIDE} - set(marked))
        raise InputError(
            f"the tags are of several schemes, {marked[0]!r} beside {bare[0]!r}: write all of them "
            "as BIO, BIOES, BILOU, or as bare types with O"
        )
    return scheme


def entity_spans(tags: Sequence[str], scheme: Scheme) -> list[tuple[str, int, int]]:
    """The entities of a sequence of tags: type, first item, and the item after the last one.

    A tag that continues or ends no entity of its type begins one, as in conlleval and seqeval.

    >>> entity_spans(["B-PER", "I-PER", "O", "I-LOC", "B-LOC"], Scheme("BIO"))
    [('PER', 0, 2), ('LOC', 3, 4), ('LOC', 4, 5)]
    >>> entity_spans(["B-PER", "E-PER", "E-PER", "S-LOC"], Scheme("BIOES"))
    [('PER', 0, 2), ('PER', 2, 3), ('LOC', 3, 4)]

    Source: Tjong Kim Sang and De Meulder 2003, "CoNLL-2003 shared task".
    """
    spans: list[tuple[str, int, int]] = []
    open_type: str | None = None
    start = 0
    for at, tag in enumerate([*tags, OUTSIDE]):
        letter, kind = ("O", "") if at == len(tags) else scheme.parts(tag)
        begins = letter in "BS" or (letter in "IE" and open_type != kind)
        if open_type is not None and (letter == "O" or begins):
            spans.append((open_type, start, at))
            open_type = None
        if begins:
            open_type, start = kind, at
        if open_type is not None and letter in "ES":
            spans.append((open_type, start, at + 1))
            open_type = None
    return spans
