"""Tokens with their surprisal, on a terminal."""

import math
from typing import TYPE_CHECKING

from llmcli.cli.colours import PLAIN, Stretch
from llmcli.cli.explain_views import View
from llmcli.cli.output import quoted
from llmcli.cli.plain_tables import plain_table, shortened
from llmcli.cli.wrapping import wrapped

if TYPE_CHECKING:
    from llmcli.interpretability.sections.tokens import Prediction, Tokens

TINTS = ((6.0, 208), (3.0, 215), (1.0, 223))
"""From how many nats a token has which background, of the terminal's 256 colours."""
WIDTH, MOST_OF_TOKEN, MOST_OF_GUESSES = 80, 18, 34  # columns
GUESSES = 3


def show(result: "Tokens", view: View) -> None:
    """Show the text tinted by surprisal, then a table under each condition."""
    for number, prediction in enumerate(result.predictions):
        if number:
            view.out.line()
        _show_prediction(result, prediction, view)


def _show_prediction(result: "Tokens", prediction: "Prediction", view: View) -> None:
    texts, out = view.words("tokens"), view.out
    if len(result.predictions) > 1:
        out.line(f"{texts['view']} {texts[f'view_{prediction.name}']}:")
        out.line()
    tinted = zip(result.tokens, prediction.surprisal.tolist(), strict=True)
    space = " " if prediction.name != "next" else ""  # BERT's tokens have none of their own
    for number, (name, nats) in enumerate(tinted):
        out.styled([(space if number else "", PLAIN), _tinted(name, nats)])
    out.line()
    out.line()
    columns = ["", texts["token"], texts["column_nats"], texts["rank"], texts["column_likely"]]
    rows = [_row(result, prediction, at) for at in range(len(result.tokens))]
    out.line(plain_table(columns, rows, {0, 2, 3}))
    count, total = prediction.count, prediction.total
    if count:
        out.line()
        summary = texts[f"sum_{prediction.name}"].format(
            total=texts["nats"].format(value=f"{total:.2f}"),
            count=count,
            mean=texts["nats"].format(value=f"{total / count:.2f}"),
            perplexity=f"{math.exp(min(total / count, 700)):.4g}",
        )
        out.line("\n".join(wrapped(summary, WIDTH)))


def _tinted(name: str, nats: float) -> Stretch:
    colour = next((colour for least, colour in TINTS if nats >= least), None)
    return name, PLAIN if colour is None else {"fg": "black", "bg": colour}


def _row(result: "Tokens", prediction: "Prediction", at: int) -> list[str]:
    nats, rank = prediction.surprisal[at], prediction.ranks[at]
    guesses = zip(
        prediction.likely_names[at][:GUESSES], prediction.likely_probabilities[at], strict=False
    )
    return [
        str(at),
        shortened(quoted(result.tokens[at]), MOST_OF_TOKEN),
        "" if math.isnan(nats) else f"{nats:.2f}",
        str(rank) if rank else "",
        shortened("  ".join(f"{quoted(name)} {p:.0%}" for name, p in guesses), MOST_OF_GUESSES),
    ]
