"""Options that evaluate and compare share: the data, the task, and how it is measured."""

from collections.abc import Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

import click

from llmcli.cli.options.batch import batch_size_option
from llmcli.cli.options.blocks import block_options
from llmcli.cli.options.gather import Command, Option, gather
from llmcli.cli.options.input import file_options
from llmcli.cli.options.output import max_errors_option, output_options
from llmcli.cli.row_command import RowCommand
from llmcli.cli.types import INPUT_PATH, POSITIVE, LabelMap
from llmcli.spec import BatchOptions, Format, InputOptions, files_of
from llmcli.spec.evaluation import (
    EVALUATION_TASKS,
    EvaluateOptions,
    PerplexityOptions,
)
from llmcli.spec.tasks import TranslateOptions

FORMS: tuple[Format, ...] = ("text", "json", "jsonl")


source_options = gather(
    InputOptions,
    "source",
    [
        click.option(
            "-i",
            "--input",
            type=INPUT_PATH,
            metavar="FILE",
            help="Rows with expected values: .jsonl, .json, .csv, .tsv, .parquet, SQuAD's .json; "
            "for causal-lm, .txt or stdin (-) is one text.",
        ),
        click.option(
            "--column",
            "columns",
            multiple=True,
            metavar="NAME",
            help="Field with the text; twice for pairs.  [default: text; question and context; "
            "query and text]",
        ),
        *file_options,
        click.option("--limit", type=POSITIVE, metavar="N", help="Evaluate only the first N rows."),
    ],
)
measuring_options: list[Option] = [
    click.option(
        "--task",
        type=click.Choice(EVALUATION_TASKS),
        help="What the model does.  [default: what the data and the model allow]",
    ),
    click.option(
        "--label-column",
        "--target-column",
        "label_column",
        metavar="NAME",
        help="Field with the expected value.  [default: label, tags, answers or answer, target; "
        "with it, embedding measures similarity, else retrieval]",
    ),
    click.option(
        "--prediction-column",
        metavar="NAME",
        help="Field of saved predictions.  [default: label, predicted_tags, answer, "
        "translation, similarity]",
    ),
    click.option(
        "--label-map",
        type=LabelMap(),
        default=(),
        metavar="OLD=NEW,..",
        help="The model's names for the labels of FILE, as in 0=negative,1=positive; or a .json "
        "file with an object.",
    ),
    click.option(
        "--bootstrap",
        type=click.IntRange(min=0),
        default=1000,
        show_default=True,
        metavar="N",
        help="Samples for the 95% confidence intervals; 0: no intervals.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(0, 2**32 - 1),
        default=0,
        show_default=True,
        metavar="N",
        help="Random seed of those samples.",
    ),
    click.option(
        "--bleu-tokenize",
        type=click.Choice(["13a", "zh", "ja-mecab", "ko-mecab", "char", "intl", "none"]),
        help="Translation: tokenizer of BLEU.  [default: by the target language or its script]",
    ),
    click.option(
        "--characters",
        is_flag=True,
        help="Question answering: F1 over characters, as for Chinese, not over words.",
    ),
]
language_options: list[Option] = [
    click.option("-f", "--from-lang", metavar="LANG", help="Translation: source language."),
    click.option("-t", "--to-lang", metavar="LANG", help="Translation: target language."),
]
baseline_options: list[Option] = [
    click.option(
        "--baseline",
        type=click.Choice(["ngram"]),
        help="Perplexity: report that of n-grams (Kneser-Ney) over the same tokens, too.",
    ),
    click.option(
        "--baseline-train",
        type=INPUT_PATH,
        metavar="FILE",
        help="Text to train the n-grams on.  [default: the other four fifths of --input]",
    ),
    click.option(
        "--ngram-order",
        type=click.IntRange(2, 6),
        default=3,
        show_default=True,
        metavar="N",
        help="Tokens of an n-gram.",
    ),
]


def evaluation_options(model: Option, *more: Option, perplexity: Sequence[Option] = ()) -> Option:
    """Add what evaluate and compare share, and pass it on as a RowCommand and as `options`.

    model: adds the options of the model. more: further options with values for EvaluateOptions.
    perplexity: for PerplexityOptions.
    """

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_objects(**values: Any) -> None:
            names = ("source", "model", "out", "batch")
            shared = RowCommand(**{name: values.pop(name) for name in names})
            parts = {name: values.pop(name) for name in ("perplexity", "translate")}
            source = shared.source
            parts |= {"columns": source.columns, "files": files_of(source)}
            options = replace(values.pop("options"), **parts)
            command(shared, options, **values)

        decorated = output_options(FORMS)(with_objects)
        for add in (
            max_errors_option,
            gather(BatchOptions, "batch", [batch_size_option]),
            model,
            gather(TranslateOptions, "translate", language_options),
            gather(PerplexityOptions, "perplexity", [*block_options("Perplexity: t"), *perplexity]),
            gather(EvaluateOptions, "options", [*measuring_options, *more]),
            source_options,
        ):
            decorated = add(decorated)
        return decorated

    return decorate
