"""Step 9: what counts of three tokens know, beside what the transformer knows."""

import math
from dataclasses import dataclass

from llmcli.data.results import Described
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
from llmcli.interpretability.tour.course import Course
from llmcli.interpretability.tour.ngrams import Trigrams, read_stories
from llmcli.interpretability.tour.step import TourStep
from llmcli.interpretability.tour.steps.loss import surprisals

MOST = 24  # rows of the table


@dataclass(frozen=True, slots=True)
class Compared(Described):
    """One token under both models."""

    token: str
    """Its readable name."""
    together: int
    """How often the stories have it after the two tokens before it."""
    context: int
    """How often the stories have these two tokens, with one after them."""
    ngram_nats: float
    """Its surprisal under the n-grams."""
    model_nats: float
    """Its surprisal under the transformer."""


@dataclass(frozen=True, slots=True)
class NGrams(Described):
    """The sentence under n-grams, and under the transformer."""

    stories: int
    """How many stories are counted."""
    story_tokens: int
    """Their tokens."""
    tokens: tuple[Compared, ...]
    """All tokens but the first."""
    ngram_mean: float
    """Mean surprisal under the n-grams, in nats."""
    model_mean: float
    """Mean surprisal under the transformer, in nats."""
    unseen: int
    """Of how many tokens the stories have no example after the two before them."""


def build(course: Course) -> NGrams:
    """Count the stories by the tour's own tokens, and score the sentence's tokens."""
    study = course.study
    stories = read_stories()
    encoded = study.loaded.tokenizer(list(stories), add_special_tokens=False)["input_ids"]
    model = Trigrams(encoded, int(study.logits.shape[-1]))
    ids, nats = study.side.ids, surprisals(study)
    estimates = [model.estimate(token, ids[:at]) for at, token in enumerate(ids) if at]
    tokens = tuple(
        Compared(
            study.name(token),
            estimate.together,
            estimate.context,
            -math.log(estimate.probability),
            value,
        )
        for token, estimate, value in zip(ids[1:], estimates, nats, strict=True)
    )
    count = len(tokens)
    return NGrams(
        len(stories),
        sum(map(len, encoded)),
        tokens,
        sum(each.ngram_nats for each in tokens) / count if count else math.nan,
        sum(each.model_nats for each in tokens) / count if count else math.nan,
        sum(each.together == 0 for each in tokens),
    )


def step(course: Course) -> TourStep:
    """The step with its texts."""
    numbers = build(course)
    better = "transformer" if numbers.model_mean < numbers.ngram_mean else "ngrams"
    rows = tuple(
        (
            quoted(each.token),
            f"{each.together:,} / {each.context:,}",
            shown(each.ngram_nats),
            shown(each.model_nats),
        )
        for each in numbers.tokens[:MOST]
    )
    columns = titles("column_token", "column_seen", "column_ngram", "column_transformer")
    after: tuple[Block, ...] = (
        Table(columns, rows),
        Text("ngrams_means"),
        Text("ngrams_why"),
    )
    return TourStep(
        "ngrams",
        before=(
            Text("ngrams_intro"),
            Formula("ngram"),
            Text("ngrams_smoothing"),
        ),
        question=Question(
            Text("ngrams_question"),
            Text(f"ngrams_{better}" if numbers.tokens else "loss_nothing"),
            (Text(f"guess_{better}"),) if numbers.tokens else (),
        ),
        after=after if numbers.tokens else (),
        commands=("llmcli evaluate --task causal-lm -i FILE --baseline ngram",),
        numbers=numbers,
        values=_values(numbers, course),
    )


def _values(numbers: NGrams, course: Course) -> dict[str, str]:
    return {
        "stories": f"{numbers.stories:,}",
        "story_tokens": f"{numbers.story_tokens:,}",
        "count": str(len(numbers.tokens)),
        "unseen": str(numbers.unseen),
        "model": course.model_id,
        "ngram_mean": shown(numbers.ngram_mean),
        "model_mean": shown(numbers.model_mean),
        "ngram_perplexity": _exponential(numbers.ngram_mean),
        "model_perplexity": _exponential(numbers.model_mean),
    }


def _exponential(mean: float) -> str:
    return f"{math.exp(mean):,.0f}" if mean == mean else "–"
