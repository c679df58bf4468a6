"""The distribution of the next token, with all that temperature and the filters need.

Sliders of a page apply temperature, top-k, top-p and min-p to it as decoding/sampling.py does. At
one position the whole vocabulary is kept, elsewhere the likeliest tokens and what the rest amounts
to at each temperature.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from llmcli.arrays import Doubles, Floats, Integers, softmax
from llmcli.interpretability.checks import SelfCheck, largest_difference
from llmcli.interpretability.page_data import packed, packed_size
from llmcli.interpretability.sections import SectionResult
from llmcli.interpretability.study import Study
from llmcli.spec.explain import ExplainOptions

CANDIDATES = 1000
NAMED = 30  # tokens with a name at each position; at the main one all candidates
TEMPERATURES = tuple(round(0.05 * step, 2) for step in range(41))
"""The steps of the slider: 0 (greedy) to 2."""
LOWEST = 1e-6  # in place of a temperature of 0, as in decoding/sampling.py
HALF = 60_000  # entries of a vocabulary above which a page has logits in half precision

NO_NEXT = "it predicts tokens that are masked, or none: nothing is drawn from its distribution"


@dataclass(frozen=True, slots=True)
class NextWord(SectionResult):
    """What follows each of T positions, as logits less the greatest one of the position."""

    position: int
    """The position whose logits are kept for the whole vocabulary."""
    logits: Floats
    """(V,) at this position, less the greatest."""
    greatest: Doubles
    """(T,) the greatest logit at each position, as the model computed it."""
    ids: Integers
    """(T, K) the likeliest tokens after each position, in order."""
    top_logits: Floats
    """(T, K) their logits, less the greatest."""
    rest: Floats
    """(T, 41) ln of the sum of exp(logit / temperature) over all other tokens."""
    temperatures: tuple[float, ...]
    """The 41 temperatures of `rest`."""
    names: dict[int, str]
    """Readable names of the tokens that may be shown."""

    def probabilities(self, temperature: float) -> Floats:
        """(V,) of the next token after the main position, at a temperature above 0."""
        return softmax(self.logits / temperature)

    def count_of_top_p(self, share: float) -> int:
        """How many tokens top-p keeps there, at temperature 1: the fewest with this share."""
        falling = -np.sort(-self.probabilities(1.0).astype(np.float64))
        return int((falling.cumsum() < share).sum()) + 1


def reason_against(study: Study) -> str | None:
    """Only a model that writes token by token has a next word."""
    return None if study.kind in ("causal", "seq2seq") else NO_NEXT


def build(study: Study, options: ExplainOptions) -> NextWord:
    """Sort the logits at each position."""
    logits = study.logits  # (T, V)
    greatest = logits.amax(-1)
    best = logits.topk(min(CANDIDATES, logits.shape[-1]))  # (T, K)
    top = best.values - greatest[:, None]
    rest = torch.stack(
        [_rest(row, ids) for row, ids in zip(logits, best.indices, strict=True)]
    )  # (T, 41)
    ids = best.indices.cpu().numpy()
    shown = {*ids[study.position].tolist(), *ids[:, :NAMED].flatten().tolist()}
    whole = (logits[study.position] - greatest[study.position]).cpu().numpy()
    return NextWord(
        study.position,
        whole,
        greatest.double().cpu().numpy(),
        ids,
        top.cpu().numpy(),
        rest.cpu().numpy(),
        TEMPERATURES,
        {token: study.name(token) for token in sorted(shown)},
        checks=(_check(whole, ids[study.position], rest[study.position].cpu().numpy()),),
    )


def _rest(row: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """ln sum exp(logit / temperature) of the tokens (V,) that are not among `ids`, less the
    greatest; -inf where there are none."""
    others = (row - row.amax()).double()
    others[ids] = -torch.inf
    return torch.stack(
        [(others / max(each, LOWEST)).logsumexp(-1) for each in TEMPERATURES]
    ).float()


def _check(logits: Floats, ids: Integers, rest: Floats) -> SelfCheck:
    """The candidates and the rest add up to the whole distribution, at temperature 1."""
    whole = np.exp(logits.astype(np.float64))
    parts = whole[ids].sum() + np.exp(np.float64(rest[TEMPERATURES.index(1.0)]))
    return SelfCheck("next-word.mass", largest_difference(parts / whole.sum(), 1.0), 1e-5)


def page_data(result: NextWord, most: int) -> dict[str, Any]:
    """What the page draws, in about `most` bytes: fewer candidates per position if need be."""
    precision: Any = "float16" if len(result.logits) > HALF else "float32"
    data = {
        "position": result.position,
        "logits": packed(result.logits, precision),
        "greatest": packed(result.greatest),
        "temperatures": list(result.temperatures),
        "names": {str(token): name for token, name in result.names.items()},
        "is_half": precision == "float16",
        "notes": list(result.notes),
    }
    used = packed_size(data)
    count = result.ids.shape[-1]
    while True:
        candidates = _candidates(result, count)
        if used + packed_size(candidates) <= most or count <= NAMED:
            return {**data, **candidates}
        count = max(NAMED, count * 3 // 4)


def _candidates(result: NextWord, count: int) -> dict[str, Any]:
    """The first `count` candidates of each position; the others join the rest."""
    steps = np.maximum(result.temperatures, LOWEST)
    others = result.top_logits[:, count:, None].astype(np.float64) / steps  # (T, n, 41)
    rest = np.logaddexp(result.rest, np.logaddexp.reduce(others, 1, initial=-np.inf))
    return {
        "ids": packed(result.ids[:, :count]),
        "top_logits": packed(result.top_logits[:, :count], "float16"),
        "rest": packed(rest),
    }
