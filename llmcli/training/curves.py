"""Loss curves of a run: reads metrics.jsonl and plots it."""

from dataclasses import dataclass
from pathlib import Path

from llmcli.system import own_files
from llmcli.system.extras import load_extra
from llmcli.system.metadata import Metadata
from llmcli.system.shapes import NUMBER, Between, Object

LOG = 256 << 20  # bytes; of a long run
RECORD = Object({"step": Between(0, 10**12), "loss": NUMBER, "eval_loss": NUMBER}, needs=("step",))
Points = list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Curves:
    """Training and validation loss, in nats, as (step, loss) points."""

    training: Points
    validation: Points


def read_curves(path: Path) -> Curves:
    """Read the losses of a run from its metrics.jsonl.

    A resumed run may repeat steps: the last record of each step counts. An incomplete last line,
    which a killed run may leave, is left out. Raises InputError for a damaged file.
    """
    training: dict[int, float] = {}
    validation: dict[int, float] = {}
    for record in Metadata(path, cure="start a new run", limit=LOG).json_lines(RECORD):
        if "loss" in record:
            training[record["step"]] = record["loss"]
        if "eval_loss" in record:
            validation[record["step"]] = record["eval_loss"]
    return Curves(sorted(training.items()), sorted(validation.items()))


def save_png(curves: Curves, path: Path, title: str) -> None:
    """Plot both curves to a PNG file, replaced atomically.

    Raises InputError if matplotlib is not installed.
    """
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
    with own_files.replacing(path) as file:
        figure.savefig(file, format="png")
