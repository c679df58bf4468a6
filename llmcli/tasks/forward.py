"""One forward pass, as the article has it: logits, argmax, decode."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from llmcli.arrays import require_choice
from llmcli.data.results import Result
from llmcli.data.rows import Failure, Row, failed
from llmcli.engines.base import Loaded
from llmcli.engines.pytorch import loading
from llmcli.errors import InputError, LlmcliError
from llmcli.inference.loading import AnyModel, load_part
from llmcli.inference.unknown import with_unknown
from llmcli.models.architectures import Kind
from llmcli.models.starters import GENERATE, Note, ignore
from llmcli.spec import ModelSpec
from llmcli.tokenization.text_stream import token_namer
from llmcli.tokenization.typed_text import encode_text


@dataclass(frozen=True, slots=True)
class Prediction:
    """A possible token with its probability."""

    token: str
    """Readable, as the token of a position."""
    id: int
    """Its id in the vocabulary."""
    probability: float
    """Softmax of the logits."""


@dataclass(frozen=True, slots=True)
class Position:
    """What the model predicts at one position of the text."""

    position: int
    """Its index, from 0."""
    token: str
    """The token at this position, readable: bytes of an incomplete character in hexadecimal."""
    id: int
    """Its id in the vocabulary."""
    best: tuple[Prediction, ...]
    """The `top` most probable tokens: the next one (causal), or the one at this position."""
    rank: int | None
    """Rank of the actual token among all tokens, from 1; None where none follows."""
    nats: float | None
    """Surprisal of the actual token: -log p; None where `rank` is."""


@dataclass(frozen=True, slots=True)
class Forward(Result):
    """One forward pass over a text."""

    text: str
    """The text, as it was given."""
    kind: Kind
    """Causal: it predicts the next token. Masked: it predicts each token itself."""
    positions: tuple[Position, ...]
    """A position for each token of the text, special tokens included."""
    predicted_text: str
    """The decoded argmax of the logits: of a causal model without the last position."""
    next_token: str | None
    """The argmax at the last position: the token after the whole text, readable. None of a masked
    model."""
    mean_nats: float | None
    """Mean surprisal of the tokens; None if there is none to predict. A masked model sees the
    token that it predicts, so that this is no cross-entropy of the text."""
    perplexity: float | None
    """exp of `mean_nats`; None of a masked model."""


def load(model: AnyModel, *, note: Note = ignore) -> Loaded:
    """Load a causal or a masked language model, on torch.

    model: None, or one without a name, takes the default. note: receives a line if so.
    Raises ModelNotFound, ModelUnsuitable.
    """

    def load_network(spec: ModelSpec) -> Loaded:
        return loading.load(spec, ("causal", "masked"))

    return load_part(model, GENERATE, "forward", load_network, note)


def forward(loaded: Loaded, rows: Iterable[Row], *, top: int = 1) -> Iterator[Forward | Failure]:
    """Run the model once over each text and describe each position, `top` tokens at each.

    A row without a token, or with more than the model takes, comes as a Failure in its place.
    """
    return with_unknown(_results(loaded, rows, top), loaded.tokenizer)


def _results(loaded: Loaded, rows: Iterable[Row], top: int) -> Iterator[Forward | Failure]:
    for row in rows:
        if row.error is not None:
            yield failed(row)
            continue
        try:
            yield _forward_one(loaded, row, top)
        except LlmcliError as error:
            yield Failure(row, error)


def _forward_one(loaded: Loaded, row: Row, top: int) -> Forward:
    ids = torch.tensor([_encode(loaded, row.text)])  # (1, T)
    logits = torch.from_numpy(loaded.engine.forward({"input_ids": ids.numpy()}).logits)  # (1, T, V)
    require_choice(logits)
    predicted_ids = logits.argmax(-1)  # (1, T)
    causal = loaded.kind == "causal"
    shown = predicted_ids[:, :-1] if causal else predicted_ids
    positions = _positions(loaded, ids[0], logits[0], top, shift=int(causal))
    known = [position.nats for position in positions if position.nats is not None]
    mean = sum(known) / len(known) if known else None
    return Forward(
        row=row,
        text=row.text,
        kind=loaded.kind,
        positions=positions,
        predicted_text=loaded.tokenizer.decode(shown[0]),
        next_token=positions[-1].best[0].token if causal else None,
        mean_nats=mean,
        perplexity=math.exp(min(mean, 700.0)) if causal and mean is not None else None,
    )


def _encode(loaded: Loaded, text: str) -> list[int]:
    ids = encode_text(loaded.tokenizer, text)
    if not ids:
        raise InputError("the text is empty: there is no token to look at")
    if loaded.context and len(ids) > loaded.context:
        raise InputError(
            f"the text has {len(ids)} tokens, {loaded.checkpoint.model_id} takes {loaded.context}: "
            "shorten it"
        )
    return ids


def _positions(
    loaded: Loaded, ids: Tensor, logits: Tensor, top: int, shift: int
) -> tuple[Position, ...]:
    """ids (T,), logits (T, V); shift: 1 where position t predicts token t + 1."""
    best = logits.softmax(-1).topk(min(top, logits.shape[-1]))  # (T, N)
    ranks, nats = ranks_and_nats(logits[: len(ids) - shift], ids[shift:])
    name = token_namer(loaded.tokenizer)
    return tuple(
        Position(
            position=at,
            token=name(token),
            id=token,
            best=tuple(
                Prediction(name(candidate), candidate, probability)
                for candidate, probability in zip(
                    best.indices[at].tolist(), best.values[at].tolist(), strict=True
                )
            ),
            rank=ranks[at] if at < len(ranks) else None,
            nats=nats[at] if at < len(nats) else None,
        )
        for at, token in enumerate(ids.tolist())
    )


def ranks_and_nats(logits: Tensor, came: Tensor) -> tuple[list[int], list[float]]:
    """Rank from 1 and surprisal in nats of each token that came.

    logits (T, V) float32, came (T,). The rank is one more than the number of tokens that
    the model held likelier. Surprisal: -log p (Shannon 1948).
    """
    at = came[:, None]  # (T, 1)
    ranks = (logits > logits.gather(-1, at)).sum(-1) + 1
    nats = -logits.log_softmax(-1).gather(-1, at)[:, 0]
    return ranks.tolist(), nats.tolist()
