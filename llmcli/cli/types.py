"""What an option may hold: numbers in a range, texts, lists of words."""

import math
from typing import Any

import click

from llmcli.data.text_files import is_unicode

POSITIVE = click.IntRange(min=1)


class Real(click.FloatRange):
    """A number in a range, and a finite one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value} is not a finite number", param, ctx)
        return found

    def _describe_range(self) -> str:
        return "" if self.min is self.max is None else super()._describe_range()


class Text(click.ParamType):  # type: ignore[type-arg]  # generic in new releases alone
    """A text for a model: UTF-8, as a tokenizer needs it."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not is_unicode(value):
            self.fail(f"{value!r} is not valid UTF-8", param, ctx)
        return value


class CommaList(Text):
    """Different texts, with commas between them."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        found = tuple(one.strip() for one in super().convert(value, param, ctx).split(","))
        if "" in found or len(set(found)) < len(found):
            self.fail(f"{value!r}: give different words, with commas between them", param, ctx)
        return found


class BatchSize(click.IntRange):
    """A positive number, or auto."""

    def __init__(self) -> None:
        super().__init__(min=1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return None if value == "auto" else super().convert(value, param, ctx)


TEXT = Text()
FRACTION = Real(0, 1, min_open=True)
