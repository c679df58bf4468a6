"""Drafts from the text itself: what followed the last tokens where they occurred before.

Source: Saxena 2023, "Prompt Lookup Decoding".
"""

from collections.abc import Sequence

LONGEST_NGRAM = 3  # length of the n-grams that are looked up
LONGEST_MATCH = 8  # tokens that are counted, at most


class PromptLookup:
    """Drafts what followed the last occurrence of the same n-gram in the text.

    While its drafts are right, it goes on at the place where they come from. The index of n-grams
    grows with the text: no call looks at more than the tokens that are new.
    """

    def __init__(self) -> None:
        self._after: dict[tuple[int, ...], int] = {}  # n-gram: position after its last occurrence
        self._known = 0  # tokens of the text at the last call
        self._source: int | None = None
        """The position that the last call drafted from."""
        self.matched = 0
        """Tokens before the last draft that also come before its source, 8 at most."""

    def draft(self, ids: Sequence[int], most: int) -> list[int]:
        """What followed the last 3 tokens, else 2, else 1; a repetition is continued.

        ids: a text that only grows at its end from call to call.

        >>> PromptLookup().draft([7, 8, 9, 5, 7, 8], most=3)
        [9, 5, 7]
        >>> PromptLookup().draft([7, 8, 9], most=3)
        []
        """
        source, grown = self._source, len(ids) - self._known
        self._learn(ids)
        if source is None or not self._goes_on(ids, source, grown):
            source = self._look_up(ids)
        else:
            source += grown
        self._source = source
        if source is None:
            return []
        period = len(ids) - source
        return [ids[source + at % period] for at in range(most)]

    def _learn(self, ids: Sequence[int]) -> None:
        """Enter the n-grams that are followed by a token that is new."""
        for at in range(max(1, self._known), len(ids)):
            for size in range(1, min(LONGEST_NGRAM, at) + 1):
                self._after[tuple(ids[at - size : at])] = at
        self._known = len(ids)

    def _goes_on(self, ids: Sequence[int], source: int, grown: int) -> bool:
        """True if the text has gone on as at its source, for as long as the n-grams are at least.

        Adds the new tokens to those that match.
        """
        start = len(ids) - grown
        if any(ids[start + at] != ids[source + at] for at in range(grown)):
            return False
        self.matched = min(LONGEST_MATCH, self.matched + grown)
        return self.matched >= LONGEST_NGRAM

    def _look_up(self, ids: Sequence[int]) -> int | None:
        """The position after the last occurrence of the last n-gram; counts what matches."""
        self.matched = 0
        for size in range(min(LONGEST_NGRAM, len(ids)), 0, -1):
            source = self._after.get(tuple(ids[-size:]))
            if source is not None:
                most = min(LONGEST_MATCH, source)
                while size < most and ids[source - 1 - size] == ids[-1 - size]:
                    size += 1
                self.matched = size
                return source
        return None
