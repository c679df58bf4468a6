"""llmcli explain: what happens inside a model when it reads a text."""

from typing import TYPE_CHECKING

import click

from llmcli.cli.command import Command
from llmcli.cli.file_names import refuse_file
from llmcli.cli.inputs import rows_of
from llmcli.cli.options.explain import explain_options, language_option
from llmcli.cli.options.export import Export, export_options
from llmcli.cli.options.model import model_options
from llmcli.cli.options.output import show_code_option
from llmcli.data.results import unknown_note, with_texts
from llmcli.data.rows import Failure, Row
from llmcli.spec import InputOptions, ModelSpec
from llmcli.spec.explain import ExplainOptions, Language

if TYPE_CHECKING:
    from llmcli.interpretability.explanation import Explanation

ENDINGS = (".html", ".png", ".svg", ".npz", ".json")


@click.command(cls=Command)
@click.argument("texts", nargs=-1, metavar="[TEXT]", callback=refuse_file("stdin:"))
@explain_options
@language_option
@model_options()
@show_code_option
@export_options(ENDINGS, "Write a page (.html), a picture (.png .svg) or all numbers (.npz .json).")
def explain(
    texts: tuple[str, ...],
    options: ExplainOptions,
    lang: Language | None,
    model: ModelSpec,
    show_code: bool,
    export: Export,
) -> None:
    """Show what happens inside a model when it reads TEXT, section by section.

    Tokens with their surprisal, attention, one head by hand, the layers, why this word and not
    another, what if a head or a word were different, the next word, embeddings, alignment. Each
    number is computed from the model, in float32, and checked against it; the checks are shown.
    -o page.html writes one page that needs no network.

    \b
      llmcli explain "Once upon a time, there was a"
      llmcli explain "The cat sat on the mat." --section attention,by-hand --layers 2 --heads 1
      llmcli explain -t fr "The black cat sleeps." -o page.html
      llmcli explain -m bert-en "The [MASK] sat on the mat." -o numbers.npz
    """
    out = export.out
    if len(texts) > 1:
        raise click.UsageError("explain takes one TEXT: put it in quotation marks")
    row = next(iter(rows_of(InputOptions(texts=texts))))
    if show_code:
        from llmcli.tasks.show_code.explain import explain_code

        out.text(explain_code(model, row.text, options))
        return
    _explain(row, options, lang, model, export)


def _explain(
    row: Row, options: ExplainOptions, lang: Language | None, model: ModelSpec, export: Export
) -> None:
    out = export.out
    with out.waiting(f"loading {model.model_id or 'the model'}"):
        from llmcli.interpretability.language import choose_language
        from llmcli.tasks.explain import explain, load  # which imports torch

        language = choose_language(lang, row.text, out.note)
        loaded = load(model, options, note=out.note)
    out.describe(loaded)
    out.note_typed(loaded.read_as_text([row.text], fills=loaded.kind == "masked"))
    with out.waiting("computing"):
        result = next(explain(loaded, [row], options, note=out.note))
    if isinstance(result, Failure):
        raise result.cause
    if result.unknown is not None:
        out.note(unknown_note(result.unknown))
    _write(result, export, language)


def _write(explanation: "Explanation", export: Export, language: Language) -> None:
    out = export.out
    if export.path is not None:
        from llmcli.interpretability.export import write_explanation

        write_explanation(explanation, export.path, language, out.note)
        out.say(f"wrote {export.path}")
    elif out.format == "json":
        with out.records(str) as records:
            records.write(with_texts(explanation.to_dict(), explanation))
    else:
        from llmcli.cli.explain_views import View, show_checks, show_header, show_section

        view = View(out, explanation, language)
        show_header(view)
        for name in explanation.sections:
            show_section(name, view)
        show_checks(view)
