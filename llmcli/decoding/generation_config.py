"""What a checkpoint's generation config forces and forbids while its decoder generates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from llmcli.errors import ModelUnsuitable

if TYPE_CHECKING:
    from torch import Tensor

EXCLUDED = float("-inf")
"""The logit of a token that cannot be chosen."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Settings of generation_config.json, with the meanings that they have in transformers."""

    banned: tuple[tuple[int, ...], ...] = ()
    """Token sequences that are never generated (bad_words_ids, suppress_tokens)."""
    banned_first: tuple[int, ...] = ()
    """Tokens that are never the first one (begin_suppress_tokens)."""
    forced_first: int | None = None
    """The first token, such as the target language of NLLB (forced_bos_token_id)."""
    forced_last: int | None = None
    """The token at the last position that is allowed (forced_eos_token_id)."""
    min_new_tokens: int = 0
    renormalize: bool = False
    """After all of this, make the probabilities add up to 1 again."""
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

        histories: B lists, what the decoder started from and generated. length: number of new
        tokens, this one included. last: whether it is the last that a row allows. ends:
        end-of-text tokens.
        """
        for sequence in self.banned:
            _ban(logits, histories, sequence)
        if length <= self.min_new_tokens:
            logits[:, sorted(ends)] = EXCLUDED
        if self.forced_first is not None and length == 1:
            _force(logits, self.forced_first, [True] * len(logits))
        if self.forced_last is not None:
            _force(logits, self.forced_last, last)
        if self.banned_first and length == 1:
            logits[:, list(self.banned_first)] = EXCLUDED
        if not self.renormalize:
            return logits
        all_excluded = logits.amax(-1) == EXCLUDED
        logprobs = logits.log_softmax(-1)
        logprobs[all_excluded] = EXCLUDED
        return logprobs


NO_RULES = Rules()
"""Those of a config that says nothing."""


def read_rules(config: Any, *, start: int, **changes: Any) -> Rules:
    """The rules in a model's generation config.

    start: number of tokens that the decoder starts from. changes: fields that the caller knows
    better; None keeps that of the config. Raises ModelUnsuitable for a setting that is not
    supported and would change the text.
    """
    for name in UNSUPPORTED:
        if getattr(config, name, None) not in (None, 0, 1.0, False, []):
            raise ModelUnsuitable(
                f"the generation config of this model sets {name}, which is not supported"
            )
    words = [tuple(word) for word in config.bad_words_ids or []]
    words += [(token,) for token in config.suppress_tokens or []]
    fields: dict[str, Any] = {
        "banned": tuple(words),
        "banned_first": tuple(config.begin_suppress_tokens or []),
        "forced_first": config.forced_bos_token_id,
        "forced_last": _first(config.forced_eos_token_id),
        "min_new_tokens": max((config.min_length or 0) - start, config.min_new_tokens or 0),
        "renormalize": bool(config.renormalize_logits),
        "length_penalty": 1.0 if config.length_penalty is None else config.length_penalty,
        "early_stopping": config.early_stopping or False,
    }
    fields |= {name: value for name, value in changes.items() if value is not None}
    return Rules(**fields)


UNSUPPORTED = (
    *("encoder_repetition_penalty", "encoder_no_repeat_ngram_size", "sequence_bias"),
    *("exponential_decay_length_penalty", "num_beam_groups", "diversity_penalty"),
)


def _first(value: int | list[int] | None) -> int | None:
    return value[0] if isinstance(value, list) else value


def _ban(logits: "Tensor", histories: Sequence[Sequence[int]], sequence: tuple[int, ...]) -> None:
    """Exclude the last token of a sequence in rows that end with the tokens before it."""
    before, banned = list(sequence[:-1]), sequence[-1]
    rows = [
        row
        for row, history in enumerate(histories)
        if not before or list(history[-len(before) :]) == before
    ]
    logits[rows, banned] = EXCLUDED


def _force(logits: "Tensor", token: int, rows: Sequence[bool]) -> None:
    """Exclude all other tokens in the rows that are True; the score of this one becomes 0."""
    for row, is_forced in enumerate(rows):
        if is_forced:
            logits[row] = EXCLUDED
            logits[row, token] = 0.0
