"""What a checkpoint's generation config asks for while its decoder generates."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from llmcli.spec import Decoding

EXCLUDED = float("-inf")
"""The logit of a token that cannot be chosen."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Settings of generation_config.json, with the meanings that they have in transformers.

    `Decoding` has those that a user can set, too.
    """

    biases: tuple[tuple[tuple[int, ...], float], ...] = ()
    """Added to the score of a sequence's last token after the others of it (sequence_bias)."""
    encoder_repetition_penalty: float = 1.0
    """Above 1: tokens of the source are more likely."""
    encoder_no_repeat_ngram_size: int = 0
    """No so many tokens in a row of the source are generated."""
    banned: tuple[tuple[int, ...], ...] = ()
    """Token sequences that are never generated (bad_words_ids)."""
    min_length: int = 0
    """No end before so many tokens, the prompt or what the decoder starts from included."""
    min_new_tokens: int = 0
    forced_first: int | None = None
    """The second token after a single one, such as the target language of NLLB
    (forced_bos_token_id)."""
    forced_last: tuple[int, ...] = ()
    """The tokens of which one is last where the limit is reached (forced_eos_token_id)."""
    decay: tuple[int, float] | None = None
    """After so many new tokens an end becomes more likely, by this factor for each token
    (exponential_decay_length_penalty)."""
    suppressed: tuple[int, ...] = ()
    """Tokens that are never generated, not even where they are forced (suppress_tokens)."""
    banned_first: tuple[int, ...] = ()
    """Tokens that are never the first one (begin_suppress_tokens)."""
    renormalize: bool = False
    """After all of this, make the probabilities add up to 1 again."""
    length_penalty: float = 1.0
    """Beam scores are divided by the number of new tokens to this power."""
    early_stopping: bool | Literal["never"] = False
    top_h: float | None = None
    """When sampling: keep the likeliest tokens that hold this share of the entropy."""
    typical_p: float | None = None
    """When sampling: keep the tokens whose surprisal is nearest to the entropy."""
    epsilon_cutoff: float = 0.0
    """When sampling: leave out tokens that are less probable than this."""
    eta_cutoff: float = 0.0
    """When sampling: the same, where the entropy is high less."""

    @property
    def excluded(self) -> tuple[tuple[int, ...], ...]:
        """All sequences that are never generated."""
        return (*self.banned, *((token,) for token in self.suppressed))


NO_RULES = Rules()
"""Those of a config that says nothing."""


def read_rules(config: Any, ends: frozenset[int] = frozenset(), **changes: Any) -> Rules:
    """The rules in a model's generation config.

    ends: end-of-text tokens. changes: fields that the caller knows better; None keeps that of the
    config.
    """

    def own(name: str, default: Any) -> Any:
        value = getattr(config, name, None)
        return default if value is None else value

    words = [tuple(word) for word in own("bad_words_ids", ())]
    new = getattr(config, "min_new_tokens", None)
    decay = own("exponential_decay_length_penalty", None)
    fields: dict[str, Any] = {
        "biases": _biases(own("sequence_bias", ())),
        "encoder_repetition_penalty": own("encoder_repetition_penalty", 1.0),
        "encoder_no_repeat_ngram_size": own("encoder_no_repeat_ngram_size", 0),
        "banned": tuple(word for word in words if len(word) > 1 or word[0] not in ends),
        "min_length": own("min_length", 0) if new is None else 0,
        "min_new_tokens": new or 0,
        "forced_first": own("forced_bos_token_id", None),
        "forced_last": _several(own("forced_eos_token_id", ())),
        "decay": None if decay is None else (int(decay[0]), float(decay[1])),
        "suppressed": tuple(own("suppress_tokens", ())),
        "banned_first": tuple(own("begin_suppress_tokens", ())),
        "renormalize": own("renormalize_logits", False) is True,
        "length_penalty": own("length_penalty", 1.0),
        "early_stopping": own("early_stopping", False),
        "top_h": own("top_h", None),
        "typical_p": own("typical_p", None),
        "epsilon_cutoff": own("epsilon_cutoff", 0.0),
        "eta_cutoff": own("eta_cutoff", 0.0),
    }
    fields |= {name: value for name, value in changes.items() if value is not None}
    return Rules(**fields)


def with_config(options: Decoding, config: Any) -> Decoding:
    """The settings with those of a generation config where they leave the choice to the model.

    Sampling is turned on by the options alone; the config then sets what they leave open. Beams
    of the config are not searched for a text that is sampled.
    """

    def own(name: str) -> Any:
        return getattr(config, name, None)

    stop = own("stop_strings") or ()
    beams = 1 if options.samples or options.logprobs or options.assist else own("num_beams")
    changes: dict[str, Any] = {
        "num_beams": beams or 1,
        "repetition_penalty": own("repetition_penalty") or 1.0,
        "no_repeat_ngram_size": own("no_repeat_ngram_size") or 0,
    }
    if options.samples:
        changes |= {name: own(name) or None for name in ("temperature", "top_k", "top_p", "min_p")}
    open_ = {name: value for name, value in changes.items() if getattr(options, name) is None}
    options = replace(options, **open_)
    if stop and not options.stop and options.beams == 1:
        options = replace(options, stop=(stop,) if isinstance(stop, str) else tuple(stop))
    return options


def _biases(biases: Any) -> tuple[tuple[tuple[int, ...], float], ...]:
    """Sequences with their biases, from a list of pairs or a mapping."""
    pairs = biases.items() if isinstance(biases, dict) else biases
    last = {tuple(sequence): float(bias) for sequence, bias in pairs}
    return tuple(last.items())


def _several(value: int | Sequence[int]) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(value)
