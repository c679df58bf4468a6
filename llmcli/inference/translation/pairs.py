"""Which language pairs a model translates, by its files, and how it gets from one to the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmcli.errors import ModelUnsuitable
from llmcli.inference.translation.directions import (
    T5,
    Direction,
    find_direction,
    language_tag,
    language_tokens,
)
from llmcli.inference.translation.languages import base
from llmcli.inference.translation.variants import Variant, variant_of

PIVOT = "en"
Pairs = frozenset[tuple[str, str]]
"""Language pairs, source first, as `base` gives the languages."""


@dataclass(frozen=True, slots=True)
class Route:
    """How texts get into the target language: in one step, or through English in two."""

    direction: Direction
    """The only step, or the last."""
    first: Direction | None = None
    """The step into English, for the sources that need it; None if there are none."""
    through_english: Mapping[str, bool] = field(default_factory=dict)
    """The languages that can be read, and whether they go through English; empty: unknown."""
    variant: Variant = Variant()
    """The form of the target language that was asked for, such as traditional characters."""
    notes: tuple[str, ...] = ()
    """What the user should know of the pair."""


def known_pairs(tokenizer: Any, config: Any) -> Pairs | None:
    """The language pairs that the files of a checkpoint name; None if they do not say.

    config: its `translation_pairs`, which llmcli writes, or T5's `task_specific_params`, is read.
    """
    own = getattr(config, "translation_pairs", None)
    if own:
        return frozenset((base(source), base(target)) for source, target in own)
    if hasattr(tokenizer, "supported_language_codes"):
        source = language_tag(tokenizer.source_lang)
        codes = [code.strip("<>") for code in tokenizer.supported_language_codes]
        targets = codes or [language_tag(tokenizer.target_lang)]
        if source is None or None in targets:
            return None
        pairs = frozenset((base(source), base(str(target))) for target in targets)
        return None if (base(source),) * 2 in pairs else pairs  # it reads its target languages, too
    return None


def route(
    name: str, tokenizer: Any, configs: Sequence[Any], source: str | None, target: str | None
) -> Route:
    """The way from a source to a target language, given as tags or None, with a model.

    name: the model's. configs: its configuration, and that of generation if there is one.
    Raises ModelUnsuitable for a pair that the model does not translate, UsageError where it needs a
    language that is not given.
    """
    config = configs[0]
    _check_fixed_target(name, tokenizer, configs, target)
    direction = find_direction(name, tokenizer, config, source, target)
    pairs = known_pairs(tokenizer, config)
    if pairs is None or direction.target is None:
        reads = {} if source is None else {base(source): False}
        first = None
    else:
        reads = _sources(pairs, base(direction.target))
        if source is not None and base(source) not in reads:
            raise ModelUnsuitable(_not_among(name, pairs, source, direction.target))
        if source is not None:
            reads = {base(source): reads[base(source)]}
        first = None
        if any(reads.values()):
            first = find_direction(name, tokenizer, config, source, PIVOT)
    written = direction.target_code or direction.target
    variant = Variant() if target is None or written is None else variant_of(name, target, written)
    return Route(
        direction, first, reads, variant, (*variant.notes, *_notes(name, config, direction))
    )


def _sources(pairs: Pairs, target: str) -> dict[str, bool]:
    """The languages from which a target is reached, and whether that goes through English."""
    direct = {source for source, other in pairs if other == target}
    reads = dict.fromkeys(sorted(direct), False)
    if PIVOT in direct:
        into_english = {source for source, other in pairs if other == PIVOT}
        reads.update(dict.fromkeys(sorted(into_english - direct - {target}), True))
    return reads


def _not_among(name: str, pairs: Pairs, source: str, target: str) -> str:
    into = sorted({other for _, other in pairs})
    known = ", ".join(
        f"{' or '.join(sorted(s for s, other in pairs if other == one))} to {one}" for one in into
    )
    return f"{name} translates from {known}: not from {source} to {target}; name another `model`"


def _check_fixed_target(
    name: str, tokenizer: Any, configs: Sequence[Any], target: str | None
) -> None:
    """Raise ModelUnsuitable where a multilingual checkpoint always writes another language.

    Its configuration then forces that language's token as the first one.
    """
    of_id = {token_id: code for code, token_id in language_tokens(tokenizer).items()}
    for setting in ("forced_bos_token_id", "decoder_start_token_id"):
        forced = [getattr(config, setting, None) for config in configs]
        codes = [of_id[token_id] for token_id in forced if token_id in of_id]
        if codes and target is not None and base(codes[0]) != base(target):
            raise ModelUnsuitable(
                f"{name} translates into {codes[0]} alone, by the {setting} in its files: not into "
                f"{target}"
            )


def _notes(name: str, config: Any, direction: Direction) -> list[str]:
    """What the files of a T5 say about a pair that it was not trained on."""
    if config.model_type not in T5 or direction.source is None or direction.target is None:
        return []
    tasks = getattr(config, "task_specific_params", None) or {}
    pairs = [task.split("_")[1::2] for task in tasks if task.startswith("translation_")]
    wanted = [base(direction.source), base(direction.target)]
    if not pairs or wanted in pairs:
        return []
    known = ", ".join(f"{source} to {target}" for source, target in pairs)
    return [
        f"{name} was trained to translate {known}, by its config.json: "
        f"{wanted[0]} to {wanted[1]} may come out in another language"
    ]
