"""Step 4: all heads of all layers beside one another, and how a layer joins its heads."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from llmcli.data.results import Described
from llmcli.interpretability.architecture import stacks
from llmcli.interpretability.checks import SelfCheck, largest_difference
from llmcli.interpretability.head_kinds import HeadKind, head_scores, kind_of
from llmcli.interpretability.probe import Captured
from llmcli.interpretability.study import Study
from llmcli.interpretability.tour.blocks import (
    Block,
    Formula,
    Question,
    Table,
    Text,
    percent,
    quoted,
)
from llmcli.interpretability.tour.command_lines import command_line
from llmcli.interpretability.tour.course import Course
from llmcli.interpretability.tour.step import TourStep

MOST_HEADS, MOST_LAYERS = 4, 12  # in the table
TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class Look(Described):
    """Where one head looks from the last token."""

    layer: int
    """From 0."""
    head: int
    """From 0."""
    kind: HeadKind
    """What it looks at most over all tokens of the sentence."""
    token: str
    """The token with the greatest weight."""
    position: int
    """Its place, from 0."""
    weight: float


@dataclass(frozen=True, slots=True)
class Heads(Described):
    """All heads of a model."""

    token: str
    """The last token, which looks."""
    layers: int
    heads: int
    """Of a layer."""
    looks: tuple[Look, ...]
    """Of each head, layer by layer."""
    favourite: str
    """The token that most heads look at."""
    favourite_count: int
    """How many heads look at it most."""
    kinds: dict[str, int]
    """How many heads are of each kind, the most frequent first."""


def build(course: Course) -> tuple[Heads, tuple[SelfCheck, ...]]:
    """Where each head looks, and whether the joined heads give what the layer gives."""
    study = course.study
    looks = tuple(look for captured in study.attentions for look in _looks(study, captured))
    places = Counter(look.position for look in looks)
    place, count = places.most_common(1)[0]
    numbers = Heads(
        study.side.tokens[study.position].name,
        len(study.attentions),
        study.attentions[0].weights.shape[1],
        looks,
        study.side.tokens[place].name,
        count,
        dict(Counter(look.kind for look in looks).most_common()),
    )
    return numbers, _join_check(study)


def _looks(study: Study, captured: Captured) -> Iterator[Look]:
    weights = captured.weights[0].cpu().numpy()  # (H, T, T)
    ids = np.array(study.side.ids)
    visible = np.tril(np.ones(weights.shape[1:], np.float32))
    scores = head_scores(
        "causal", weights, visible, (ids[:, None] == ids).astype(np.float32) * visible
    )
    for head in range(len(weights)):
        row = weights[head, study.position]
        place = int(row.argmax())
        kind = kind_of({name: float(values[head]) for name, values in scores.items()})
        name = study.side.tokens[place].name
        yield Look(captured.site.layer, head, kind, name, place, float(row[place]))


def _join_check(study: Study) -> tuple[SelfCheck, ...]:
    """Concat(heads) W^O of the first layer, in float64, against what the layer gave."""
    part = stacks(study.network)["self"].blocks[0].part("self")
    if part is None or not hasattr(part.output, "weight"):
        return ()
    given: list[Tensor] = []
    hook = part.output.register_forward_hook(lambda module, args, output: given.append(output[0]))
    try:
        study.run()
    finally:
        hook.remove()
    output = study.attentions[0].output
    assert output is not None
    joined = output[0].flatten(1).double()  # (T, H d)
    return (
        SelfCheck(
            "learn.check_join",
            largest_difference(_projected(part.output, joined).cpu(), given[0].cpu()),
            TOLERANCE,
        ),
    )


def _projected(projection: nn.Module, joined: Tensor) -> Tensor:
    weight: Any = projection.weight
    bias: Any = getattr(projection, "bias", None)
    matrix = weight.double() if type(projection).__name__ == "Conv1D" else weight.double().T
    with torch.no_grad():
        result: Tensor = joined @ matrix
        return result if bias is None else result + bias.double()


def step(course: Course) -> TourStep:
    """The step with its texts."""
    numbers, checks = build(course)
    values = {
        "layers": str(numbers.layers),
        "heads": str(numbers.heads),
        "all": str(len(numbers.looks)),
        "token": quoted(numbers.token),
        "favourite": quoted(numbers.favourite),
        "count": str(numbers.favourite_count),
        "shown": str(min(MOST_HEADS, numbers.heads)),
    }
    is_first = numbers.favourite == course.study.side.tokens[0].name
    why: tuple[Block, ...] = (Text("heads_first"),) if is_first else ()
    kinds: tuple[Block, ...] = tuple(
        Text(f"heads_kind_{kind}", {"count": str(count), "all": values["all"]}, "item")
        for kind, count in numbers.kinds.items()
    )
    return TourStep(
        "heads",
        before=(Text("heads_intro"), Formula("multi_head")),
        question=Question(Text("heads_question"), Text("heads_answer"), (numbers.favourite,)),
        after=(
            *why,
            Text("heads_table"),
            _table(numbers),
            Text("heads_kinds"),
            *kinds,
            Text("heads_warning"),
        ),
        commands=(command_line("explain", course.read, course, "--section attention"),),
        numbers=numbers,
        values=values,
        checks=checks,
    )


def _table(numbers: Heads) -> Table:
    heads = range(min(MOST_HEADS, numbers.heads))
    layers = range(min(MOST_LAYERS, numbers.layers))
    by_place = {(look.layer, look.head): look for look in numbers.looks}
    rows = [(str(layer), *(_cell(by_place[layer, head]) for head in heads)) for layer in layers]
    columns = (
        Text("column_layer"),
        *(Text("column_head", {"head": str(head)}) for head in heads),
    )
    return Table(columns, tuple(rows), left=1 + len(heads))


def _cell(look: Look) -> str:
    return f"{quoted(look.token)} {percent(look.weight)}"
