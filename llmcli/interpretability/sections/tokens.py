"""Tokens with their surprisal, and the likeliest ones in the place of each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from llmcli.arrays import Doubles, Integers
from llmcli.decoding.text_config import text_setting
from llmcli.inference.words import running_words, words_of_tokens
from llmcli.interpretability.sections import SectionResult
from llmcli.interpretability.study import Study
from llmcli.spec.explain import ExplainOptions

LIKELY = 10
MOST_MASKED = 128  # tokens of a text each of which is masked in a pass of its own
LOGITS = 1 << 25  # numbers that one batch of such passes computes at most

NO_TOKENS = "it predicts labels or places, not tokens, so tokens have no surprisal"
TOO_MANY = "each token is predicted while it is in view: the text is too long to mask each in turn"

Condition = Literal["next", "masked", "seen"]
"""What the model sees when it predicts a token: all before it; all others; all, itself included."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """How a model predicts each of N tokens under one condition.

    A token that it does not predict has no surprisal (NaN) and the rank 0.
    """

    name: Condition
    surprisal: Doubles
    """(N,) -ln p of each token, in nats."""
    ranks: Integers
    """(N,) 1 for the most probable token."""
    entropy: Doubles
    """(N,) of the distribution that the token is drawn from, in nats."""
    likely_ids: Integers
    """(N, K) the most probable tokens in its place; -1 where there are none."""
    likely_probabilities: Doubles
    """(N, K) their probabilities."""
    likely_names: tuple[tuple[str, ...], ...]
    """Their readable names; an empty tuple where there are none."""
    total: float
    """The sum of the surprisals."""
    count: int
    """The number of tokens that have one."""


@dataclass(frozen=True, slots=True)
class WordTokens:
    """A word, and the tokens that begin in it."""

    text: str
    first: int
    end: int
    """One past its last token."""
    nats: float
    """The sum of their surprisals; NaN if none has one."""


@dataclass(frozen=True, slots=True)
class Tokens(SectionResult):
    """The tokens of a text, or of a target, under a model that predicts tokens."""

    tokens: tuple[str, ...]
    """Readable names. Of a target, the end token that follows it is included."""
    ids: Integers = field(metadata={"pack": "int32"})
    """(N,) their ids."""
    predictions: tuple[Prediction, ...]
    """One, or of a masked model two: each token masked, and in view."""
    words: tuple[WordTokens, ...]
    """Sums of the first prediction."""


def reason_against(study: Study) -> str | None:
    """Surprisal needs a model that predicts tokens."""
    return None if study.predicts_tokens else NO_TOKENS


def build(study: Study, options: ExplainOptions) -> Tokens:
    """Compute the surprisal of each token."""
    ids, names = list(study.side.ids), [token.name for token in study.side.tokens]
    following = study.reading.following
    if study.kind == "seq2seq" and following[-1] is not None:
        ids.append(following[-1])
        names.append(study.name(following[-1]))
    notes: tuple[str, ...] = ()
    if study.kind == "masked":
        predictions = tuple(_masked_predictions(study))
        notes = () if len(predictions) > 1 else (TOO_MANY,)
    else:
        predictions = (_next_prediction(study, ids),)
    words = tuple(_words(study, names, predictions[0].surprisal))
    return Tokens(tuple(names), np.array(ids), predictions, words, notes=notes)


def _next_prediction(study: Study, ids: Sequence[int]) -> Prediction:
    """Each token given those before it: row t of the logits predicts token t + 1."""
    following = study.reading.following
    places = [at + 1 for at, token in enumerate(following) if token is not None]
    rows = study.logits[[at - 1 for at in places]]
    return _prediction(study, "next", ids, places, rows)


def _masked_predictions(study: Study) -> Iterator[Prediction]:
    ids, content = study.side.ids, list(study.reading.content)
    mask = study.loaded.tokenizer.mask_token_id
    if mask is not None and len(content) <= MOST_MASKED:
        yield _prediction(study, "masked", ids, content, _logits_when_masked(study, content, mask))
    yield _prediction(study, "seen", ids, content, study.logits[content])


def _logits_when_masked(study: Study, places: Sequence[int], mask: int) -> Tensor:
    """Logits (N, V) at each place in a pass in which it alone is masked."""
    rows: list[Tensor] = []
    length = len(study.side.ids)
    size = max(1, LOGITS // (length * (text_setting(study.loaded.config, "vocab_size") or 1)))
    for first in range(0, len(places), size):
        part = torch.tensor(places[first : first + size], device=study.network.device)
        inputs = {
            name: value.repeat(len(part), 1) for name, value in study.inputs.items()
        }  # (B, T)
        batch = torch.arange(len(part), device=part.device)
        inputs["input_ids"][batch, part] = mask
        rows.append(study.run(inputs).logits[batch, part].float())  # (B, V)
    return torch.cat(rows)


def _prediction(
    study: Study, name: Condition, ids: Sequence[int], places: Sequence[int], logits: Tensor
) -> Prediction:
    """logits: (P, V), the predictions of the tokens at P places. A mask has no surprisal."""
    count, mask = len(ids), study.loaded.tokenizer.mask_token_id
    logprobs = logits.log_softmax(-1)  # (P, V)
    best = logprobs.topk(min(LIKELY, logprobs.shape[-1]))  # (P, K)
    own = logprobs[torch.arange(len(places)), [ids[at] for at in places]]  # (P,)
    ranks = (logprobs > own[:, None]).sum(-1) + 1
    terms = torch.where(logprobs.isneginf(), torch.zeros_like(logprobs), logprobs.exp() * logprobs)
    known = [at for at, place in enumerate(places) if name == "next" or ids[place] != mask]
    scored = [places[at] for at in known]

    def spread(values: Tensor, chosen: Sequence[int], empty: float) -> Doubles:
        whole = np.full((count, *values.shape[1:]), empty, np.float64)
        whole[chosen] = values.double().cpu().numpy()
        return whole

    likely_ids = spread(best.indices, places, -1).astype(np.int64)
    surprisal = spread(-own[known], scored, np.nan)
    return Prediction(
        name,
        surprisal,
        spread(ranks[known], scored, 0).astype(np.int64),
        spread(-terms.sum(-1), places, np.nan),
        likely_ids,
        spread(best.values.exp(), places, 0),
        tuple(tuple(study.names([id for id in row if id >= 0])) for row in likely_ids.tolist()),
        float(np.nansum(surprisal)),
        len(scored),
    )


def _words(study: Study, names: Sequence[str], surprisal: Doubles) -> Iterator[WordTokens]:
    """The words of the text, each with the tokens that begin in it."""
    tokens, content = study.side.tokens, study.reading.content
    if any(tokens[at].start is None for at in content):  # a target: its tokens, read one by one
        ends = np.cumsum([len(names[at]) for at in content]).tolist()
        text = "".join(names[at] for at in content)
        offsets = list(zip([0, *ends], ends, strict=False))
    else:
        text = study.side.text
        offsets = [(tokens[at].start or 0, tokens[at].end or 0) for at in content]
    words = running_words(text)
    numbers = words_of_tokens(words, offsets)
    pairs = [(at, -1 - at if n is None else n) for at, n in zip(content, numbers, strict=True)]
    for number, group in groupby(pairs, key=lambda pair: pair[1]):
        places = [at for at, _ in group]
        nats = surprisal[places]
        total = float("nan") if np.isnan(nats).all() else float(np.nansum(nats))
        shown = words[number] if number >= 0 else "".join(names[at] for at in places)
        yield WordTokens(shown, places[0], places[-1] + 1, total)
