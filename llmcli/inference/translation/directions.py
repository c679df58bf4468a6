"""How each family of translation models takes the source and the target language."""

import re
from dataclasses import dataclass
from typing import Any

from langcodes import tag_is_valid

from llmcli.errors import ModelUnsuitable, UsageError
from llmcli.inference.translation.languages import base, closest, english_name
from llmcli.models.starters import TRANSLATE, DefaultModel

NLLB_CODE = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}")  # eng_Latn
T5 = ("t5", "mt5", "umt5", "longt5", "switch_transformers")


@dataclass(frozen=True, slots=True)
class Direction:
    """A source and a target language, in the form that a model takes."""

    source: str | None
    """A language tag; None if unknown."""
    target: str | None
    """A language tag; None if unknown."""
    prefix: str = ""
    """Text that is put before each sentence."""
    source_code: str | None = None
    """The value of the tokenizer's `src_lang`."""
    forced_first: int | None = None
    """The token that is forced as the first of every translation."""
    start: int | None = None
    """The decoder start token, if it selects the target language."""
    target_code: str | None = None
    """The model's own name of the target language, such as `zho_Hans`; None if it has none."""


def find_direction(
    name: str, tokenizer: Any, config: Any, source: str | None, target: str | None
) -> Direction:
    """Work out how to request a translation direction from a model.

    name: the model's name, for messages. config: its configuration, read for `model_type` and
    `task_specific_params`. source, target: language tags, or None if not given.

    Raises ModelUnsuitable if the model does not support a language, UsageError if it supports
    several and none was given.
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
    """The language codes of a multilingual tokenizer with their token ids; empty for others."""
    codes: dict[str, int] | None = getattr(tokenizer, "lang_code_to_id", None)
    if codes is not None:
        return codes
    if not hasattr(tokenizer, "src_lang"):
        return {}
    added: dict[str, int] = tokenizer.get_added_vocab()
    return {token: id for token, id in added.items() if NLLB_CODE.fullmatch(token)}


def _marian(name: str, tokenizer: Any, source: str | None, target: str | None) -> Direction:
    codes = {token.strip("<>"): token for token in tokenizer.supported_language_codes}
    if codes:
        code = _required_code(name, "`to_lang`", target, codes)
        return Direction(source, target, prefix=f"{codes[code]} ", target_code=code)
    only_source = language_tag(tokenizer.source_lang)
    only_target = language_tag(tokenizer.target_lang)
    for tag, supported in ((source, only_source), (target, only_target)):
        if tag is not None and supported is not None and closest(tag, [supported]) is None:
            raise ModelUnsuitable(
                f"{name} translates from {only_source} to {only_target}: not from or to {tag}"
            )
    return Direction(source or only_source, target or only_target)


def language_tag(code: str | None) -> str | None:
    """The language of a Marian tokenizer's code; None for a group, such as `ROMANCE`, or `mul`."""
    if code is None or not re.fullmatch("[a-z]{2,3}", code) or not tag_is_valid(code):
        return None
    return None if english_name(code).endswith("languages") else code


def _multilingual(
    name: str, tokenizer: Any, codes: dict[str, int], source: str | None, target: str | None
) -> Direction:
    source_code = _required_code(name, "`from_lang`", source, codes)
    target_code = _required_code(name, "`to_lang`", target, codes)
    token = codes[target_code]
    if type(tokenizer).__name__.startswith("MBartTokenizer"):  # the original mBART, not mBART-50
        return Direction(
            source, target, source_code=source_code, start=token, target_code=target_code
        )
    return Direction(
        source, target, source_code=source_code, forced_first=token, target_code=target_code
    )


def _required_code(name: str, setting: str, tag: str | None, codes: dict[str, Any]) -> str:
    """The model's code for a language that it must be given."""
    if tag is None:
        raise UsageError(f"{name} knows {len(codes)} languages: choose one with {setting}")
    code = closest(tag, codes)
    if code is None:
        known = ", ".join(sorted(codes)[:12])
        raise ModelUnsuitable(f"{name} does not know {tag}; it knows {known} ...")
    return code


def _t5(name: str, config: Any, source: str | None, target: str | None) -> Direction:
    """T5 takes the task as a prefix of the text. Source: Raffel et al. 2020, appendix D."""
    if source is None or target is None:
        raise UsageError(
            f"{name} needs the languages in words: give them with `from_lang` and `to_lang`"
        )
    tasks = getattr(config, "task_specific_params", None) or {}
    task = tasks.get(f"translation_{base(source)}_to_{base(target)}", {})
    prefix = task.get("prefix")
    if prefix is None:
        prefix = f"translate {english_name(source)} to {english_name(target)}: "
    return Direction(source, target, prefix=prefix)


# Language pairs of opus-mt models whose name does not consist of the two codes.
PAIR_NAMES = {
    ("en", "ja"): "en-jap",
    ("en", "ko"): "tc-big-en-ko",
    ("en", "pt"): "tc-big-en-pt",
    ("pt", "en"): "ROMANCE-en",
    ("en", "fil"): "en-tl",
    ("fil", "en"): "tl-en",
}


def model_for(source: str, target: str) -> str:
    """The opus-mt model on the hub for a source and a target language tag.

    >>> model_for("en", "fra")
    'Helsinki-NLP/opus-mt-en-fr'
    """
    pair = (base(source), base(target))
    return f"Helsinki-NLP/opus-mt-{PAIR_NAMES.get(pair, '-'.join(pair))}"


# Source languages of the starter model by target language, those that go through English as well;
# None: the source is not given.
STARTER_SOURCES: dict[str, tuple[str | None, ...]] = {
    "en": ("fr", "zh", None),
    "fr": ("en", "zh", None),
    "zh": ("en", "fr", None),
}


def default_model(source: str | None, target: str | None) -> DefaultModel:
    """The default model for two language tags: the starter if it supports them, else opus-mt.

    Raises UsageError if a language is missing that is needed to choose the model.

    >>> default_model("en", "zh-Hans").model_id, default_model("en", "de").model_id
    ('marian-en-fr-zh', 'Helsinki-NLP/opus-mt-en-de')
    """
    if target is not None:
        source_language = None if source is None else base(source)
        if source_language in STARTER_SOURCES.get(base(target), ()):
            return TRANSLATE
    if source is None or target is None:
        raise UsageError(
            "name the languages, as in `from_lang`=en `to_lang`=fr, or a model with `model`"
        )
    return DefaultModel(model_for(source, target))
