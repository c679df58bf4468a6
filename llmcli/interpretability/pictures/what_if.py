"""The picture of the what-if section: effects of layers and heads, a swapped word, patches."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from llmcli.interpretability.patching import Patch
from llmcli.interpretability.pictures.figure import Say
from llmcli.interpretability.pictures.style import BLUE, GREY, HeatMap, bars, heat_map
from llmcli.interpretability.sections.what_if import WhatIf
from llmcli.interpretability.swapping import Swap

ROW = 0.27  # inches of a row of numbers
TITLES = 0.7
Panel = tuple[float, Callable[[Any], None]]
"""Its height in inches, and what draws it into axes."""


def height(result: WhatIf) -> float:
    """Inches that the section needs."""
    return sum(panel[0] for panel in _panels(result, _nothing))


def draw(result: WhatIf, figure: Any, say: Say) -> None:
    """Draw one panel below the other."""
    panels = list(_panels(result, say))
    ratios = [panel[0] for panel in panels]
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=ratios)
    for (_, panel), own in zip(panels, axes[:, 0], strict=True):
        panel(own)


def _nothing(key: str, **values: object) -> str:
    return ""


def _panels(result: WhatIf, say: Say) -> Iterator[Panel]:
    label = say("change")
    for stack in result.layers:
        columns = [say(f"kind_{kind}") for kind in stack.kinds]
        title = say(f"layers_{stack.stack}")
        yield _grid(title, say, _changes(stack.change, stack.layers, columns, label, "+.2f"))
    for part in result.heads:
        columns = [str(head) for head in part.numbers]
        title = say(f"heads_{part.part}")
        yield _grid(title, say, _changes(part.change, part.layers, columns, label, "+.2f"))
    if result.heads:
        yield 3.2, lambda axes: _scatter(axes, result, say)
    if result.swap is not None and not result.is_number:
        yield _swapped(result.swap, say)
    if result.patch is not None:
        yield from _patched(result.patch, say)


def _swapped(swap: Swap, say: Say) -> Panel:
    shifts = [*swap.gains, *reversed(swap.losses)]

    def panel(axes: Any) -> None:
        changes = [shift.after - shift.before for shift in shifts]
        label = f"p ({say('after')}) − p ({say('before')})"
        bars(axes, [shift.name for shift in shifts], changes, label)
        axes.set_title(say("swap_title", old=swap.old, new=swap.new), loc="left")

    return TITLES + ROW * len(shifts), panel


def _patched(patch: Patch, say: Say) -> Iterator[Panel]:
    form, label = ("+.2f", say("change")) if patch.is_same else (".0%", "")
    for stream in patch.streams:
        values = patch.shown(stream)
        rows = [*range(len(values) - 1), say("end")]
        own = patch.tokens if stream.stack != "decoder" else [""] * values.shape[1]
        columns = [f"{at} {name}".rstrip() for at, name in enumerate(own)]
        title = say(f"streams_{stream.stack}")
        yield _grid(title, say, _changes(values, rows, columns, label, form))
    for part in patch.heads:
        values = patch.shown(part)
        columns = [str(head) for head in part.numbers]
        title = say(f"patch_heads_{part.part}")
        yield _grid(title, say, _changes(values, part.layers, columns, label, form))


def _grid(title: str, say: Say, heat: HeatMap) -> Panel:
    def panel(axes: Any) -> None:
        heat_map(axes, heat)
        axes.set_title(title, loc="left")
        axes.set_ylabel(say("layer"))

    is_long = max(map(len, heat.columns or ()), default=0) > 6
    return TITLES + ROW * len(heat.values) + (0.6 if is_long else 0), panel


def _changes(values: Any, rows: Any, columns: list[str], label: str, form: str) -> HeatMap:
    """A heat map of changes with its numbers; rows: numbers or names of layers."""
    names = [str(row) for row in rows]
    return HeatMap(
        values=values, rows=names, columns=columns, changes=True, label=label, numbers=form
    )


def _scatter(axes: Any, result: WhatIf, say: Say) -> None:
    weights = np.concatenate([part.weight.ravel() for part in result.heads])
    sizes = np.abs(np.concatenate([part.change.ravel() for part in result.heads]))
    axes.scatter(weights, sizes, s=18, color=BLUE, alpha=0.7, edgecolors="none")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(say("weight"))
    axes.set_ylabel(f"|{say('change')}|")
    axes.grid(alpha=0.25, color=GREY)
    axes.set_title(say("caution"), loc="left")
