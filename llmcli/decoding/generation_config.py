"""What a checkpoint's own generation settings force and forbid while its decoder writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from llmcli.errors import ModelUnsuitable

if TYPE_CHECKING:
    from torch import Tensor

GONE = float("-inf")


@dataclass(frozen=True, slots=True)
class Rules:
    """Settings of generation_config.json, by the names and with the meanings of transformers."""

    banned: tuple[tuple[int, ...], ...] = ()
    """Token sequences that never come (bad_words_ids, suppress_tokens)."""
    banned_first: tuple[int, ...] = ()
    forced_first: int | None = None
    """The one token to begin with, such as the target language of NLLB."""
    forced_last: int | None = None
    """The one token in the last place that is allowed."""
    min_new_tokens: int = 0
    renormalize: bool = False
    """Make probabilities add up to 1 again after all of this."""
    length_penalty: float = 1.0
    """Beam scores are divided by the number of new tokens to this power."""
    early_stopping: bool | Literal["never"] = False

    def apply(
        self,
        logits: "Tensor",
        histories: Sequence[Sequence[int]],
        *,
        length: int,
        last: Sequence[bool],
        ends: frozenset[int],
    ) -> "Tensor":
        """Change logits or log-probabilities (B, V) of the next token, in place.

        histories: B lists, what the decoder began with and wrote. length: new tokens, this one
        included. last: whether no more may follow in a row. ends: end-of-text tokens.
        """
        for sequence in self.banned:
            _ban(logits, histories, sequence)
        if length <= self.min_new_tokens:
            logits[:, sorted(ends)] = GONE
        if self.forced_first is not None and length == 1:
            _force(logits, self.forced_first, [True] * len(logits))
        if self.forced_last is not None:
            _force(logits, self.forced_last, last)
        if self.banned_first and length == 1:
            logits[:, list(self.banned_first)] = GONE
        if not self.renormalize:
            return logits
        nothing_left = logits.amax(-1) == GONE
        found = logits.log_softmax(-1)
        found[nothing_left] = GONE
        return found


FREE = Rules()


def read_rules(config: Any, *, start: int, **changes: Any) -> Rules:
    """The rules of a model's generation settings. start: tokens that its decoder begins with.

    changes: fields that are known better. Raises ModelUnsuitable for a setting that is not
    known here, which would change what is written.
    """
    for name in UNKNOWN:
        if getattr(config, name, None) not in (None, 0, 1.0, False, []):
            raise ModelUnsuitable(
                f"the generation settings of this model ask for {name}: not known"
            )
    words = [tuple(word) for word in config.bad_words_ids or []]
    words += [(token,) for token in config.suppress_tokens or []]
    least = max((config.min_length or 0) - start, config.min_new_tokens or 0)
    own: dict[str, Any] = {
        "banned": tuple(words),
        "banned_first": tuple(config.begin_suppress_tokens or []),
        "forced_first": config.forced_bos_token_id,
        "forced_last": _one(config.forced_eos_token_id),
        "min_new_tokens": least,
        "renormalize": bool(config.renormalize_logits),
        "length_penalty": 1.0 if config.length_penalty is None else config.length_penalty,
        "early_stopping": config.early_stopping or False,
    }
    return Rules(**{**own, **{key: value for key, value in changes.items() if value is not None}})


UNKNOWN = (
    *("encoder_repetition_penalty", "encoder_no_repeat_ngram_size", "sequence_bias"),
    *("exponential_decay_length_penalty", "num_beam_groups", "diversity_penalty"),
)


def _one(value: int | list[int] | None) -> int | None:
    return value[0] if isinstance(value, list) else value


def _ban(logits: "Tensor", histories: Sequence[Sequence[int]], sequence: tuple[int, ...]) -> None:
    before, banned = list(sequence[:-1]), sequence[-1]
    rows = [
        at
        for at, history in enumerate(histories)
        if not before or list(history[-len(before) :]) == before
    ]
    logits[rows, banned] = GONE


def _force(logits: "Tensor", token: int, rows: Sequence[bool]) -> None:
    """Leave one token in the rows that are named, and it for certain: its score is 0."""
    for at, named in enumerate(rows):
        if named:
            logits[at] = GONE
            logits[at, token] = 0.0
