"""Types of option values: numbers in a range, texts, lists of words."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from llmcli.data.text_files import is_unicode


class Real(click.FloatRange):
    """A finite number in a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number", param, ctx)
        return number

    def _describe_range(self) -> str:
        return "" if self.min is self.max is None else super()._describe_range()


class OrOff(click.ParamType):  # type: ignore[type-arg]  # generic in new releases alone
    """A number in a range, or a value by which other programs switch a setting off."""

    def __init__(self, number: click.IntRange | click.FloatRange, off: tuple[int, ...]) -> None:
        """off: values that are passed on, for the settings to understand them as off."""
        self.number, self.off, self.name = number, off, number.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            if float(value) in self.off:
                return int(float(value))
        except ValueError:
            pass  # the range says what is wrong
        return self.number.convert(value, param, ctx)


class Positive(click.IntRange):
    """A number from 1 on. 0 and -1, which switch a setting off in other programs, get a hint."""

    def __init__(self) -> None:
        super().__init__(min=1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if str(value) in ("0", "-1"):
            self.fail(f"{value} is not in the range x>=1; leave the option out for its default")
        return super().convert(value, param, ctx)


class Text(click.ParamType):  # type: ignore[type-arg]  # generic in new releases alone
    """A text for a model: UTF-8, as a tokenizer needs it."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not is_unicode(value):
            self.fail(f"{value!r} is not valid UTF-8", param, ctx)
        return value


class InputPath(click.ParamType):  # type: ignore[type-arg]  # generic in new releases alone
    """The path of a file or folder that the command reads; a model may have a name instead."""

    name = "file"


class OutputPath(click.ParamType):  # type: ignore[type-arg]  # generic in new releases alone
    """The path of a file or folder that the command writes."""

    name = "file"


class CommaList(Text):
    """Different texts, separated by commas."""

    def split_envvar_value(self, rv: str) -> list[str]:
        """Keep the blanks in the value of an environment variable."""
        return [rv]

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):  # the items of a list in a file
            return value
        words = tuple(word.strip() for word in super().convert(value, param, ctx).split(","))
        if "" in words or len(set(words)) < len(words):
            self.fail(f"{value!r}: give different words, separated by commas", param, ctx)
        return words


def comma_list(
    name: str,
    *more: str,
    metavar: str,
    help: str,
    then: Callable[[tuple[str, ...]], Any] = tuple,
) -> Any:
    """An option with different texts, separated by commas; those of several such options add up.

    then: makes the option's value of all texts; it may raise click.BadParameter.
    """

    def joined(ctx: click.Context, param: click.Parameter, values: Any) -> Any:
        return then(_different(word for value in values for word in value))

    return click.option(
        name, *more, type=CommaList(), multiple=True, metavar=metavar, help=help, callback=joined
    )


def _different(words: Iterable[str]) -> tuple[str, ...]:
    given = tuple(words)
    for word in given:
        if given.count(word) > 1:
            raise click.BadParameter(f"{word!r} is given twice")
    return given


class LabelMap(click.ParamType):  # type: ignore[type-arg]  # generic in new releases alone
    """Labels of a file with the model's names for them: 0=negative,1=positive, or a JSON file."""

    name = "labels"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Pairs of labels. Fails where a side is empty or a label comes twice."""
        if isinstance(value, tuple):
            return value
        if value.endswith(".json"):
            return self._of_file(value)
        pairs = [pair.partition("=") for pair in value.split(",")]
        labels = tuple((old.strip(), new.strip()) for old, _, new in pairs)
        if any(not old or not new for old, new in labels) or len(dict(labels)) < len(labels):
            self.fail(f"{value!r}: write it as 0=negative,1=positive", param, ctx)
        return labels

    def _of_file(self, path: str) -> tuple[tuple[str, str], ...]:
        """The pairs of a JSON object. Raises InputError where it is none."""
        from llmcli.system.metadata import Metadata
        from llmcli.system.shapes import TEXT, MapOf

        cure = 'write it as {"0": "negative", "1": "positive"}'
        return tuple(Metadata(Path(path), cure=cure).json(MapOf(TEXT)).items())


DTYPE_NAMES = {
    **dict.fromkeys(("bf16", "torch.bfloat16"), "bfloat16"),
    **dict.fromkeys(("fp16", "f16", "half", "torch.float16"), "float16"),
    **dict.fromkeys(("fp32", "f32", "float", "torch.float32"), "float32"),
}
"""Names that other programs give to number formats."""


class DtypeChoice(click.Choice):  # type: ignore[type-arg]  # generic in new releases alone
    """A number format, by llmcli's name or by that of another program."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(DTYPE_NAMES.get(value, value), param, ctx)


class BatchSize(click.IntRange):
    """A positive number, or `auto`, which is None."""

    def __init__(self) -> None:
        super().__init__(min=1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return None if value == "auto" else super().convert(value, param, ctx)


TEXT = Text()
POSITIVE = Positive()
INPUT_PATH = InputPath()
OUTPUT_PATH = OutputPath()
FRACTION = Real(0, 1, min_open=True)
