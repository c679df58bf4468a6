"""Step 8: cross-entropy, the mean surprisal, and its exponential, the perplexity."""

import math
from dataclasses import dataclass

import torch

from llmcli.data.results import Described
from llmcli.interpretability.checks import SelfCheck
from llmcli.interpretability.study import Study
from llmcli.interpretability.tour.blocks import (
    Block,
    Formula,
    Question,
    Table,
    Text,
    quoted,
    shown,
    titles,
)
from llmcli.interpretability.tour.command_lines import command_line
from llmcli.interpretability.tour.course import Course
from llmcli.interpretability.tour.step import TourStep

MOST = 24  # rows of the table
TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Surprise(Described):
    """How unexpected a token is."""

    token: str
    """Its readable name."""
    probability: float
    """By the model, given all tokens before it."""
    nats: float
    """-log of that: its surprisal."""


@dataclass(frozen=True, slots=True)
class Loss(Described):
    """How well the model predicts the sentence."""

    tokens: tuple[Surprise, ...]
    """All but the first, which nothing comes before."""
    mean_nats: float
    """The cross-entropy: the loss that training makes smaller."""
    perplexity: float
    """exp(mean_nats)"""


def build(course: Course) -> tuple[Loss, tuple[SelfCheck, ...]]:
    """The surprisal of each token; the mean is checked against the loss that transformers gives."""
    study = course.study
    nats = surprisals(study)
    if not nats:
        return Loss((), math.nan, math.nan), ()
    tokens = tuple(
        Surprise(token.name, math.exp(-value), value)
        for token, value in zip(study.side.tokens[1:], nats, strict=True)
    )
    mean = sum(nats) / len(nats)
    own = float(study.run({**study.inputs, "labels": study.inputs["input_ids"]}).loss)
    check = SelfCheck("learn.check_loss", abs(mean - own), TOLERANCE)
    return Loss(tokens, mean, math.exp(mean)), (check,)


def surprisals(study: Study) -> list[float]:
    """The surprisal of each token but the first, in nats."""
    chances = torch.log_softmax(study.logits[:-1].double(), -1)  # (T - 1, V)
    following = torch.tensor(study.side.ids[1:], device=chances.device)
    values: list[float] = (-chances.gather(1, following[:, None])[:, 0]).tolist()
    return values


def step(course: Course) -> TourStep:
    """The step with its texts. A sentence of one token has nothing to predict, and says so."""
    numbers, checks = build(course)
    greatest = max(numbers.tokens, key=lambda each: each.nats, default=None)
    rows = tuple(
        (quoted(each.token), shown(each.probability, 3), shown(each.nats))
        for each in numbers.tokens[:MOST]
    )
    table: tuple[Block, ...] = (
        Table(titles("column_token", "column_probability", "column_nats"), rows),
        Text("loss_mean"),
        Text("loss_perplexity"),
        Text("loss_training"),
    )
    return TourStep(
        "loss",
        before=(Text("loss_intro"), Formula("cross_entropy")),
        question=Question(
            Text("loss_question"),
            Text("loss_answer" if greatest else "loss_nothing"),
            (greatest.token,) if greatest else (),
        ),
        after=table if greatest else (),
        commands=(
            command_line("score", course.read, course, "--no-bos"),
            command_line("forward", course.read, course),
        ),
        numbers=numbers,
        values=_values(numbers, course),
        checks=checks,
    )


def _values(numbers: Loss, course: Course) -> dict[str, str]:
    greatest = max(numbers.tokens, key=lambda each: each.nats, default=None)
    return {
        "first": quoted(course.study.side.tokens[0].name),
        "count": str(len(numbers.tokens)),
        "total": shown(sum(each.nats for each in numbers.tokens)),
        "mean": shown(numbers.mean_nats),
        "perplexity": shown(numbers.perplexity),
        "worst": quoted(greatest.token) if greatest else "–",
        "probability": shown(greatest.probability, 3) if greatest else "–",
        "nats": shown(greatest.nats) if greatest else "–",
        "vocabulary": f"{len(course.subject.tokenizer):,}",
        "uniform": shown(math.log(len(course.subject.tokenizer))),
    }
