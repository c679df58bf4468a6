"""llmcli translate: a text in another language."""

import click

from llmcli.cli.command import Command
from llmcli.cli.options.gather import gather
from llmcli.cli.options.input import input_options
from llmcli.cli.options.model import model_options
from llmcli.cli.options.rows import row_options
from llmcli.cli.row_command import RowCommand
from llmcli.cli.types import POSITIVE, Real
from llmcli.cli.write_results import Display
from llmcli.spec.tasks import TranslateOptions

translate_options = gather(
    TranslateOptions,
    "options",
    [
        click.option(
            "-f",
            "--from-lang",
            metavar="LANG",
            help="Language of TEXT: a tag or a name, such as en, English or 英语.",
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
            help="Show the N best translations of each text.",
        ),
        click.option(
            "-n",
            "--max-new-tokens",
            "--max-tokens",
            type=POSITIVE,
            metavar="N",
            help="Generate at most N tokens for a sentence.  [default: the model's own]",
        ),
        click.option(
            "--strict",
            is_flag=True,
            help="Refuse an -n above what the model can write, instead of less.",
        ),
        click.option(
            "--length-penalty",
            type=Real(),
            metavar="X",
            help="Above 0, beam search prefers longer translations.  [default: the model's own]",
        ),
        click.option(
            "--repetition-penalty",
            type=Real(min=0, min_open=True),
            metavar="X",
            help="Above 1: make tokens that occurred before less likely.",
        ),
        click.option(
            "--no-repeat-ngram-size",
            type=click.IntRange(min=0),
            metavar="N",
            help="Never generate the same N tokens in a row twice.",
        ),
        click.option(
            "--split-sentences/--no-split-sentences",
            default=True,
            help="Translate sentence by sentence, or line by line.  [default: by sentence]",
        ),
    ],
)


@click.command(cls=Command)
@input_options()
@model_options("")
@translate_options
@row_options("split")
def translate(command: RowCommand, options: TranslateOptions) -> None:
    """Translate TEXT from one language to another.

    Texts are translated sentence by sentence, so that no sentence is lost; paragraphs, lists and
    blank lines are kept. Marian (opus-mt), T5, NLLB, M2M100 and mBART models work. Without -m, a
    starter model translates short sentences between English and French or Chinese; for other
    languages, an opus-mt model is downloaded. A sentence that is too long for the model is cut at a
    comma or a space.

    \b
      llmcli translate -f en -t fr "The cat sat on the mat."
      llmcli translate -f English -t Chinese < letter.txt
      llmcli translate -m facebook/nllb-200-distilled-600M -f zh -t en "我明天要去看电影。"
      llmcli translate -f en -t de -i faq.csv --column answer -o antworten.csv
    """
    if command.show_code:
        text = command.only_text()
        from llmcli.tasks.show_code.translate import translate_code

        command.write_code(translate_code(command.model, options, text))
        return
    rows = command.rows()
    from llmcli.tasks.translate import load, translate

    display = Display(lambda record: str(record["translation"]))
    command.run(translate, command.load(load, options), rows, options, display)
