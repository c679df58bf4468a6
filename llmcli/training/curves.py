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
