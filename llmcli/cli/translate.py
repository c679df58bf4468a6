"""llmcli translate: a text in another language."""

from dataclasses import replace

import click

from llmcli.cli.inputs import one_text, rows_of
from llmcli.cli.options import TRANSLATOR, gather, input_options, model_options, task_options
from llmcli.cli.output import Output
from llmcli.cli.running import is_default_model, load_announced, write_code, write_results
from llmcli.cli.types import POSITIVE, Real
from llmcli.errors import UsageError
from llmcli.spec import BatchOptions, InputOptions, ModelSpec
from llmcli.spec.tasks import TranslateOptions

translate_options = gather(
    TranslateOptions,
    "options",
    [
        click.option(
            "-f", "--from-lang", metavar="LANG", help="Language of TEXT: en, eng, English, 英语."
        ),
        click.option("-t", "--to-lang", metavar="LANG", help="Language to translate into."),
        click.option(
            "--num-beams",
            type=POSITIVE,
            metavar="N",
            help="Beam search with N beams; 1 is greedy.  [default: the model's own]",
        ),
        click.option(
            "--num-return-sequences",
            type=POSITIVE,
            default=1,
            metavar="N",
            help="The N best translations of each text.",
        ),
        click.option(
            "-n",
            "--max-new-tokens",
            "--max-tokens",
            type=POSITIVE,
            metavar="N",
            help="New tokens of one sentence at most.  [default: the model's own]",
        ),
        click.option(
            "--length-penalty",
            type=Real(),
            metavar="X",
            help="Above 0, beams prefer longer translations.  [default: the model's own]",
        ),
        click.option(
            "--repetition-penalty",
            type=Real(min=0, min_open=True),
            metavar="X",
            help="Above 1, tokens that were there already become less likely.",
        ),
        click.option(
            "--no-repeat-ngram-size",
            type=click.IntRange(min=0),
            metavar="N",
            help="No N tokens in a row come twice.",
        ),
        click.option(
            "--split-sentences/--no-split-sentences",
            default=True,
            help="Translate sentence by sentence, or line by line.  [default: by sentence]",
        ),
    ],
)


@click.command()
@input_options()
@model_options("")
@translate_options
@task_options("split")
def translate(
    source: InputOptions,
    model: ModelSpec,
    options: TranslateOptions,
    batch: BatchOptions,
    show_code: bool,
    out: Output,
) -> None:
    """Translate TEXT from one language to another.

    Sentence by sentence, so that none is lost, and put together again with paragraphs, lists
    and blank lines as they were. Takes Marian (opus-mt), T5, NLLB, M2M100 and mBART models.
    Without -m, a starter translates short sentences between English and French or Chinese, and
    other languages choose an opus-mt model. A sentence that is longer than the
    model takes is cut at a comma or a space.

    \b
      llmcli translate -f en -t fr "The cat sat on the mat."
      llmcli translate -f English -t Chinese < letter.txt
      llmcli translate -m facebook/nllb-200-distilled-600M -f zh -t en "我明天要去看电影。"
      llmcli translate -f en -t de -i faq.csv --column answer -o antworten.csv
    """
    options = with_tags(options)
    model = with_model(model, options)
    if show_code:
        text = one_text(source)
        from llmcli.tasks.show_code.translate import translate_code

        write_code(translate_code(model, options, text), out)
        return
    rows = rows_of(source)
    beams = options.num_beams
    if beams is not None and options.num_return_sequences > beams:
        raise UsageError(
            f"--num-return-sequences {options.num_return_sequences} is more than "
            f"--num-beams {beams}"
        )
    from llmcli.inference.translation.translator import decoding_of
    from llmcli.tasks.translate import translate as run

    loaded = load_announced(
        model,
        out,
        "seq2seq",
        source=source,
        decoding_of=lambda loaded: decoding_of(loaded, options),
    )
    write_results(
        lambda batch, watch: watch(run(loaded, rows, options, batch)),
        source,
        out,
        batch,
        loaded=loaded,
        as_text=lambda record: str(record["translation"]),
    )


def with_tags(options: TranslateOptions) -> TranslateOptions:
    """The languages as tags: `fr` for French."""
    from llmcli.inference.translation.languages import find_language

    return replace(
        options,
        from_lang=None if options.from_lang is None else find_language(options.from_lang),
        to_lang=None if options.to_lang is None else find_language(options.to_lang),
    )


# What the starter translates, by target; None: the source need not be told.
SOURCES: dict[str, tuple[str | None, ...]] = {
    "en": ("fr", "zh", None),
    "fr": ("en", None),
    "zh": ("en", None),
}


def with_model(model: ModelSpec, options: TranslateOptions) -> ModelSpec:
    """The model of the two languages, where none was named."""
    if not is_default_model():
        return model
    from llmcli.inference.translation.directions import model_for
    from llmcli.inference.translation.languages import base

    if options.to_lang is not None:
        source = None if options.from_lang is None else base(options.from_lang)
        if source in SOURCES.get(base(options.to_lang), ()):
            return replace(model, model_id=TRANSLATOR)
    if options.from_lang is None or options.to_lang is None:
        raise UsageError("name the languages, as in -f en -t fr, or a model by -m")
    return replace(model, model_id=model_for(options.from_lang, options.to_lang))
