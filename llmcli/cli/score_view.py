"""How a scored text is shown on a terminal: in colours, as tables, and its sums."""

import sys
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from llmcli.cli.colours import PLAIN, Stretch, has_colours
from llmcli.cli.output import Output, quoted
from llmcli.cli.plain_tables import number, shortened
from llmcli.cli.tables import show_table

if TYPE_CHECKING:
    from llmcli.inference.scoring.results import Beside, Score, SpanScore, TokenScore

Shade = tuple[str, float | None]
"""A piece of the text and its value; None where it has none."""
SURPRISAL_STEPS = {"nats": (1, 2, 4, 7, 10), "bits": (1, 3, 6, 10, 15)}
SURPRISAL_COLOURS = (111, 153, 255, 223, 215, 208)
"""Of the 256 colours of a terminal: expected tokens on blue, surprising ones on orange."""
DIFFERENCE_STEPS = (-3, -1, -0.3, 0.3, 1, 3)
DIFFERENCE_COLOURS = (75, 111, 153, 255, 223, 215, 208)
"""Blue where the first model predicts the text better, orange where the second does."""
SENTENCE_COLUMNS = 44
BESIDE = "beside: "


def show_score(result: "Score", out: Output) -> None:
    """The text in colours, where there are colours; its tokens and words; the sums."""
    if result.row.number > 1:
        out.line()
    if result.beside is not None:
        _show_beside(result, out)
        return
    if has_colours(sys.stdout):
        _show_shades(result.pieces(), SURPRISAL_STEPS[result.unit], SURPRISAL_COLOURS, out)
        _show_legend(SURPRISAL_STEPS[result.unit], SURPRISAL_COLOURS, result.unit, out)
    _show_tokens(result)
    if len(result.sentences) > 1:
        _show_sentences(result)
    out.line(_sums(result))


def amount(value: float | None, *, sign: str = "") -> str:
    """A surprisal with two decimals; a dash where there is none. sign: `+` of differences."""
    return "-" if value is None else f"{value:{sign},.2f}"


def _show_shades(
    shades: Sequence[Shade], steps: Sequence[float], colours: Sequence[int], out: Output
) -> None:
    """The text, each piece of it on the colour of its value."""
    parts: list[Stretch] = []
    for piece, value in shades:
        style = PLAIN if value is None else _style(value, steps, colours)
        for line in piece.splitlines(keepends=True):
            bare = line.rstrip("\r\n")
            parts += [(bare, style), (line[len(bare) :], PLAIN)]
    out.styled([*(part for part in parts if part[0]), ("\n", PLAIN)])


def _style(value: float, steps: Sequence[float], colours: Sequence[int]) -> dict[str, int]:
    return {"fg": 16, "bg": colours[bisect_right(steps, value)]}


def _show_legend(steps: Sequence[float], colours: Sequence[int], unit: str, out: Output) -> None:
    names = [f"<{steps[0]}", *(f"{low}–{high}" for low, high in pairwise(steps)), f"≥{steps[-1]}"]
    parts: list[Stretch] = [
        (f" {name} ", {"fg": 16, "bg": colour}) for name, colour in zip(names, colours, strict=True)
    ]
    out.styled([*parts, (f" {unit}\n", PLAIN)])


def _show_tokens(result: "Score") -> None:
    """A line for each token; the words, where some have several tokens."""
    rows = [
        [str(at), str(token.id), quoted(token.token), amount(token.surprisal)]
        for at, token in enumerate(result.tokens)
    ]
    columns = ["position", "id", "token", result.unit]
    if any(word.tokens > 1 for word in result.words):
        columns += ["word", f"{result.unit} of the word"]
        for row, cells in zip(rows, _word_cells(result.tokens, result.words), strict=True):
            row += cells
    show_table(columns, rows, right=frozenset({"position", "id", result.unit, columns[-1]}))


def _word_cells(
    tokens: "Sequence[TokenScore]", words: "Sequence[SpanScore]"
) -> Iterator[list[str]]:
    """Beside the first token of each word: the word and its sum."""
    waiting, left = iter(words), 0
    for _ in tokens:
        word = next(waiting, None) if left == 0 else None
        if word is not None:
            left = word.tokens
            yield [quoted(word.text), amount(word.surprisal)]
        else:
            yield ["", ""]
        left = max(0, left - 1)


def _show_sentences(result: "Score") -> None:
    rows = [
        [
            shortened(sentence.text, SENTENCE_COLUMNS),
            str(sentence.tokens),
            amount(sentence.surprisal),
            amount(None if sentence.surprisal is None else sentence.surprisal / sentence.tokens),
        ]
        for sentence in result.sentences
    ]
    columns = ["sentence", "tokens", result.unit, f"{result.unit} a token"]
    show_table(columns, rows, right=frozenset(columns[1:]))


def _sums(result: "Score") -> str:
    """The line below the tables.

    A masked model's is a pseudo-log-likelihood, and says so.
    """
    count = sum(token.surprisal is not None for token in result.tokens)
    mean = f"{amount(result.mean_surprisal)} {result.unit} a token"
    sums = f"{count:,} tokens, {amount(result.surprisal)} {result.unit}: {mean}"
    if result.pseudo_perplexity is not None:
        perplexity = number(result.pseudo_perplexity)
        return (
            f"{sums}, pseudo-perplexity {perplexity}\n"
            "each token is predicted from all others: a pseudo-log-likelihood, no probability"
        )
    given = ", given the source" if result.kind == "seq2seq" else ""
    return f"{sums}, perplexity {number(result.perplexity)}{given}"


def _show_beside(result: "Score", out: Output) -> None:
    """The spans of both models with their differences, and the sums of both."""
    beside, unit = result.beside, result.unit
    assert beside is not None
    if has_colours(sys.stdout):
        _show_shades(result.difference_pieces(), DIFFERENCE_STEPS, DIFFERENCE_COLOURS, out)
        legend = f"{unit} more than {beside.model}"
        _show_legend(DIFFERENCE_STEPS, DIFFERENCE_COLOURS, legend, out)
    rows = [
        [
            quoted(span.text) if span.text else "(end)",
            *(str(span.tokens), amount(span.surprisal)),
            *(str(span.beside_tokens), amount(span.beside_surprisal)),
            amount(span.difference, sign="+"),
        ]
        for span in beside.spans
    ]
    columns = ["span", "tokens", unit, f"{BESIDE}tokens", f"{BESIDE}{unit}", "difference"]
    show_table(columns, rows, right=frozenset(columns[1:]))
    out.line(f"first model: {_sums(result)}")
    out.line(f"{BESIDE}{beside.model}: {_beside_sums(beside, result)}")
    better = "the first model" if beside.difference < 0 else beside.model
    verdict = "" if beside.difference == 0 else f": {better} predicts the text better"
    out.line(f"difference: {amount(beside.difference, sign='+')} {unit}{verdict}")


def _beside_sums(beside: "Beside", result: "Score") -> str:
    count = sum(token.surprisal is not None for token in beside.tokens)
    mean = f"{amount(beside.mean_surprisal)} {result.unit} a token"
    return f"{count:,} tokens, {amount(beside.surprisal)} {result.unit}: {mean}"
