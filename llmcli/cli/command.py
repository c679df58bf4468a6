"""The class of all commands: what it checks before a command does any work."""

import copy
from collections.abc import Sequence
from typing import Any

import click

from llmcli.cli.flags import flag_of
from llmcli.cli.kept_inputs import keep_inputs
from llmcli.errors import listed

LITERAL = "llmcli.literal"  # in a context's meta: `--` was given, so that a text is always a text


class Command(click.Command):
    """A command that takes each option once, and never writes over a file that it reads."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line. Raises click.UsageError for options that contradict others."""
        if not ctx.resilient_parsing:
            _refuse_contradictions(self, ctx, args)
        ctx.meta[LITERAL] = "--" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Raises UsageError if an output is one of its inputs."""
        keep_inputs(self.params, ctx)
        return super().invoke(ctx)


def _refuse_contradictions(command: click.Command, ctx: click.Context, args: Sequence[str]) -> None:
    """Raise click.UsageError if an option that takes one value has two different ones.

    The command line is parsed by copies of the options that collect all of their values. Values of
    the environment and of config files are not among these: a flag overrides them.
    """
    params = command.get_params(ctx)
    options = [param for param in params if _takes_one_value(param)]
    collecting = [_collecting(param) if param in options else param for param in params]
    parser = click.Command(command.name, params=collecting).make_parser(ctx)
    given, _, _ = parser.parse_args(args=list(args))
    for name in dict.fromkeys(option.name for option in options):
        values = list(dict.fromkeys(given.get(str(name), ())))
        if len(values) > 1:
            _refuse([option for option in options if option.name == name], values, ctx)


def _takes_one_value(param: click.Parameter) -> bool:
    return isinstance(param, click.Option) and not param.multiple and not param.count


def _collecting(option: click.Parameter) -> click.Parameter:
    collector = copy.copy(option)
    collector.multiple = True
    return collector


def _refuse(options: Sequence[click.Parameter], values: list[Any], ctx: click.Context) -> None:
    """Raise click.UsageError for two values of one field. options: those that set the field."""
    if any(isinstance(option, click.Option) and option.is_flag for option in options):
        flags = [flag for option in options for flag in _spellings(option, values)]
        raise click.UsageError(f"{' and '.join(flags)} contradict each other: give one", ctx)
    shown = listed(str(value) for value in values)
    raise click.UsageError(f"{flag_of(options[0])} takes one value, not several: {shown}", ctx)


def _spellings(option: click.Parameter, values: list[Any]) -> list[str]:
    """The flags that gave some of the values: --a, or --a and --no-a."""
    if option.secondary_opts:
        return [option.opts[-1], *option.secondary_opts]
    return [option.opts[-1]] if getattr(option, "flag_value", None) in values else []
