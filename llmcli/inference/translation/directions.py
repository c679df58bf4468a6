"""How each family of translation models is given the source and the target language."""

import re
from dataclasses import dataclass
from typing import Any

from llmcli.errors import ModelUnsuitable, UsageError
from llmcli.inference.translation.languages import base, closest, english_name
from llmcli.models.starters import TRANSLATE, DefaultModel

NLLB_CODE = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}")  # eng_Latn
T5 = ("t5", "mt5", "umt5", "longt5", "switch_transformers")


@dataclass(frozen=True, slots=True)
class Direction:
    """From which language to which, as a model takes it."""

    source: str | None
    """A language tag; None where it is not known."""
    target: str | None
    prefix: str = ""
    """Goes before each sentence."""
    source_code: str | None = None
    """The source language as the tokenizer takes it, in its `src_lang`."""
    forced_first: int | None = None
    """The first token that every translation must have."""
    start: int | None = None
    """The token that the decoder begins with, where it is the language's."""


def find_direction(
    name: str, tokenizer: Any, config: Any, source: str | None, target: str | None
) -> Direction:
    """Work out how a model translates from one language to another, given by their tags.

    config: the model's, for its `model_type` and `task_specific_params`.

    Raises ModelUnsuitable where the model does not know one of them, UsageError where it knows
    several and none was named.
    """
    codes = language_tokens(tokenizer)
    if hasattr(tokenizer, "supported_language_codes"):
        return _marian(name, tokenizer, source, target)
    if codes:
        return _multilingual(name, tokenizer, codes, source, target)
    if config.model_type in T5:
        return _t5(name, config, source, target)
    return Direction(source, target)


def language_tokens(tokenizer: Any) -> dict[str, int]:
    """The codes of the languages that a multilingual tokenizer knows, and their tokens."""
    known: dict[str, int] | None = getattr(tokenizer, "lang_code_to_id", None)
    if known is not None:
        return known
    if not hasattr(tokenizer, "src_lang"):
        return {}
    added: dict[str, int] = tokenizer.get_added_vocab()
    return {token: id for token, id in added.items() if NLLB_CODE.fullmatch(token)}


def _marian(name: str, tokenizer: Any, source: str | None, target: str | None) -> Direction:
    codes = {token.strip("<>"): token for token in tokenizer.supported_language_codes}
    if codes:
        code = _required(name, "`to_lang`", target, codes)
        return Direction(source, target, prefix=f"{codes[code]} ")
    from_, to = _tag(tokenizer.source_lang), _tag(tokenizer.target_lang)
    for told, own in ((source, from_), (target, to)):
        if told is not None and own is not None and closest(told, [own]) is None:
            raise ModelUnsuitable(f"{name} translates from {from_} to {to}: not from or to {told}")
    return Direction(source or from_, target or to)


def _tag(code: str | None) -> str | None:
    """A language code of a Marian tokenizer, unless it stands for a group of languages."""
    return code if code is not None and re.fullmatch("[a-z]{2,3}", code) else None


def _multilingual(
    name: str, tokenizer: Any, codes: dict[str, int], source: str | None, target: str | None
) -> Direction:
    source_code = _required(name, "`from_lang`", source, codes)
    target_code = _required(name, "`to_lang`", target, codes)
    token = codes[target_code]
    if type(tokenizer).__name__.startswith("MBartTokenizer"):  # of the first mBART
        return Direction(source, target, source_code=source_code, start=token)
    return Direction(source, target, source_code=source_code, forced_first=token)


def _required(name: str, setting: str, tag: str | None, codes: dict[str, Any]) -> str:
    if tag is None:
        raise UsageError(f"{name} knows {len(codes)} languages: name one by {setting}")
    code = closest(tag, codes)
    if code is None:
        known = ", ".join(sorted(codes)[:12])
        raise ModelUnsuitable(f"{name} does not know {tag}; it knows {known} ...")
    return code


def _t5(name: str, config: Any, source: str | None, target: str | None) -> Direction:
    """Source: Raffel et al. 2020, appendix D: the task is named before the text."""
    if source is None or target is None:
        raise UsageError(
            f"{name} needs the languages in words: name them by `from_lang` and `to_lang`"
        )
    tasks = getattr(config, "task_specific_params", None) or {}
    own = tasks.get(f"translation_{base(source)}_to_{base(target)}", {})
    prefix = own.get("prefix")
    if prefix is None:
        prefix = f"translate {english_name(source)} to {english_name(target)}: "
    return Direction(source, target, prefix=prefix)


# Where the name of the model is not made of the two codes.
NAMES = {
    ("en", "ja"): "en-jap",
    ("en", "ko"): "tc-big-en-ko",
    ("en", "pt"): "tc-big-en-pt",
    ("pt", "en"): "ROMANCE-en",
    ("en", "fil"): "en-tl",
    ("fil", "en"): "tl-en",
}


def model_for(source: str, target: str) -> str:
    """The hub's model for two languages, by their tags.

    >>> model_for("en", "fra")
    'Helsinki-NLP/opus-mt-en-fr'
    """
    pair = (base(source), base(target))
    return f"Helsinki-NLP/opus-mt-{NAMES.get(pair, '-'.join(pair))}"


# What the starter translates, by target; None: the source is not named.
STARTER_SOURCES: dict[str, tuple[str | None, ...]] = {
    "en": ("fr", "zh", None),
    "fr": ("en", None),
    "zh": ("en", None),
}


def default_model(source: str | None, target: str | None) -> DefaultModel:
    """The model for two languages, by their tags: the starter where it knows them, else the hub's.

    Raises UsageError where a language is not named and the starter does not do without.

    >>> default_model("en", "zh-Hans").model_id, default_model("en", "de").model_id
    ('marian-en-fr-zh', 'Helsinki-NLP/opus-mt-en-de')
    """
    if target is not None:
        own = None if source is None else base(source)
        if own in STARTER_SOURCES.get(base(target), ()):
            return TRANSLATE
    if source is None or target is None:
        raise UsageError(
            "name the languages, as in `from_lang`=en `to_lang`=fr, or a model with `model`"
        )
    return DefaultModel(model_for(source, target))
