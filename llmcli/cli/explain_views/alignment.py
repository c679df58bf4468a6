"""The alignment section on a terminal: words of the target by words of the source."""

from typing import TYPE_CHECKING

from llmcli.cli.explain_views import WIDTH, View
from llmcli.cli.explain_views.matrix import Matrix, extent, matrix_lines, side_by_side

if TYPE_CHECKING:
    from llmcli.interpretability.sections.alignment import Alignment


def show(alignment: "Alignment", view: View) -> None:
    """Show the weights between words, and for each target word what it reads most."""
    say, out = view.say("alignment"), view.out
    share = f"{100 * float(alignment.left_out.mean()):.0f}%"
    view.paragraph(say("lead", layers=alignment.layers, heads=alignment.heads, left_out=share))
    view.paragraph(say("words_says"))
    out.line()
    sources = [word.text for word in alignment.sources]
    targets = [word.text for word in alignment.targets]
    matrix = Matrix(targets, sources, alignment.mean)
    for line in matrix_lines(matrix, say("greatest")):
        out.line(line)
    fits = extent(matrix)
    if fits.is_cut(matrix):
        shown = {"first": fits.first, "last": len(targets) - 1, "column": fits.columns - 1}
        view.paragraph(say("drawn", rows=len(targets), columns=len(sources), **shown))
    out.line()
    out.line(say("pairs"))
    pairs = [
        say(
            "pair",
            target=targets[pair.target],
            source=sources[pair.source],
            weight=f"{pair.weight:.2f}",
        )
        for pair in alignment.pairs
    ]
    for line in side_by_side(pairs, WIDTH - 2):
        out.line(f"  {line}")
    out.line()
    view.paragraph(say("caution"))
