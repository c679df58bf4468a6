"""The losses of a run, read from metrics.jsonl and drawn."""

import json
from dataclasses import dataclass
from pathlib import Path

from llmcli.system.extras import load_extra

Points = list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Curves:
    """Losses in nats by step."""

    training: Points
    validation: Points


def read_curves(path: Path) -> Curves:
    """Read what a run recorded; of a step that was made twice, resumed, the last record counts."""
    training: dict[int, float] = {}
    validation: dict[int, float] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except ValueError:  # the last line of a run that was killed
            continue
        if "loss" in record:
            training[record["step"]] = record["loss"]
        if "eval_loss" in record:
            validation[record["step"]] = record["eval_loss"]
    return Curves(sorted(training.items()), sorted(validation.items()))


def save_png(curves: Curves, path: Path, title: str) -> None:
    """Draw both curves, whole or not at all. Raises InputError without matplotlib."""
    matplotlib = load_extra("matplotlib.figure", "a loss curve as PNG")
    figure = matplotlib.Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    if curves.training:
        axes.plot(*zip(*curves.training, strict=True), label="training", linewidth=1, alpha=0.7)
    if curves.validation:
        axes.plot(*zip(*curves.validation, strict=True), label="validation", marker="o")
    axes.set_xlabel("step")
    axes.set_ylabel("loss (nats)")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend()
    aside = path.with_name(path.name + ".part")
    figure.savefig(aside, format="png")
    aside.replace(path)


BLOCKS = " ▁▂▃▄▅▆▇█"


def chart(points: Points, width: int, height: int = 8) -> list[str]:
    """Lines of a bar chart: the mean of the points in each of `width` stretches of steps.

    It reaches from the lowest of these means to the highest one.

    >>> chart([(1, 4.0), (2, 2.0), (3, 1.0)], width=3, height=2)
    ['4.00 █  ', '1.00 █▆▁']
    """
    if not points:
        return []
    width = min(width, len(points))
    first, last = points[0][0], points[-1][0]
    columns: list[list[float]] = [[] for _ in range(width)]
    for step, value in points:
        at = (step - first) * width // (last - first + 1)
        columns[at].append(value)
    means: list[float] = []
    for column in columns:
        means.append(sum(column) / len(column) if column else means[-1])
    low, high = min(means), max(means)
    span = high - low or 1.0
    eighths = [1 + round((8 * height - 1) * (mean - low) / span) for mean in means]
    rows = []
    for row in reversed(range(height)):
        bars = "".join(BLOCKS[min(8, max(0, one - 8 * row))] for one in eighths)
        label = f"{high:.2f}" if row == height - 1 else f"{low:.2f}" if row == 0 else ""
        rows.append(f"{label:>{len(f'{high:.2f}')}} {bars}")
    return rows
