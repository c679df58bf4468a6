"""The root command: finds the subcommands and turns errors into exit codes."""

import importlib
from typing import Any

import click

from llmcli.cli import process
from llmcli.cli.aliases import expanded, speller
from llmcli.cli.config import config_option, user_defaults
from llmcli.cli.environment import bind_variables, require_known
from llmcli.cli.failures import failures_shown, shown
from llmcli.cli.root_help import COMMANDS as COMMANDS
from llmcli.cli.root_help import DESCRIPTION


class Root(click.Group):
    """Imports a command when it is called; prints an expected failure as one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands and cmd_name in COMMANDS:
            module = importlib.import_module(f"llmcli.cli.{cmd_name}")
            command: click.Command = getattr(module, cmd_name)
            if not isinstance(command, click.Group):
                command.params.append(config_option(self))
            _prepare(command, f"LLMCLI_{cmd_name.upper()}")
            self.add_command(command)
        return super().get_command(ctx, cmd_name)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words = list(args)  # the parser empties `args`
        try:
            return super().parse_args(ctx, expanded(args))
        except click.NoSuchOption as error:
            from llmcli.cli.hints import option_of_a_command

            raise click.UsageError(option_of_a_command(error.option_name, words), ctx) from None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if self.get_command(ctx, args[0]) is None:
            from llmcli.cli.hints import unknown_command

            raise click.UsageError(unknown_command(args, list(COMMANDS)), ctx)
        return super().resolve_command(ctx, args)

    def make_context(self, *values: Any, **more: Any) -> click.Context:
        with failures_shown(lambda: self):  # --help and --version are written here
            return super().make_context(*values, **more)

    def invoke(self, ctx: click.Context) -> object:
        ctx.obj = {"-h", "--help"} & set(ctx.args)  # for `main`, which does not see the arguments
        with failures_shown(lambda: self.get_command(ctx, ctx.invoked_subcommand or "") or self):
            try:
                return super().invoke(ctx)
            except click.NoSuchOption as error:
                from llmcli.cli.hints import unknown_option

                raise click.UsageError(unknown_option(error), error.ctx) from None


def _prepare(command: click.Command, prefix: str) -> None:
    """Let a command take the flags of other programs, and variables that begin with `prefix`."""
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            _prepare(child, f"{prefix}_{name.upper()}")
        return
    flags = [
        word.lstrip("-")
        for param in command.params
        for word in [*param.opts, *param.secondary_opts]
        if word.startswith("--")
    ]
    command.context_settings["token_normalize_func"] = speller([*flags, "help"])
    bind_variables(command, prefix)


@click.group(
    cls=Root,
    help=DESCRIPTION,
    context_settings={
        "auto_envvar_prefix": "LLMCLI",
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
    },
)
@click.version_option(package_name="llmcli")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Prepare the command that runs: the defaults of the user's config file, its variables."""
    asks_for_help = bool(ctx.obj)
    if not asks_for_help:  # help works even if the user's config file is wrong
        ctx.default_map = user_defaults(main)
        name = str(ctx.invoked_subcommand)
        command = main.get_command(ctx, name)
        if command is not None:
            require_known(command, f"LLMCLI_{name.upper()}", list(COMMANDS))


def run_program() -> None:
    """Run llmcli as a program: in UTF-8 everywhere, without the warnings of libraries."""
    try:
        process.set_up()
        main(prog_name="llmcli")
    except SystemExit as done:
        process.leave(done.code)
    except BaseException as error:  # while a usage error is printed
        process.leave(shown(error, main))
