"""Step 6: what the model would say after each layer."""

from dataclasses import dataclass

import numpy as np

from llmcli.data.results import Described
from llmcli.errors import ModelUnsuitable
from llmcli.interpretability.checks import SelfCheck
from llmcli.interpretability.sections import layers as lens
from llmcli.interpretability.tour.blocks import (
    Formula,
    Question,
    Table,
    Text,
    percent,
    quoted,
    titles,
)
from llmcli.interpretability.tour.command_lines import command_line
from llmcli.interpretability.tour.course import Course
from llmcli.interpretability.tour.step import TourStep


@dataclass(frozen=True, slots=True)
class Layer(Described):
    """What the model would predict if it stopped here."""

    layer: int
    """How many layers have run: 0 is the embedding alone."""
    token: str
    """The most probable next token."""
    probability: float
    """Its probability."""
    final_probability: float
    """The probability of the token that the whole model predicts."""


@dataclass(frozen=True, slots=True)
class Layers(Described):
    """The prediction at the last position, layer by layer."""

    token: str
    """The last token of the sentence."""
    final: str
    """The token that the whole model predicts."""
    settled: int
    """After how many layers that token is on top, and stays there."""
    layers: tuple[Layer, ...]
    """From the embedding (0) to the last layer."""


def build(course: Course) -> tuple[Layers, tuple[SelfCheck, ...]]:
    """The section `layers` of explain, at the last position."""
    study = course.study
    reason = lens.reason_against(study)
    if reason is not None:
        raise ModelUnsuitable(f"{study.model_id}: {reason}; learn needs another `model`")
    result, at = lens.build(study, study.options), study.position
    best = result.top[:, at, 0]  # (1 + L,)
    others = np.flatnonzero(best != best[-1])
    layers = tuple(
        Layer(
            number,
            result.names[int(best[number])],
            float(result.probability[number, at, 0]),
            float(result.final_probability[number, at]),
        )
        for number in range(len(best))
    )
    numbers = Layers(
        study.side.tokens[at].name,
        result.names[int(best[-1])],
        int(others[-1]) + 1 if len(others) else 0,
        layers,
    )
    return numbers, result.checks


def step(course: Course) -> TourStep:
    """The step with its texts."""
    numbers, checks = build(course)
    count = len(numbers.layers) - 1
    time = "early" if numbers.settled <= count / 2 else "late"
    values = {
        "layers": str(count),
        "token": quoted(numbers.token),
        "final": quoted(numbers.final),
        "settled": str(numbers.settled),
        "probability": percent(numbers.layers[-1].probability),
    }
    rows = tuple(
        (
            str(layer.layer),
            quoted(layer.token),
            percent(layer.probability),
            percent(layer.final_probability),
        )
        for layer in numbers.layers
    )
    columns = titles("column_layer", "column_best", "column_probability")
    return TourStep(
        "layers",
        before=(Text("layers_intro"), Formula("layer"), Text("layers_lens")),
        question=Question(
            Text("layers_question"),
            Text(f"layers_{time}"),
            (Text(f"guess_{time}"),),
        ),
        after=(
            Table((*columns, Text("column_final")), rows, left=2),
            Text("layers_why"),
        ),
        commands=(command_line("explain", course.read, course, "--section layers"),),
        numbers=numbers,
        values=values,
        checks=checks,
    )
