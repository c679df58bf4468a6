"""How a script tells a translator the languages."""

from types import SimpleNamespace
from typing import Any

from llmcli.errors import UsageError
from llmcli.inference.translation.directions import Direction
from llmcli.inference.translation.pairs import PIVOT, route
from llmcli.models.architectures import choose_kind
from llmcli.spec import ModelSpec
from llmcli.tasks.show_code.load import local_config


def local_direction(
    model: ModelSpec, from_lang: str | None, to_lang: str | None
) -> tuple[Any, Direction]:
    """The tokenizer, and the direction in the form that the model takes.

    For a model that is not on this machine, the tokenizer is None. from_lang, to_lang: tags.
    Raises UsageError for a pair that takes two steps.
    """
    config = local_config(model)
    if config is None:
        return None, Direction(from_lang, to_lang)
    choose_kind(model.model_id, config, ("seq2seq",))
    from llmcli.engines.pytorch.loading import load_tokenizer

    tokenizer = load_tokenizer(model)
    way = route(model.model_id, tokenizer, (SimpleNamespace(**config),), from_lang, to_lang)
    if any(way.through_english.values()) and from_lang is not None:
        raise UsageError(
            f"{from_lang} to {to_lang} takes two steps: show the code of `to_lang`={PIVOT}, then "
            f"of `from_lang`={PIVOT}"
        )
    return tokenizer, way.direction


def source_language_line(direction: Direction) -> str:
    """The line that sets the source language of the tokenizer, if it takes one."""
    if direction.source_code is None:
        return ""
    return f"\ntokenizer.src_lang = {direction.source_code!r}"
