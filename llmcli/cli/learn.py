"""llmcli learn: a guided tour of how a language model works."""

import sys
from typing import TYPE_CHECKING

import click

from llmcli.cli.command import Command
from llmcli.cli.file_names import refuse_file
from llmcli.cli.inputs import is_terminal, piped_text, rows_of
from llmcli.cli.options.explain import language_option
from llmcli.cli.options.export import Export, export_options
from llmcli.cli.options.model import model_options
from llmcli.cli.output import Output
from llmcli.spec import InputOptions, ModelSpec
from llmcli.spec.explain import Language

if TYPE_CHECKING:
    from llmcli.interpretability.tour.tour import Tour


@click.command(cls=Command)
@click.argument("texts", nargs=-1, metavar="[TEXT]", callback=refuse_file("<"))
@language_option
@model_options()
@export_options((".html", ".json"), "Write the tour as a page (.html), or its numbers (.json).")
def learn(texts: tuple[str, ...], lang: Language | None, model: ModelSpec, export: Export) -> None:
    """Take a guided tour of how a language model works, on TEXT or the article's sentence.

    Ten steps: tokens, embedding and position, one head of attention by hand, many heads, encoder
    and decoder, layers, from logits to the next token, cross-entropy, n-grams, translation. Each
    asks for a guess, shows the answer in numbers of the model, and names the command that does the
    same. A text that the model cannot read is translated for the later steps. In a terminal, Enter
    goes on, b back, a number to that step, q quits; elsewhere the whole tour is printed.

    \b
      llmcli learn
      llmcli learn "The cat sat on the mat." -o tour.html
      llmcli learn --lang zh
      llmcli learn -m Qwen/Qwen3-0.6B "我明天要去看电影。"
    """
    out = export.out
    walks = sys.stdin is not None and is_terminal() and sys.stdout.isatty()
    text = _text(texts)
    with out.waiting(f"loading {model.model_id or 'the model'}"):
        from llmcli.interpretability.language import choose_language
        from llmcli.tasks.learn import learn, load  # which imports torch

        language = choose_language(lang, text or "", out.note)
        loaded = load(model, note=out.note)
        tour = learn(loaded, text)
    out.describe(loaded)
    out.note_typed(loaded.read_as_text([tour.text]))
    if export.path is None and out.format == "text":
        _show(tour, out, language, walks=walks)
    else:
        _write(tour, export, language)


def _text(texts: tuple[str, ...]) -> str | None:
    """The sentence that was given, or piped in; None if there is none."""
    if len(texts) > 1:
        raise click.UsageError("learn takes one TEXT: put it in quotation marks")
    if texts:
        return next(iter(rows_of(InputOptions(texts=texts)))).text
    return None if sys.stdin is None or is_terminal() else piped_text().strip() or None


def _write(tour: "Tour", export: Export, language: Language) -> None:
    """Write the tour to a file, or to stdout as JSON."""
    out = export.out
    if export.path is None:
        with out.records(str) as records:
            records.write(tour.to_dict(language))
        return
    from llmcli.interpretability.tour.export import write_tour

    with out.waiting("computing"):
        write_tour(tour, export.path, language)
    out.say(f"wrote {export.path}")


def _show(tour: "Tour", out: Output, language: Language, *, walks: bool) -> None:
    """Show the tour. walks: step by step, as keys say."""
    from llmcli.cli.tour_screen import Screen
    from llmcli.cli.tour_walk import show_all, walk

    screen = Screen(out, language)
    if walks:
        walk(tour, screen, lambda prompt: _ask(prompt, out))
    else:
        show_all(tour, screen)


def _ask(prompt: str, out: Output) -> str | None:
    """Show a prompt and read a line of the terminal; None at its end."""
    out.text(prompt)
    line = sys.stdin.readline()
    if not line:
        out.line()
    return line.rstrip("\n") if line else None
