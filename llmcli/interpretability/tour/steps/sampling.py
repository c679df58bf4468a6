"""Step 7: from logits to probabilities, and from these to the next token."""

from dataclasses import dataclass

import numpy as np
import torch

from llmcli.arrays import top
from llmcli.data.results import Described
from llmcli.data.rows import Failure
from llmcli.decoding.sampling import top_k, top_p
from llmcli.inference.generation import Generator
from llmcli.interpretability.checks import SelfCheck
from llmcli.interpretability.tour.blocks import (
    Formula,
    Question,
    Table,
    Text,
    listed,
    percent,
    quoted,
    shown,
    titles,
)
from llmcli.interpretability.tour.command_lines import command_line
from llmcli.interpretability.tour.course import Course
from llmcli.interpretability.tour.softmax import chances_of
from llmcli.interpretability.tour.step import TourStep
from llmcli.spec import Chat, Decoding

TOP = 6
LOW, HIGH = 0.5, 2.0
TOP_K, TOP_P = 3, 0.9
SEEDS = (1, 2)
NEW_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Candidate(Described):
    """A possible next token."""

    token: str
    """Its readable name."""
    logit: float
    """What the last matrix gives."""
    exponential: float
    """exp(logit - the greatest logit)"""
    probability: float
    """That, divided by the sum over the vocabulary."""
    low: float
    """Its probability at temperature 0.5."""
    high: float
    """Its probability at temperature 2."""


@dataclass(frozen=True, slots=True)
class Sampling(Described):
    """The choice of the next token."""

    candidates: tuple[Candidate, ...]
    """The most probable ones."""
    vocabulary: int
    """How many there are in all."""
    total: float
    """The sum of all exponentials."""
    rest: float
    """The probability of all others together."""
    top_k: tuple[str, ...]
    """The tokens that top-k 3 keeps."""
    top_p_count: int
    """How many tokens top-p 0.9 keeps."""
    greedy: str
    """The continuation by the most probable tokens."""
    drawn: tuple[str, ...]
    """Continuations at temperature 0.8, by seed."""
    argmax: str
    """The most probable token of each position, decoded: the output of the article's program."""


def build(course: Course) -> tuple[Sampling, tuple[SelfCheck, ...]]:
    """The distribution of the next token, and continuations that are drawn from it."""
    study = course.study
    logits = study.logits[study.position].double().cpu().numpy()  # (V,)
    chances, low, high = (chances_of(logits / heat) for heat in (1.0, LOW, HIGH))
    exponentials = np.exp(logits - logits.max())
    best = top(chances.astype(np.float32), TOP).tolist()
    candidates = tuple(
        Candidate(
            study.name(at),
            *(float(values[at]) for values in (logits, exponentials, chances, low, high)),
        )
        for at in best
    )
    rows = torch.tensor(logits)[None]
    kept_k = torch.isfinite(top_k(rows, TOP_K))[0]
    kept_p = torch.isfinite(top_p(rows, TOP_P))[0]
    predicted = study.logits.argmax(-1).tolist()[:-1]
    numbers = Sampling(
        candidates,
        len(logits),
        float(exponentials.sum()),
        float(1 - sum(candidate.probability for candidate in candidates)),
        tuple(study.name(at) for at in best if kept_k[at]),
        int(kept_p.sum()),
        continuation(course, Decoding(max_new_tokens=NEW_TOKENS)),
        tuple(
            continuation(course, Decoding(max_new_tokens=NEW_TOKENS, temperature=0.8, seed=seed))
            for seed in SEEDS
        ),
        study.loaded.tokenizer.decode(predicted),
    )
    return numbers, (SelfCheck("learn.check_sum", abs(float(chances.sum()) - 1), 1e-9),)


def continuation(course: Course, options: Decoding) -> str:
    """What `llmcli generate` writes after the text; empty where nothing fits after it."""
    generator = Generator(course.subject, options, Chat(), "error")
    (prompt,) = generator.prepare([course.study.row])
    if isinstance(prompt, Failure):
        return ""
    return generator.run([prompt])[0][0].text


def step(course: Course) -> TourStep:
    """The step with its texts."""
    numbers, checks = build(course)
    drawn = f"--temperature 0.8 --seed {SEEDS[0]} -n {NEW_TOKENS}"
    return TourStep(
        "sampling",
        before=(Text("sampling_intro"), Formula("softmax"), Text("sampling_heat")),
        question=Question(
            Text("sampling_question"),
            Text("sampling_answer"),
            (Text("guess_less"),),
        ),
        after=(
            _table(numbers),
            Text("sampling_rest"),
            Text("sampling_argmax"),
            Text("sampling_filters"),
            Text("sampling_loop"),
            *_continuations(numbers),
            Text("sampling_article"),
        ),
        commands=(
            command_line("generate", course.read, course, f"{drawn} --trace"),
            command_line("explain", course.read, course, "--section next-word"),
        ),
        numbers=numbers,
        values=_values(numbers, course.read),
        checks=checks,
    )


def _values(numbers: Sampling, text: str) -> dict[str, str]:
    best = numbers.candidates[0]
    return {
        "text": text,
        "vocabulary": f"{numbers.vocabulary:,}",
        "best": quoted(best.token),
        "probability": percent(best.probability),
        "low": percent(best.low),
        "high": percent(best.high),
        "rest": percent(numbers.rest),
        "others": f"{numbers.vocabulary - len(numbers.candidates):,}",
        "total": shown(numbers.total, 3),
        "top_k": listed(numbers.top_k),
        "top_p": f"{numbers.top_p_count:,}",
        "argmax": numbers.argmax.strip(),
    }


def _continuations(numbers: Sampling) -> list[Text]:
    """An item for each text, which may be empty."""
    greedy = "sampling_greedy" if numbers.greedy else "sampling_greedy_ended"
    texts = [Text(greedy, {"text": one_line(numbers.greedy)}, "item")]
    for seed, text in zip(SEEDS, numbers.drawn, strict=True):
        key = "sampling_drawn" if text else "sampling_ended"
        texts.append(Text(key, {"seed": str(seed), "text": one_line(text)}, "item"))
    return texts


def one_line(text: str) -> str:
    """A text whose line ends are spaces."""
    return " ".join(text.split())


def _table(numbers: Sampling) -> Table:
    rows = tuple(
        (
            quoted(each.token),
            shown(each.logit),
            shown(each.exponential, 3),
            percent(each.probability),
            percent(each.low),
            percent(each.high),
        )
        for each in numbers.candidates
    )
    columns = titles("column_token", "column_logit", "column_exponential", "column_probability")
    return Table((*columns, *titles("column_low", "column_high")), rows)
