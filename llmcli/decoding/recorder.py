"""Records how the logits of one step become the distribution that a token is taken from."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from llmcli.decoding.generation_config import EXCLUDED
from llmcli.decoding.traces import TraceCandidate, TraceRemoval, TraceRest, TraceStep

SAMPLING = ("top_h", "top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff")
"""The filters, which come after the temperature."""
NEVER = -1  # no setting has excluded a token
BY_MODEL = "model"


class Recorder:
    """Follows the scores of some rows through one step. It changes none of them.

    In a beam search, scores are log-probabilities that penalties leave without a sum of 1, and the
    probabilities after them have none here either.
    """

    def __init__(self, logits: Tensor, count: int, scores: Tensor | None = None) -> None:
        """logits: (B, V), the model's own. count: how many candidates of each row are shown.

        scores: (B, V), what the settings of a beam search change.
        """
        self._logits, self._count, self._are_beams = logits, count, scores is not None
        self._raw = logits.double().softmax(-1)  # (B, V)
        self._names = [BY_MODEL]
        self._removed = torch.full_like(logits, NEVER, dtype=torch.int16)  # (B, V), into names
        self._removed[logits == EXCLUDED] = 0
        self._changes: list[tuple[str, Tensor]] = []
        self._removals: list[list[TraceRemoval]] = [[] for _ in logits]
        self._penalized = self._tempered = self._final = self._raw
        self._last = logits if scores is None else scores
        self.uniforms: Sequence[float] = ()
        """With sampling: the random number of each row."""

    def watch(self, name: str, scores: Tensor) -> None:
        """Record the scores (B, V) after a setting."""
        before, is_gone = self._last, scores == EXCLUDED
        was_gone = before == EXCLUDED
        new = is_gone & ~was_gone
        if new.any():
            self._removed[new] = len(self._names)
            self._names.append(name)
            self._count_removals(name, new, before)
        self._removed[was_gone & ~is_gone] = NEVER  # a forced token
        is_scale = name in (*SAMPLING, "temperature", "renormalize_logits")
        if not is_scale:
            self._changes.append((name, (scores != before) & ~is_gone))
        self._last = scores.clone()  # the next setting may write into them
        self._final = self._probabilities(scores)
        if name not in SAMPLING:
            self._tempered = self._final
            if name != "temperature":
                self._penalized = self._final

    def _probabilities(self, scores: Tensor) -> Tensor:
        if self._are_beams:
            return scores.double().exp()
        return scores.double().softmax(-1).nan_to_num(0.0)  # all tokens may be excluded

    def _count_removals(self, name: str, new: Tensor, before: Tensor) -> None:
        masses = (before.double().softmax(-1) * new).sum(-1).tolist()
        for removals, count, mass in zip(self._removals, new.sum(-1).tolist(), masses, strict=True):
            if count:
                removals.append(TraceRemoval(name, count, mass))

    def score(self, at: int, token: int) -> float:
        """The score of a token of a row after all settings so far."""
        score: float = self._last[at, token].item()
        return score

    def step(self, at: int, token: int) -> TraceStep:
        """The step of a row, in which a token was taken. Its tokens have no names yet."""
        final = self._final[at]
        ranks = {each: rank for rank, each in enumerate(self._likeliest(at), start=1)}
        ranks.setdefault(token, _rank(self._logits[at], token))
        candidates = tuple(self._candidates(at, ranks))
        return TraceStep(
            "",
            token,
            ranks[token],
            _rank(final, token),
            _entropy(self._raw[at]),
            _entropy(final / final.sum() if self._are_beams else final),
            int((final > 0).sum()),
            candidates,
            self._rest(at, list(ranks)),
            tuple(self._removals[at]),
            self.uniforms[at] if self.uniforms else None,
            self._interval(at, token) if self.uniforms else None,
        )

    def _likeliest(self, at: int) -> list[int]:
        """The likeliest tokens of a row, best first; of equals, those with the lowest ids."""
        logits = self._logits[at]
        count = min(self._count, len(logits))
        least = logits.topk(count).values[-1]
        ids = (logits >= least).nonzero()[:, 0]  # ascending
        order = logits[ids].sort(descending=True, stable=True).indices
        kept: list[int] = ids[order][:count].tolist()
        return kept

    def _candidates(self, at: int, ranks: Mapping[int, int]) -> Iterator[TraceCandidate]:
        """The tokens of a row whose ranks are given."""
        ids = torch.tensor(list(ranks), device=self._logits.device)
        parts = (self._logits, self._raw, self._penalized, self._tempered, self._final)
        columns = [part[at, ids].tolist() for part in (*parts, self._removed)]
        changes = [(name, changed[at, ids].tolist()) for name, changed in self._changes]
        for place, (token, rank) in enumerate(ranks.items()):
            logit, raw, penalized, tempered, final, removed = (column[place] for column in columns)
            yield TraceCandidate(
                "",
                token,
                rank,
                None if logit == EXCLUDED else logit,
                raw,
                penalized,
                tempered,
                final,
                None if removed == NEVER else self._names[removed],
                tuple(name for name, changed in changes if changed[place]),
            )

    def _rest(self, at: int, shown: list[int]) -> TraceRest:
        is_rest = torch.ones_like(self._logits[at], dtype=torch.bool)
        is_rest[shown] = False
        parts = (self._raw, self._penalized, self._tempered, self._final)
        sums = [part[at][is_rest].sum().item() for part in parts]
        return TraceRest(len(is_rest) - len(shown), *sums)

    def _interval(self, at: int, token: int) -> tuple[float, float]:
        """The part of the numbers from 0 to 1 that gives a token, as `sampling.draw` divides it."""
        cumulative = self._final[at].cumsum(-1)
        whole = cumulative[-1]
        low = cumulative[token - 1] if token else whole * 0
        return (low / whole).item(), (cumulative[token] / whole).item()


def _rank(values: Tensor, token: int) -> int:
    """The place of a token among values (V,), from 1; of equals, the lower id comes first."""
    own = values[token]
    return int((values > own).sum() + (values[:token] == own).sum()) + 1


def _entropy(probabilities: Tensor) -> float:
    """-sum p ln p of (V,), in nats; 0 where nothing is possible."""
    entropy: float = torch.special.entr(probabilities).sum().nan_to_num(0.0).item()
    return entropy
