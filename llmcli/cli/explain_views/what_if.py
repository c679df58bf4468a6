"""The what-if section on a terminal: ablation, a swapped word, patched activations."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from llmcli.cli.explain_views import WIDTH, View
from llmcli.cli.plain_tables import number, plain_table, probability, signed
from llmcli.cli.wrapping import shortened, wrapped

if TYPE_CHECKING:
    from llmcli.arrays import Floats
    from llmcli.interpretability.ablation import HeadRow
    from llmcli.interpretability.patching import Patch
    from llmcli.interpretability.sections.what_if import WhatIf
    from llmcli.interpretability.swapping import Shift, Swap

paragraph = partial(wrapped, width=WIDTH)

CELL = 6  # columns of a number such as -12.34
MOST_HEADS = 8
MOST_COLUMNS = 7


def show(result: "WhatIf", view: View) -> None:
    """Show what follows from each change."""
    texts = view.words("what-if")
    for line in _lines(result, view, texts):
        view.out.line(line)


def _lines(result: "WhatIf", view: View, texts: Mapping[str, str]) -> Iterator[str]:
    yield from paragraph(texts["lead_number" if result.is_number else "lead"])
    yield _baseline(result, texts)
    yield from paragraph(texts[f"ablate_{result.ablate}"])
    for layers in result.layers:
        yield f"\n{texts[f'layers_{layers.stack}']}"
        columns = [texts[f"kind_{kind}"] for kind in layers.kinds]
        yield grid(texts["layer"], layers.layers, columns, layers.change)
    for part in result.heads:
        yield f"\n{texts[f'heads_{part.part}']}"
        columns = [str(head) for head in part.numbers]
        if (CELL + 1) * len(columns) + 6 <= WIDTH:
            yield grid(texts["layer"], part.layers, columns, part.change)
        elif CELL * len(columns) + 6 <= WIDTH:
            yield grid(texts["layer"], part.layers, columns, part.change, "+.1f")
    if result.heads:
        yield from _heads(result, view, texts)
    elif result.without_heads is not None:
        yield ""
        yield from paragraph(texts[result.without_heads])
    yield ""
    if result.swap is not None:
        yield from _swap(result.swap, texts, result.is_number)
    else:
        yield from paragraph(texts["no_swap"])
    yield ""
    if result.patch is not None:
        yield from _patch(result.patch, view, texts)
    else:
        yield from paragraph(texts["no_patch"])


def _baseline(result: "WhatIf", texts: Mapping[str, str]) -> str:
    if result.is_number:
        return texts["baseline_number"].format(value=number(result.log_probability))
    return texts["baseline"].format(
        target=result.target,
        log_p=f"{result.log_probability:.3f}",
        p=probability(math.exp(result.log_probability), 3),
    )


def _heads(result: "WhatIf", view: View, texts: Mapping[str, str]) -> Iterator[str]:
    """The heads with the largest effects, beside what they attend to."""
    from llmcli.interpretability.ablation import ranked_heads

    yield f"\n{texts['largest']}"
    names = [texts[key] for key in ("head", "change", "divergence", "says", "looks", "weight")]
    rows = [
        [
            head_name(row, texts),
            f"{row.change:+.2f}",
            "-" if math.isnan(row.divergence) else f"{row.divergence:.2f}",
            shortened(f"'{result.names[row.best]}'", 16),
            shortened(f"'{attended_token(row, view)}'", 16),
            f"{row.weight:.2f}",
        ]
        for row in ranked_heads(result.heads)[:MOST_HEADS]
    ]
    yield plain_table(names, rows, {1, 2, 5})
    yield ""
    yield from paragraph(texts["caution"])
    if result.correlation is not None:
        yield from paragraph(texts["correlation"].format(value=f"{result.correlation:.2f}"))
    if result.idle is not None:
        yield from paragraph(
            texts["example"].format(
                name=head_name(result.idle, texts),
                token=attended_token(result.idle, view),
                weight=f"{result.idle.weight:.2f}",
                change=f"{result.idle.change:+.2f}",
            )
        )


def head_name(row: "HeadRow", texts: Mapping[str, str]) -> str:
    """`3.1` for the second head of the fourth layer; with its part in an encoder-decoder."""
    key = "head_name" if row.part == "self" else f"head_name_{row.part}"
    return texts[key].format(layer=row.layer, head=row.head)


def attended_token(row: "HeadRow", view: View) -> str:
    """The readable token to which a head attends most."""
    sides = view.explanation.sides
    return sides[-1 if row.part == "decoder" else 0].tokens[row.attended].name


def _swap(swap: "Swap", texts: Mapping[str, str], is_number: bool) -> Iterator[str]:
    yield texts["swap_title"].format(old=swap.old, new=swap.new)
    yield from paragraph(texts["swap_text"].format(text=swap.text))
    yield texts["swap_count"].format(
        count=swap.count, before=swap.tokens_before, after=len(swap.tokens)
    )
    before, after = swap.best
    if is_number:
        yield texts["swap_number"].format(before=number(before.before), after=number(after.after))
        return
    line = texts["swap_best"].format(
        before=before.name,
        before_p=probability(before.before, 3),
        after=after.name,
        after_p=probability(after.after, 3),
    )
    yield from paragraph(line)
    if swap.divergence is not None:
        yield texts["swap_divergence"].format(value=f"{swap.divergence:.3f}")
    for key, shifts in (("gains", swap.gains), ("losses", swap.losses)):
        if shifts:
            yield f"\n{texts[key]}"
            yield _shift_table(shifts, texts)


def _shift_table(shifts: "Sequence[Shift]", texts: Mapping[str, str]) -> str:
    names = [texts[key] for key in ("candidate", "before", "after", "change")]
    rows = [
        [
            shortened(f"'{shift.name}'", 30),
            probability(shift.before, 3),
            probability(shift.after, 3),
            f"{shift.after - shift.before:+.3f}",
        ]
        for shift in shifts
    ]
    return plain_table(names, rows, {1, 2, 3})


def _patch(patch: "Patch", view: View, texts: Mapping[str, str]) -> Iterator[str]:
    yield texts["patch_title"]
    yield from paragraph(texts["patch_lead"].format(text=patch.text))
    metric = texts["patch_metric"].format(
        target=patch.target, foil=patch.foil, here=signed(patch.here), there=signed(patch.there)
    )
    yield from paragraph(metric)
    form = "+.2f" if patch.is_same else ".0%"
    if patch.is_same:
        yield from paragraph(texts["patch_same"])
    places = ", ".join(f"{at} '{patch.tokens[at]}'" for at in patch.differs)
    yield from paragraph(texts["differs"].format(positions=places or "-"))
    for stream in patch.streams:
        yield f"\n{texts[f'streams_{stream.stack}']}"
        values = patch.shown(stream)
        columns = largest_columns(values, MOST_COLUMNS)
        tokens = view.explanation.sides[-1 if stream.stack == "decoder" else 0].tokens
        names = [shortened(f"{at}{tokens[at].name}", CELL + 2) for at in columns]
        layers = [*map(str, range(len(values) - 1)), texts["end"]]
        yield grid(texts["layer"], layers, names, values[:, columns], form)
        if len(columns) < values.shape[1]:
            counts = {"shown": len(columns), "count": values.shape[1]}
            yield from paragraph(texts["some_positions"].format(**counts))
    for part in patch.heads:
        values = patch.shown(part)
        if (CELL + 2) * values.shape[1] + 6 <= WIDTH:
            yield f"\n{texts[f'patch_heads_{part.part}']}"
            heads = [str(head) for head in part.numbers]
            yield grid(texts["layer"], part.layers, heads, values, form)


def grid(
    corner: str,
    rows: Sequence[object],
    columns: Sequence[str],
    values: "Floats",
    form: str = "+.2f",
) -> str:
    """A table of numbers in the format `form`."""
    cells = [
        [str(name), *("-" if value != value else format(value, form) for value in line)]
        for name, line in zip(rows, (values.round(2) + 0.0).tolist(), strict=True)  # no -0
    ]
    return plain_table([corner, *columns], cells, set(range(len(columns) + 1)))


def largest_columns(values: "Floats", most: int) -> list[int]:
    """The columns of a matrix (R, C) that have its largest values, in their order."""
    sizes = abs(values).max(0)
    return sorted(sizes.argsort()[::-1][:most].tolist())
