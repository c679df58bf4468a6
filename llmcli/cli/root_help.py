"""`llmcli --help`, written without click, whose import takes longer than all the rest of it.

The text is click's, character by character; a test compares the two.
"""

import os
import sys
import textwrap
from collections.abc import Iterable

from llmcli.errors import LlmcliError
from llmcli.system import streams

WIDEST, NARROWEST = 98, 50  # columns of text
FLAGS = ("-h", "--help")
COMPLETION = "_LLMCLI_COMPLETE"  # set by the shell, which then wants no help

# The summaries that --help prints, so that it need not import the commands.
COMMANDS = {
    "generate": "Continue TEXT with a causal language model.",
    "chat": "Talk with a chat model; with another causal model, write a text together.",
    "classify": "Classify TEXT: each label with its probability.",
    "tag": "Tag TEXT: named entities, or whatever a token-classification model was trained on.",
    "translate": "Translate TEXT from one language to another.",
    "answer": "Answer questions about a text, or about many.",
    "fill": "Fill the gaps of a text with a masked language model.",
    "embed": "Turn texts into vectors, or rank them by similarity.",
    "explain": "Show what happens inside a model when it reads TEXT, section by section.",
    "learn": "Take a guided tour of how a language model works, on TEXT or the article's sentence.",
    "forward": "Run a model once over TEXT and show what it predicts at each position.",
    "score": "Show how surprising each token of TEXT is to a model, or to two.",
    "tokenize": "Show the tokens of TEXT.",
    "models": "List, inspect, download, verify and remove models.",
    "finetune": "Train a model on your files: from a checkpoint (-m), or --from-scratch.",
    "evaluate": "Measure how good a model is on rows whose expected values are known.",
    "compare": "Compare two models, or two files of predictions, on the same rows.",
    "bench": "Time a model on this machine, by engine and dtype.",
}
OPTIONS = {
    "--version": "Show the version and exit.",
    "-h, --help": "Show this message and exit.",
}
DESCRIPTION = """Run, understand and fine-tune transformers from a terminal.

Small starter models are included, so every command works at once, offline; -m names a model of
your own, or one from the Hugging Face Hub:

\b
  llmcli generate "Once upon a time"
  llmcli translate -t en "我明天要去看电影。"
  llmcli classify "What a wonderful film!"
  llmcli generate -m gpt2 "The capital of France is"

Exit codes: 0 done, 1 some rows failed, 2 usage, 3 bad input, 4 model not found or
unreachable, 5 model unsuitable or unsafe, 6 out of memory, 7 disk full, 70 a fault in llmcli,
130 interrupted, 143 terminated."""
RAW = "\b\n"  # begins a paragraph whose lines stay as they are


def is_asked_for(words: list[str]) -> bool:
    """True for a command line that asks for the root command's help and nothing else."""
    return len(words) == 1 and words[0] in FLAGS and COMPLETION not in os.environ


def write_help() -> int:
    """Write the help to stdout, in UTF-8, as wide as the terminal; return the exit code."""
    streams.prepare()
    try:
        sys.stdout.write(help_text(_columns()))
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has enough
        return 0
    except LlmcliError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.stderr.flush()
        return error.exit_code
    return 0


def _columns() -> int:
    """Of the terminal, as `shutil.get_terminal_size` finds them; shutil imports five more modules.

    COLUMNS comes first, and 80 where there is no terminal.
    """
    setting = os.environ.get("COLUMNS", "")
    if setting.isdigit() and int(setting):
        return int(setting)
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80


def help_text(columns: int) -> str:
    """The help for a terminal with so many columns."""
    width = max(min(columns - 2, WIDEST), NARROWEST)
    parts = [
        "Usage: llmcli [OPTIONS] COMMAND [ARGS]...\n",
        "\n\n".join(_paragraphs(DESCRIPTION, width)) + "\n",
        "Options:\n" + "".join(_definitions(OPTIONS, width)),
        "Commands:\n" + "".join(_definitions(COMMANDS, width)),
    ]
    return "\n".join(parts)


def _paragraphs(text: str, width: int) -> Iterable[str]:
    for paragraph in text.split("\n\n"):
        if paragraph.startswith(RAW):
            yield textwrap.indent(paragraph.removeprefix(RAW), "  ")
        else:
            yield _filled(paragraph, width, "  ", "  ")


def _definitions(terms: dict[str, str], width: int) -> Iterable[str]:
    """Terms, and beside them their explanations."""
    column = max(map(len, terms)) + 2
    for term, explanation in terms.items():
        first, *others = _filled(explanation, width - column - 2).splitlines()
        yield f"  {term:{column}}{first}\n"
        yield from (f"  {'':{column}}{line}\n" for line in others)


def _filled(text: str, width: int, first: str = "", others: str = "") -> str:
    words = text.replace("\n", " ")
    return textwrap.fill(words, width, initial_indent=first, subsequent_indent=others)
