"""The root command: registers the subcommands and turns errors into exit codes."""

import io
import os
import sys
import warnings

import click

from llmcli.cli.answer import answer
from llmcli.cli.classify import classify
from llmcli.cli.compare import compare
from llmcli.cli.config import config_option, user_defaults
from llmcli.cli.embed import embed
from llmcli.cli.evaluate import evaluate
from llmcli.cli.fill import fill
from llmcli.cli.finetune import finetune
from llmcli.cli.forward import forward
from llmcli.cli.generate import generate
from llmcli.cli.models import models
from llmcli.cli.tokenize import tokenize
from llmcli.cli.translate import translate
from llmcli.errors import Interrupted, LlmcliError, is_out_of_memory


class Root(click.Group):
    """Shows expected failures as one line, and Ctrl-C as nothing but its exit code."""

    def invoke(self, ctx: click.Context) -> object:
        ctx.obj = {"-h", "--help"} & set(ctx.args)  # for `main`, which sees no arguments
        try:
            return super().invoke(ctx)
        except LlmcliError as error:
            wished_for = isinstance(error, Interrupted)
            click.echo(str(error) if wished_for else f"Error: {error}", err=True)
            ctx.exit(error.exit_code)
        except BrokenPipeError:  # whoever reads has enough, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)
        except KeyboardInterrupt:
            click.echo(err=True)
            ctx.exit(130)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            click.echo("Error: out of memory: try a smaller --batch-size or model", err=True)
            ctx.exit(1)


@click.group(
    cls=Root,
    context_settings={
        "auto_envvar_prefix": "LLMCLI",
        "help_option_names": ["-h", "--help"],
        "token_normalize_func": lambda name: name.replace("_", "-"),
        "max_content_width": 100,
    },
)
@click.version_option(package_name="llmcli")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Run, understand and fine-tune transformers from a terminal.

    A small model of children's stories comes along, so that these work at once, offline:

    \b
      llmcli generate "Once upon a time"
      llmcli forward "我明天要去看电影。"

    Other commands fetch a model from the hub the first time, or take yours by -m:

    \b
      llmcli classify "What a wonderful film!"
      llmcli translate -f en -t fr "The cat sat on the mat."

    Exit codes: 0 done, 1 some rows failed, 2 usage, 3 bad input, 4 model not found or
    unreachable, 5 model unsuitable or unsafe, 130 interrupted.
    """
    asks_for_help = bool(ctx.obj)
    if not asks_for_help:  # which is there even if the user's file is wrong
        ctx.default_map = user_defaults(main)


def run_program() -> None:
    """The `llmcli` of the shell: in UTF-8 everywhere, without the warnings of libraries."""
    if sys.stdout is None:  # closed by the shell: >&-
        sys.stdout = open(os.devnull, "w", encoding="utf-8")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    main(prog_name="llmcli")


for command in (
    generate,
    classify,
    translate,
    answer,
    fill,
    embed,
    forward,
    tokenize,
    models,
    finetune,
    evaluate,
    compare,
):
    main.add_command(command)
for name, command in main.commands.items():
    if name != models.name:
        command.params.append(config_option(main))
