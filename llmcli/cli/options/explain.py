"""Options of explain: what is explained, of which position, and what is changed."""

import re
from typing import Any

import click

from llmcli.cli.options.gather import Option, gather
from llmcli.cli.types import TEXT, comma_list
from llmcli.spec.explain import (
    ABLATIONS,
    EXPLAIN_TASKS,
    LANGUAGES,
    SECTIONS,
    ExplainOptions,
)

language_option: Option = click.option(
    "--lang",
    type=click.Choice(LANGUAGES),
    help="Language of titles and texts.  [default: the text's if it is Chinese, else the locale's]",
)


def _numbers(words: tuple[str, ...]) -> tuple[int, ...]:
    """Numbers from 0 on, and ranges of them, as in 0,3-5. Raises click.BadParameter for others."""
    numbers: list[int] = []
    for word in words:
        match = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", word)
        last = int(match[2] or match[1]) if match else -1
        if match is None or last < int(match[1]):
            raise click.BadParameter(f"{word!r}: give numbers from 0 on, such as 0,3-5")
        numbers += range(int(match[1]), last + 1)
    return tuple(dict.fromkeys(numbers))


def _sections(words: tuple[str, ...]) -> tuple[str, ...]:
    """Names of sections. Raises click.BadParameter for one that is not known."""
    for word in words:
        if word not in SECTIONS:
            raise click.BadParameter(f"no section {word!r}; there are {', '.join(SECTIONS)}")
    return words


class Swap(click.ParamType):  # type: ignore[type-arg]  # generic in new releases alone
    """A word and another that takes its place: cat=dog."""

    name = "swap"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        old, sign, new = TEXT.convert(value, param, ctx).partition("=")
        if not (sign and old.strip() and new.strip()):
            self.fail(f"{value!r}: write it as cat=dog", param, ctx)
        return old.strip(), new.strip()


_OPTIONS: list[Option] = [
    comma_list(
        "--section",
        "sections",
        metavar="NAME,NAME",
        help="Only these sections: " + ", ".join(SECTIONS) + ".",
        then=_sections,
    ),
    click.option(
        "--task",
        type=click.Choice(EXPLAIN_TASKS),
        help="Which head, of a model with several.  [default: its first]",
    ),
    click.option(
        "--question", type=TEXT, help="A question about TEXT, for an answer model to answer."
    ),
    click.option("-f", "--from-lang", metavar="LANG", help="Language of TEXT, for a translator."),
    click.option("-t", "--to-lang", metavar="LANG", help="Language to translate into."),
    click.option(
        "--translation",
        type=TEXT,
        help="Target text of an encoder-decoder.  [default: what the model writes]",
    ),
    click.option(
        "--position",
        type=int,
        metavar="N",
        help="Explain the prediction at this position, from 0; -1 is the last.  "
        "[default: the last, or the gap]",
    ),
    click.option(
        "--target",
        type=TEXT,
        help="Explain this token or label.  [default: the most probable]",
    ),
    click.option(
        "--foil",
        type=TEXT,
        help="Compare the target with this one.  [default: the most probable other]",
    ),
    comma_list(
        "--layers",
        metavar="N,N-N",
        help="Layers to show and store in full, from 0, such as 0,3-5.",
        then=_numbers,
    ),
    comma_list(
        "--heads", metavar="N,N-N", help="Attention heads to show and store.", then=_numbers
    ),
    click.option(
        "--ablate",
        type=click.Choice(ABLATIONS),
        default="zero",
        show_default=True,
        help="What an ablated head or layer gives: zero, or its mean over the positions.",
    ),
    click.option(
        "--swap", type=Swap(), metavar="OLD=NEW", help="What if another word stood in TEXT?"
    ),
    click.option(
        "--patch-from",
        type=TEXT,
        metavar="TEXT",
        help="Put activations of this text into the pass over TEXT, one at a time.",
    ),
]
explain_options = gather(ExplainOptions, "options", _OPTIONS)
