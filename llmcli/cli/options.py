"""Options shared by several commands, each declared once; they arrive as one object."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import wraps
from typing import Any

import click

from llmcli.cli.types import FRACTION, POSITIVE, BatchSize, Real
from llmcli.spec import (
    DTYPES,
    ENGINES,
    FORMATS,
    INPUT_FORMATS,
    OVERFLOWS,
    BatchOptions,
    Chat,
    Decoding,
    Format,
    InputOptions,
    ModelSpec,
    OutputOptions,
    Overflow,
)

Command = Callable[..., None]
Option = Callable[[Command], Command]

STARTER = "gpt2-stories"
ENCODER = "bert-en"  # the starter of classify, answer, fill and embed
TRANSLATOR = "marian-en-fr-zh"


def gather(kind: type[Any], name: str, options: Sequence[Option], **fixed: Any) -> Option:
    """Make a decorator that adds `options` and hands their values on as one `kind` object.

    The options carry the names of the fields of `kind`, a dataclass. fixed: fields without one.
    """
    names = [field.name for field in fields(kind)]

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_object(*args: Any, **values: Any) -> None:
            taken = {key: values.pop(key) for key in names if key in values}
            command(*args, **values, **{name: kind(**taken, **fixed)})

        decorated: Command = with_object
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


revision_option = click.option(
    "--revision", metavar="REV", help="Branch, tag or commit on the hub."
)
offline_option = click.option(
    "--offline", is_flag=True, envvar="LLMCLI_OFFLINE", help="Open no network connection."
)


trust_option = click.option(
    "--trust-remote-code",
    is_flag=True,
    help="Run Python code that the model brings along. Only if you trust its author.",
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
    help="ct2 (CTranslate2) is fast on a CPU, torch does everything; auto chooses, -v says why.",
)


def dtype_option(names: Sequence[str], told: str) -> Option:
    """Add --dtype with these names."""
    return click.option(
        "--dtype",
        envvar="LLMCLI_DTYPE",
        type=click.Choice(names),
        default="auto",
        show_default=True,
        help=f"Arithmetic; auto is float32 on a CPU{told}.",
    )


def model_options(
    default: str = STARTER, *, runs: bool = True, named: bool = True, engines: bool = True
) -> Option:
    """Add what names a model and, where it `runs`, --device and --dtype; pass on `spec`.

    named: by -m; else the command names it in another way, and `spec` has an empty name.
    engines: whether there is a choice between them, and with it int8.
    """
    name = click.option(
        "-m",
        "--model",
        "model_id",
        envvar="LLMCLI_MODEL",
        default=default,
        show_default=bool(default),
        metavar="MODEL",
        help="Starter name, local folder, GGUF file or hub id.",
    )
    options: list[Option] = [revision_option, offline_option, trust_option]
    if runs:
        options.append(device_option)
    if runs and engines:
        told = ", int8 is fast and a little less exact, on a CPU alone"
        options += [dtype_option([*DTYPES, "int8"], told), engine_option]
    elif runs:
        options.append(dtype_option(DTYPES, ""))
    if not named:
        return gather(ModelSpec, "model", options, model_id="")
    return gather(ModelSpec, "model", [name, *options])


decoding_options = gather(
    Decoding,
    "decoding",
    [
        click.option(
            "-n",
            "--max-new-tokens",
            "--max-tokens",
            type=POSITIVE,
            metavar="N",
            help="New tokens at most.  [default: 256, or what fits]",
        ),
        click.option(
            "--temperature",
            "--temp",
            type=Real(min=0),
            metavar="T",
            help="Sample; below 1 bolder choices get rarer. 0 is greedy.",
        ),
        click.option("--top-k", type=POSITIVE, metavar="K", help="Sample from the K likeliest."),
        click.option(
            "--top-p",
            type=FRACTION,
            metavar="P",
            help="Sample from the likeliest that add up to probability P.",
        ),
        click.option(
            "--min-p",
            type=FRACTION,
            metavar="P",
            help="Sample from tokens at least P times as probable as the likeliest.",
        ),
        click.option(
            "--num-beams",
            type=POSITIVE,
            default=1,
            metavar="N",
            help="Beam search with N beams.",
        ),
        click.option(
            "--repetition-penalty",
            type=Real(min=0, min_open=True),
            default=1.0,
            metavar="X",
            help="Above 1, tokens that were there already become less likely.",
        ),
        click.option(
            "--no-repeat-ngram-size",
            type=click.IntRange(min=0),
            default=0,
            metavar="N",
            help="No N tokens in a row come twice.",
        ),
        click.option(
            "--stop", multiple=True, metavar="TEXT", help="End before this text. May be repeated."
        ),
        click.option(
            "--num-return-sequences",
            type=POSITIVE,
            default=1,
            metavar="N",
            help="Several texts for one prompt.",
        ),
        click.option(
            "--seed", type=click.IntRange(0, 2**63 - 1), metavar="N", help="Same seed, same text."
        ),
        click.option(
            "--logprobs",
            type=click.IntRange(min=0),
            default=0,
            metavar="N",
            help="With --json: the N likeliest tokens of each step.",
        ),
        click.option(
            "--assist",
            metavar="lookup|MODEL",
            help="Greedy decoding, the same text faster: tokens are guessed from the text itself, "
            "or by a smaller model.",
        ),
    ],
)

chat_options = gather(
    Chat,
    "chat",
    [
        click.option("--chat", is_flag=True, help="Put the prompt into the model's chat template."),
        click.option("-s", "--system", metavar="TEXT", help="System message; implies --chat."),
    ],
)


def input_options(
    *columns: str, argument: str = "TEXT", pairs: bool = False
) -> Callable[[Command], Command]:
    """Add what names the texts, and pass on `source`.

    columns: the fields of a file that are read unless --column says otherwise.
    pairs: a second --column names the field with the second text.
    """
    names = columns or ("text",)
    told = "text" if len(names) == 1 else " and ".join(names)
    field_help = "Field of FILE with the text" + ("; twice for pairs." if pairs else ".")
    if len(names) > 1:
        field_help = f"Fields of FILE with {told}: give it twice."
    options = [
        click.argument("texts", nargs=-1, metavar=f"[{argument}]..."),
        click.option(
            "-i",
            "--input",
            metavar="FILE",
            help="Read a .txt, .jsonl, .csv, .tsv or .parquet file, a text a row. - is stdin.",
        ),
        click.option(
            "--input-format",
            type=click.Choice(INPUT_FORMATS),
            help="What FILE is.  [default: by its name; of stdin, a text a line]",
        ),
        click.option(
            "--column",
            "columns",
            multiple=True,
            default=names,
            metavar="NAME",
            help=f"{field_help}  [default: {told}]",
            callback=_check_columns(2 if pairs else len(names)),
        ),
        click.option("--limit", type=POSITIVE, metavar="N", help="Read the first N rows only."),
    ]
    return gather(InputOptions, "source", options)


def _check_columns(most: int) -> Callable[..., tuple[str, ...]]:
    def check(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> Any:
        if len(value) > most:
            raise click.BadParameter(f"{len(value)} columns, but the task takes {most}")
        return value

    return check


def batch_options(
    default: Overflow, *, choices: Sequence[Overflow] = OVERFLOWS
) -> Callable[[Command], Command]:
    """Add --batch-size and --on-overflow, and pass on `batch`."""
    options = [
        click.option(
            "--batch-size",
            type=BatchSize(),
            metavar="N",
            help="Texts run together.  [default: auto, as many as fill a budget of tokens]",
        ),
        click.option(
            "--on-overflow",
            type=click.Choice(choices),
            default=default,
            show_default=True,
            help="What to do with a text that is longer than the model takes.",
        ),
    ]
    return gather(BatchOptions, "batch", options)


show_code_option = click.option(
    "--show-code", is_flag=True, help="Print the transformers script that does the same."
)


def output_options(
    forms: tuple[Format, ...] = FORMATS, *, resumes: bool = False
) -> Callable[[Command], Command]:
    """Add -o, --format, --json, -q, -v and, where it `resumes`, --resume; pass on `out`."""
    resume = click.option(
        "--resume", is_flag=True, help="Go on with a run that broke off: same command, same FILE."
    )

    def decorate(command: Command) -> Command:
        @click.option(
            "-o", "--output", metavar="FILE", help="Write results there, whole or not at all."
        )
        @click.option(
            "--format",
            type=click.Choice(forms),
            help="How to write results.  [default: by the name of FILE, else text]",
        )
        @click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
        @click.option("-q", "--quiet", is_flag=True, help="Print results alone.")
        @click.option("-v", "--verbose", is_flag=True, help="Say what was chosen, and why.")
        @wraps(command)
        def with_output(
            *args: Any,
            output: str | None,
            format: Any,
            as_json: bool,
            quiet: bool,
            verbose: bool,
            resume: bool = False,
            **values: Any,
        ) -> None:
            if as_json and format not in (None, "json"):
                raise click.UsageError(f"--json and --format {format} contradict each other")
            if resume:
                _check_resume(values["source"], output)
            from llmcli.cli.output import Output

            form: Format | None = "json" if as_json else format
            out = Output(OutputOptions(form, output, quiet, verbose, resume), forms)
            command(*args, out=out, **values)

        return resume(with_output) if resumes else with_output

    return decorate


def _check_resume(source: InputOptions, output: str | None) -> None:
    """Raise click.UsageError where --resume can mean nothing."""
    if source.input is None or output in (None, "-"):
        raise click.UsageError("--resume goes with --input FILE and --output FILE")
    if source.input == "-":
        raise click.UsageError("--resume needs a file: stdin cannot be read a second time")


def task_options(
    overflow: Overflow,
    *,
    choices: Sequence[Overflow] = OVERFLOWS,
    forms: tuple[Format, ...] = FORMATS,
) -> Callable[[Command], Command]:
    """Add what all tasks on rows have; pass on `batch`, `show_code` and `out`.

    overflow: what is done with too long a text unless the user says otherwise.
    """

    def decorate(command: Command) -> Command:
        with_output = output_options(forms, resumes=True)(command)
        return batch_options(overflow, choices=choices)(show_code_option(with_output))

    return decorate
