"""Step 3: one head of attention, computed by hand for the last token."""

from dataclasses import dataclass

import numpy as np

from llmcli.data.results import Described
from llmcli.interpretability.sections.by_hand import ByHand, recomputed
from llmcli.interpretability.tour.blocks import (
    Formula,
    Question,
    Table,
    Text,
    listed_numbers,
    percent,
    quoted,
    shown,
    titles,
)
from llmcli.interpretability.tour.command_lines import command_line
from llmcli.interpretability.tour.course import Course
from llmcli.interpretability.tour.softmax import Doubles
from llmcli.interpretability.tour.step import TourStep

MOST = 14  # keys in the table
SHOWN = 4  # numbers of a vector


@dataclass(frozen=True, slots=True)
class Key(Described):
    """A token that the query looks at."""

    token: str
    """Its readable name."""
    position: int
    """Its place, from 0."""
    product: float
    """q . k"""
    score: float
    """q . k / sqrt(d), with the model's bias if it has one."""
    exponential: float
    """exp(score - the greatest score)"""
    weight: float
    """That, divided by the sum of all."""


@dataclass(frozen=True, slots=True)
class Head(Described):
    """One query of one head."""

    layer: int
    """From 0."""
    head: int
    """From 0."""
    token: str
    """The last token, which looks."""
    position: int
    """Its place, from 0."""
    size: int
    """The numbers of a query, a key or a value: d."""
    keys: tuple[Key, ...]
    """The tokens that it sees, in the order of the text."""
    total: float
    """The sum of the exponentials."""
    output: tuple[float, ...]
    """The sum of the values, each times its weight, by hand (d,)."""
    model_output: tuple[float, ...]
    """The same from the model (d,)."""


def build(course: Course) -> Head:
    """The last token's query of the head that the section `by-hand` of explain takes."""
    result, at = course.by_hand, course.study.position
    weights, output = (values[at] for values in recomputed(result))
    scores = scores_of(result)[at]  # (S,)
    seen = np.flatnonzero(np.isfinite(result.mask[at])).tolist()
    least = -np.inf if result.sink is None else result.sink
    exponentials = np.exp(scores - max(float(scores[seen].max()), least))
    keys = tuple(
        Key(
            course.study.side.tokens[place].name,
            place,
            float(result.products[at, place]),
            float(scores[place]),
            float(exponentials[place]),
            float(weights[place]),
        )
        for place in seen
    )
    return Head(
        result.layer,
        result.head,
        course.study.side.tokens[at].name,
        at,
        result.width,
        keys,
        sum(key.exponential for key in keys),
        tuple(output.tolist()),
        tuple(map(float, result.output[at])),
    )


def scores_of(result: ByHand) -> Doubles:
    """The scores (T, S) of a head in float64, with the model's bias, but without the mask."""
    scores = result.query.astype(np.float64) @ result.key.astype(np.float64).T * result.scaling
    if result.softcap is not None:
        scores = result.softcap * np.tanh(scores / result.softcap)
    with_bias: Doubles = scores + np.where(np.isfinite(result.mask), result.mask, 0.0)
    return with_bias


def step(course: Course) -> TourStep:
    """The step with its texts."""
    numbers = build(course)
    best = max(numbers.keys, key=lambda key: key.weight)
    values = {
        "token": quoted(numbers.token),
        "layer": str(numbers.layer),
        "head": str(numbers.head),
        "size": str(numbers.size),
        "root": shown(numbers.size**0.5),
        "best": quoted(best.token),
        "weight": percent(best.weight),
        "total": shown(numbers.total, 3),
        "output": listed_numbers(numbers.output[:SHOWN]),
        "model": listed_numbers(numbers.model_output[:SHOWN]),
        "left_out": str(max(0, len(numbers.keys) - MOST)),
    }
    rest = (Text("head_left_out"),) if len(numbers.keys) > MOST else ()
    return TourStep(
        "head",
        before=(Text("head_intro"), Formula("attention"), Text("head_chosen")),
        question=Question(Text("head_question"), Text("head_answer"), (best.token,)),
        after=(
            _table(numbers),
            *rest,
            Text("head_total"),
            Text("head_sum"),
            Text("head_output"),
        ),
        commands=(command_line("explain", course.read, course, "--section by-hand"),),
        numbers=numbers,
        values=values,
        checks=course.by_hand.checks,
    )


def _table(numbers: Head) -> Table:
    """The keys with the greatest weights, in the order of the text."""
    chosen = sorted(numbers.keys, key=lambda key: -key.weight)[:MOST]
    rows = [
        (
            quoted(key.token),
            shown(key.product),
            shown(key.score),
            shown(key.exponential, 3),
            shown(key.weight, 3),
        )
        for key in sorted(chosen, key=lambda key: key.position)
    ]
    columns = titles("column_token", "column_product", "column_score")
    return Table((*columns, *titles("column_exponential", "column_weight")), tuple(rows))
