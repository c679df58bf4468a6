"""One attention head by hand, in a terminal."""

import math
from typing import Any

from llmcli.cli.explain_views import View
from llmcli.cli.output import quoted
from llmcli.cli.tables import show_table

SHOWN = 8  # numbers of a vector


def show(result: Any, view: View) -> None:
    """Show the steps from q, k and v to what the layer adds, for one position."""
    texts, out, position = view.words("by-hand"), view.out, result.position
    sides = view.explanation.sides
    token = quoted(sides[result.queries_side].tokens[position].name)
    lead = texts["cross_lead" if result.part == "cross" else "lead"]
    view.paragraph(
        lead.format(layer=result.layer, head=result.head, token=token, position=position)
    )
    out.line()
    view.paragraph(texts["query"].format(token=token, width=result.width))
    _vector(result.query[position], result.width, view)
    out.line()
    scaling = f"{result.scaling:.4g}"
    is_usual = math.isclose(result.scaling, result.width**-0.5, rel_tol=1e-6)
    view.paragraph(
        texts["scale_says" if is_usual else "scale_other"].format(
            scaling=scaling, width=result.width
        )
    )
    _table(result, view)
    view.paragraph(texts["output"].format(width=result.output.shape[-1]))
    _vector(result.output[position], result.output.shape[-1], view)
    if result.written is None:
        out.line(texts["no_projection"])
        return
    joined, heads = result.joined.shape[-1], result.heads
    view.paragraph(texts["joined"].format(heads=heads, joined=joined))
    _vector(result.written[position], result.all_written.shape[-1], view)


def _vector(numbers: Any, count: int, view: View) -> None:
    """Write the first numbers of a vector, and how many follow."""
    shown = "  ".join(f"{number:.3f}" for number in numbers[:SHOWN])
    more = view.words("by-hand")["more"].format(count=count - SHOWN) if count > SHOWN else ""
    view.out.line(f"  {shown} {more}".rstrip())


def _table(result: Any, view: View) -> None:
    texts, position = view.words("by-hand"), result.position
    scores = result.products[position] * result.scaling
    scaled = texts["scaled"].format(scaling=f"{result.scaling:.4g}")
    columns = [texts["token"], texts["product"], scaled]
    steps = [result.products[position], scores]
    if result.softcap is not None:
        scores = [result.softcap * math.tanh(score / result.softcap) for score in scores]
        columns.append(texts["capped"].format(softcap=result.softcap))
        steps.append(scores)
    masked = [score + bias for score, bias in zip(scores, result.mask[position], strict=True)]
    most = max([*masked, *([] if result.sink is None else [result.sink])])
    exponentials = [math.exp(score - most) for score in masked]
    columns += [texts["bias"], texts["exponential"], texts["weight"]]
    side = view.explanation.sides[result.keys_side]
    rows = [
        [
            quoted(token.name),
            *(f"{step[at]:.3f}" for step in steps),
            texts["hidden"] if masked[at] == -math.inf else f"{masked[at]:.3f}",
            f"{exponentials[at]:.4f}",
            f"{result.weights[position][at]:.4f}",
        ]
        for at, token in enumerate(side.tokens)
    ]
    show_table(columns, rows, right=frozenset(columns[1:]))
    total = sum(exponentials)
    if result.sink is not None:
        total += math.exp(result.sink - most)
    view.paragraph(texts["exp_says"].format(most=f"{most:.3f}", total=f"{total:.4f}"))
    if result.sink is not None:
        share = f"{sum(result.weights[position]):.4f}"
        view.paragraph(texts["sink_says"].format(sink=f"{result.sink:.3f}", sum=share))
    view.out.line()
