"""Step 2: each token becomes a vector, and so does its position."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from llmcli.data.results import Described
from llmcli.interpretability.checks import SelfCheck, largest_difference
from llmcli.interpretability.neighbours import nearest, usable_entries
from llmcli.interpretability.tour.blocks import (
    Bars,
    Block,
    Formula,
    Question,
    Table,
    Text,
    quoted,
    shown,
)
from llmcli.interpretability.tour.command_lines import command_line
from llmcli.interpretability.tour.course import Course
from llmcli.interpretability.tour.step import TourStep

SHOWN = 6  # numbers of a vector
NEIGHBOURS = 5
TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Neighbour(Described):
    """A token of the vocabulary beside another."""

    token: str
    """Its readable name."""
    cosine: float
    """Of the two vectors: 1 where they have the same direction."""


@dataclass(frozen=True, slots=True)
class Embedded(Described):
    """How one token of the sentence becomes a vector."""

    token: str
    """The longest one of the sentence."""
    id: int
    """Its row in the table of embeddings."""
    position: int
    """Its place in the sentence, from 0."""
    width: int
    """The numbers of a vector."""
    vocabulary: int
    """The rows of the table of embeddings."""
    embedding: tuple[float, ...]
    """The token's row, as the model multiplies it."""
    position_vector: tuple[float, ...] | None
    """What is added for the position; None of a model that adds nothing, such as one with rotary
    embedding."""
    vector: tuple[float, ...]
    """What the first layer gets."""
    neighbours: tuple[Neighbour, ...]
    """The tokens whose rows have the most similar direction."""


def build(course: Course) -> tuple[Embedded, tuple[SelfCheck, ...]]:
    """The vectors of the longest token, and how far their sum is from the model's own."""
    study = course.study
    at = max(study.reading.content, key=lambda at: (len(study.side.tokens[at].name), -at))
    token = study.side.tokens[at]
    table: Tensor = study.network.get_input_embeddings().weight
    vectors = study.outputs.hidden_states[0][0].double()  # (T, D)
    row, vector = table[token.id].double(), vectors[at]
    factor = _factor(study.network, row, vector)
    position, checks = _position(study.network, at, row * factor, vector)
    embedded = Embedded(
        token.name,
        token.id,
        at,
        table.shape[1],
        table.shape[0],
        tuple((row * factor).tolist()),
        position,
        tuple(vector.tolist()),
        _neighbours(course, table, token.id),
    )
    return embedded, checks


def _factor(network: Any, row: Tensor, vector: Tensor) -> float:
    """By what a model without position vectors multiplies its embeddings: 1, or as Gemma does."""
    if _position_table(network) is not None:
        return 1.0
    factor = float((row @ vector) / (row @ row))
    return factor if largest_difference(row * factor, vector) < TOLERANCE else 1.0


def _position_table(network: Any) -> nn.Embedding | None:
    """The model's table of position vectors, one learnt vector for each position."""
    for name, module in network.named_modules():
        own = name.rpartition(".")[2]
        if isinstance(module, nn.Embedding) and own in (
            "wpe",
            "embed_positions",
            "position_embeddings",
        ):
            return module
    return None


def _position(
    network: Any, at: int, scaled: Tensor, vector: Tensor
) -> tuple[tuple[float, ...] | None, tuple[SelfCheck, ...]]:
    """The vector of a position, and the check of the sum."""
    table = _position_table(network)
    added = vector - scaled
    if table is None:
        error = float(added.abs().max())
        if error < TOLERANCE:
            return None, (SelfCheck("learn.check_embedding", error, TOLERANCE),)
        return tuple(added.tolist()), ()
    own = table.weight[at + int(getattr(table, "offset", 0))].double()
    if own.shape != vector.shape:
        return tuple(added.tolist()), ()
    error = largest_difference(scaled + own, vector)
    return tuple(own.tolist()), (SelfCheck("learn.check_embedding", error, TOLERANCE),)


def _neighbours(course: Course, table: Tensor, token: int) -> tuple[Neighbour, ...]:
    allowed = usable_entries(course.subject.tokenizer, table)
    closest = nearest(table, [token], allowed, NEIGHBOURS)
    pairs = zip(closest.ids[0].tolist(), closest.similarity[0].tolist(), strict=True)
    return tuple(Neighbour(course.study.name(other), cosine) for other, cosine in pairs)


def step(course: Course) -> TourStep:
    """The step with its texts."""
    numbers, checks = build(course)
    best = numbers.neighbours[0]
    values = {
        "token": quoted(numbers.token),
        "id": str(numbers.id),
        "position": str(numbers.position),
        "width": str(numbers.width),
        "vocabulary": f"{numbers.vocabulary:,}",
        "rest": f"{max(0, numbers.width - SHOWN):,}",
        "nearest": quoted(best.token),
        "cosine": shown(best.cosine),
    }
    adds = numbers.position_vector is not None
    formula: tuple[Block, ...] = (Formula("embedding"),) if adds else ()
    kind = "embedding_position" if adds else "embedding_rotary"
    neighbours = tuple((quoted(each.token), each.cosine) for each in numbers.neighbours)
    return TourStep(
        "embedding",
        before=(Text("embedding_intro"), Text(kind), *formula),
        question=Question(
            Text("embedding_question"),
            Text("embedding_answer"),
            (best.token,),
        ),
        after=(
            Bars(Text("embedding_neighbours"), neighbours),
            Text("embedding_vectors"),
            _table(numbers),
            Text("embedding_why"),
        ),
        commands=(command_line("explain", course.read, course, "--section embeddings"),),
        numbers=numbers,
        values=values,
        checks=checks,
    )


def _table(numbers: Embedded) -> Table:
    lines = {
        f"E[{numbers.id}]": numbers.embedding,
        f"P[{numbers.position}]": numbers.position_vector,
        "x": numbers.vector,
    }
    rows = [
        (name, *(shown(value, 3) for value in line[:SHOWN]), "…")
        for name, line in lines.items()
        if line is not None
    ]
    places = [Text("as_is", {"text": str(at)}) for at in range(1, SHOWN + 1)]
    return Table((Text("column_vector"), *places, Text("as_is", {"text": "…"})), tuple(rows))
