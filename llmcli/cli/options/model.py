"""Options that name a model and say how it runs: -m, --revision, --device, --dtype, --engine."""

from collections.abc import Sequence

import click

from llmcli.cli.options.gather import Option, gather
from llmcli.cli.types import INPUT_PATH, DtypeChoice
from llmcli.errors import ModelNotFound
from llmcli.spec import DTYPES, ENGINES, ModelSpec

STARTER = "gpt2-stories"
ENCODER = "bert-en"  # the starter of classify, answer, fill and embed
TRANSLATOR = "marian-en-fr-zh"

revision_option = click.option(
    "--revision", metavar="REV", help="Branch, tag or commit on the Hub."
)
offline_option = click.option(
    "--offline", is_flag=True, envvar="LLMCLI_OFFLINE", help="Open no network connection."
)
trust_option = click.option(
    "--trust-remote-code",
    is_flag=True,
    help="Run Python code that comes with the model. Only if you trust its author.",
)
device_option = click.option(
    "--device",
    envvar="LLMCLI_DEVICE",
    default="auto",
    show_default=True,
    help="auto, cpu, cuda, cuda:N or mps.",
)
engine_option = click.option(
    "--engine",
    envvar="LLMCLI_ENGINE",
    type=click.Choice(ENGINES),
    default="auto",
    show_default=True,
    help="torch runs every model; ct2 (CTranslate2) is fast on a CPU; -v says what auto chose.",
)


special_option = click.option(
    "--allow-special",
    is_flag=True,
    help="Read special tokens in a text, such as </s>, as tokens, not as text.",
)


def model_options(
    default: str = STARTER,
    *,
    runs: bool = True,
    named: bool = True,
    engines: bool = True,
    reads: bool = True,
) -> Option:
    """Add the options that name a model and, if it `runs`, say how; pass them on as `model`.

    default: the model that --help names; the task loads it if -m is left out.
    named: by -m; else the command takes the name in another way, and `model` has an empty name.
    engines: whether the user may choose between them, and with them int8. reads: texts of the user.
    """
    options: list[Option] = [revision_option, offline_option, trust_option]
    if runs:
        options.append(device_option)
    if runs and engines:
        options += [
            _dtype_option([*DTYPES, "int8"], "; int8 is faster, but less exact, and for CPUs only"),
            engine_option,
        ]
    elif runs:
        options.append(_dtype_option(DTYPES, ""))
    if reads:
        options.append(special_option)
    if not named:
        return gather(ModelSpec, "model", options, model_id="")
    return gather(ModelSpec, "model", [_name_option(default), *options])


def _name_option(default: str) -> Option:
    return click.option(
        "-m",
        "--model",
        "model_id",
        envvar="LLMCLI_MODEL",
        type=INPUT_PATH,
        metavar="MODEL",
        callback=_require_name,
        help="Starter model, local folder, GGUF file or Hugging Face Hub id."
        + (f"  [default: {default}]" if default else ""),
    )


def _require_name(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    """The callback of -m, which may be left out, but not be empty."""
    if value == "":
        raise ModelNotFound("no model '': the name is empty")
    return value or ""


def _dtype_option(names: Sequence[str], more: str) -> Option:
    return click.option(
        "--dtype",
        envvar="LLMCLI_DTYPE",
        type=DtypeChoice(names),
        default="auto",
        show_default=True,
        help=f"Data type to compute in; auto is float32 on a CPU{more}.",
    )
