"""Options that name the input: TEXT, --input, --column and so on."""

from collections.abc import Callable
from typing import Any

import click

from llmcli.cli.file_names import refuse_file
from llmcli.cli.options.gather import Option, gather
from llmcli.cli.types import INPUT_PATH, POSITIVE
from llmcli.spec import INPUT_FORMATS, QUOTINGS, InputOptions

file_options: list[Option] = [
    click.option(
        "--input-format",
        type=click.Choice(INPUT_FORMATS),
        help="Format of FILE.  [default: from its name; for stdin, one text per line]",
    ),
    click.option(
        "--encoding",
        metavar="NAME",
        help="Encoding of text files, as in gbk or windows-1252.  [default: UTF-8, or by a byte "
        "order mark]",
    ),
    click.option(
        "--delimiter",
        metavar="CHAR",
        help="Character between the fields of .csv and .tsv, or tab, comma, semicolon, pipe.  "
        "[default: by the header]",
    ),
    click.option(
        "--quoting",
        type=click.Choice(QUOTINGS),
        help="csv: fields may stand in quotation marks; none: these are part of the text.  "
        "[default: csv for .csv, none for .tsv]",
    ),
]
"""How data files are written: the fields of FileOptions."""


def input_options(*columns: str, argument: str = "TEXT", pairs: bool = False) -> Option:
    """Add the options that name the texts, and pass them on as `source`.

    columns: the fields of a file that are read unless --column says otherwise.
    pairs: a second --column names the field with the second text.
    """
    names = columns or ("text",)
    options: list[Option] = [
        click.argument("texts", nargs=-1, metavar=f"[{argument}]...", callback=refuse_file("-i")),
        click.option(
            "-i",
            "--input",
            type=INPUT_PATH,
            metavar="FILE",
            help="Read texts from a .txt, .jsonl, .json, .csv, .tsv or .parquet file, one per "
            "row; - is stdin.",
        ),
        *file_options,
        _column_option(names, pairs),
        click.option("--limit", type=POSITIVE, metavar="N", help="Read only the first N rows."),
    ]
    return gather(InputOptions, "source", options)


def _column_option(names: tuple[str, ...], pairs: bool) -> Option:
    listed = " and ".join(names)
    field_help = "Field of FILE with the text" + ("; give it twice for pairs." if pairs else ".")
    if len(names) > 1:
        field_help = f"Fields of FILE with {listed}: give it twice."
    return click.option(
        "--column",
        "columns",
        multiple=True,
        default=names,
        metavar="NAME",
        help=f"{field_help}  [default: {listed}]",
        callback=_check_columns(2 if pairs else len(names)),
    )


def _check_columns(most: int) -> Callable[..., tuple[str, ...]]:
    def check(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> Any:
        if len(value) > most:
            raise click.BadParameter(f"{len(value)} columns, but the task takes {most}")
        return value

    return check
