"""When drafts pay: how long passes over several tokens take here, and how often drafts are right.

A model's `Pace` is kept as long as the model: what one text has shown is known for the next.
"""

from collections import deque
from statistics import median

DRAFTS = (1, 2, 3, 5, 8, 12, 19)  # tokens
LONGEST_DRAFT = DRAFTS[-1]
TRIED = 3  # tokens of the draft by which passes over several tokens are tried
LIKELY = 0.5  # least share of right tokens with which they are tried: all of its time is lost
FEWEST = 3  # passes over one token, before any over several
RECENT = 9  # passes of each length whose median counts
EXTRA = 0.1  # of a pass over one token, for each further one, where that is not measured yet
LEAST_GAIN = 1.05  # a draft must make tokens so many times as fast, as is expected
SHARES = (0.0, 0.1, 0.2, 0.4, 0.6, 0.6, 0.6, 0.6, 0.8)
"""Right tokens of drafts, by the number of tokens that match before them, before any is seen."""
WEIGHT = 0.1  # of a token in that share, which forgets what was long ago
ROUNDING = 8  # times the largest difference that was seen between a pass over one token and several
LARGEST = 1e-3  # such difference, relative to the logits: more is not rounding


class Pace:
    """What is known of one model on this machine. Threads may share it."""

    def __init__(self, *, is_exact: bool = True) -> None:
        """is_exact: the model computes in float32, so that plain decoding can be reproduced."""
        self._seconds: dict[int, deque[float]] = {}
        self._shares = list(SHARES)
        self.is_exact = is_exact
        self.tolerance: float | None = None if is_exact else 0.0
        """Logits of passes over several tokens may differ by it; None: not tried yet."""
        self.is_off = False
        """Passes over several tokens give other logits: no drafts."""

    def took(self, tokens: int, seconds: float) -> None:
        """A pass over so many tokens took so long."""
        self._seconds.setdefault(tokens, deque(maxlen=RECENT)).append(seconds)

    def seconds(self, tokens: int) -> float:
        """The time of a pass; 0 before one was measured over one token."""
        if tokens in self._seconds:
            return median(self._seconds[tokens])
        single = median(self._seconds[1]) if 1 in self._seconds else 0.0
        return single * (1 + EXTRA * (tokens - 1))

    def saw(self, matched: int, right: int, wrong: int) -> None:
        """Of a draft after so many tokens that match, so many were right, and 0 or 1 was wrong."""
        share = self._shares[matched]
        for outcome in [1.0] * right + [0.0] * wrong:
            share += WEIGHT * (outcome - share)
        self._shares[matched] = share

    def differed(self, difference: float, largest: float) -> None:
        """The same logits, of that absolute value at most, came out of two passes so different."""
        self.is_off |= not difference <= LARGEST * largest
        self.tolerance = max(self.tolerance or 0.0, ROUNDING * difference)

    def draft(self, matched: int, most: int, allowed: float) -> int:
        """The number of tokens to draft: that which makes tokens fastest, as is expected.

        matched: tokens before the draft that match. allowed: seconds that may be lost if all of
        the draft is wrong.
        """
        single = self.seconds(1)
        if self.is_off or len(self._seconds.get(1, ())) < FEWEST:
            return 0
        best, best_rate = 0, LEAST_GAIN / single
        for count in DRAFTS:
            cost = self.seconds(1 + count)
            if count > most or cost - single > allowed:
                continue
            rate = _expected(self._shares[matched], count) / cost
            if rate > best_rate:
                best, best_rate = count, rate
        if best and self.tolerance is None:
            is_likely = self._shares[matched] >= LIKELY and self.seconds(1 + TRIED) <= allowed
            return min(TRIED, most) if is_likely else 0
        return best


def _expected(share: float, count: int) -> float:
    """Tokens that a pass yields with a draft: 1, and those before the first wrong one.

    Source: Leviathan et al. 2023, equation 1.
    """
    return sum(share**at for at in range(count + 1))
