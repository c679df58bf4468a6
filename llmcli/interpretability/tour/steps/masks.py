"""Step 5: a decoder sees what stands before a token, an encoder sees both sides."""

import re
from dataclasses import dataclass

import numpy as np

from llmcli.arrays import top
from llmcli.data.results import Described
from llmcli.interpretability.study import Study
from llmcli.interpretability.tour.blocks import Bars, Block, Matrix, Question, Text, quoted
from llmcli.interpretability.tour.command_lines import quoted_word
from llmcli.interpretability.tour.course import Course, Origin, study_of
from llmcli.interpretability.tour.softmax import chances_of
from llmcli.interpretability.tour.step import TourStep
from llmcli.interpretability.tour.steps.head import scores_of
from llmcli.models.starters import ENCODER

MOST = 10  # tokens of a matrix
TOP = 5
GAP = "[MASK]"


@dataclass(frozen=True, slots=True)
class Guess(Described):
    """A token that a model would put somewhere."""

    token: str
    """Its readable name."""
    probability: float


@dataclass(frozen=True, slots=True)
class Masks(Described):
    """The same scores with and without a causal mask, and a gap that two models fill."""

    layer: int
    """Of the head whose weights are shown, from 0."""
    head: int
    """From 0."""
    tokens: tuple[str, ...]
    """The first tokens of the sentence (N,)."""
    masked: tuple[tuple[float | None, ...], ...]
    """The weights (N, N) as the model has them; None above the diagonal, which it does not see."""
    unmasked: tuple[tuple[float, ...], ...]
    """The weights (N, N) that the same scores give over all these tokens."""
    sentence: str
    """The English sentence with a gap."""
    origin: Origin
    """Where the sentence is from."""
    word: str
    """The word that stood in the gap."""
    left: str
    """What stands before the gap."""
    decoder_model: str
    encoder_model: str
    decoder: tuple[Guess, ...]
    """The most probable next tokens after `left`."""
    encoder: tuple[Guess, ...]
    """The most probable tokens in the gap, by both sides."""


def build(course: Course) -> Masks:
    """Weights with the mask off and on; the guesses of both models for the gap."""
    study, result = course.study, course.by_hand
    count = min(MOST, study.position + 1)
    scores, hidden = scores_of(result)[:count, :count], np.isneginf(result.mask[:count, :count])
    masked = [
        tuple(None if is_hidden else float(weight) for weight, is_hidden in zip(*row, strict=True))
        for row in zip(result.weights[:count, :count], hidden, strict=True)
    ]
    english = course.english
    start, end = gap_of(english.text)
    left, right = english.text[:start], english.text[end:]
    gapped = f"{left}{GAP}{right}"
    return Masks(
        result.layer,
        result.head,
        tuple(token.name for token in study.side.tokens[:count]),
        tuple(masked),
        tuple(map(tuple, chances_of(scores).tolist())),
        gapped,
        english.origin,
        english.text[start:end],
        left.rstrip(),
        course.decoder.checkpoint.model_id,
        course.encoder.checkpoint.model_id,
        _guesses(study_of(course.decoder, left.rstrip())) if left.strip() else (),
        _guesses(study_of(course.encoder, gapped)),
    )


def gap_of(text: str) -> tuple[int, int]:
    """Where the longest word inside a text begins and ends; of a short text, any word.

    >>> text = "I'll go to the movies tomorrow."
    >>> start, end = gap_of(text)
    >>> text[start:end]
    'movies'
    """
    spans = [match.span() for match in re.finditer(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", text)]
    inside = spans[1:-1] or spans[1:] or spans
    if not inside:
        return 0, len(text)
    return max(inside, key=lambda span: (span[1] - span[0], span[0]))


def _guesses(study: Study) -> tuple[Guess, ...]:
    """The most probable tokens at the last position, or in the gap."""
    chances = chances_of(study.logits[study.position].double().cpu().numpy())
    return tuple(
        Guess(study.name(int(at)), float(chances[at]))
        for at in top(chances.astype(np.float32), TOP)
    )


def step(course: Course) -> TourStep:
    """The step with its texts."""
    numbers = build(course)
    values = {
        "sentence": numbers.sentence,
        "word": numbers.word,
        "left": numbers.left,
        "layer": str(numbers.layer),
        "head": str(numbers.head),
        "decoder": numbers.decoder_model,
        "encoder": numbers.encoder_model,
        "decoder_best": quoted(numbers.decoder[0].token) if numbers.decoder else "–",
        "encoder_best": quoted(numbers.encoder[0].token),
    }
    weights: tuple[Block, ...] = (
        Matrix(Text("masks_on"), numbers.tokens, numbers.tokens, numbers.masked),
        Matrix(Text("masks_off"), numbers.tokens, numbers.tokens, numbers.unmasked),
    )
    guesses: list[Block] = []
    if numbers.decoder:
        guesses.append(_bars("masks_decoder", numbers.decoder))
    guesses.append(_bars("masks_encoder", numbers.encoder))
    sentence = quoted_word(numbers.sentence)
    fill = f"llmcli fill {sentence}"
    return TourStep(
        "masks",
        before=(
            Text("masks_intro"),
            *weights,
            Text("masks_why"),
            Text(f"masks_gap_{numbers.origin}"),
            Text("masks_sentence", kind="quote"),
        ),
        question=Question(Text("masks_question"), Text("masks_answer"), (numbers.word,)),
        after=(*guesses, Text("masks_end")),
        commands=(fill, f"llmcli explain -m {ENCODER} {sentence} --section attention"),
        numbers=numbers,
        values=values,
    )


def _bars(key: str, guesses: tuple[Guess, ...]) -> Bars:
    return Bars(Text(key), tuple((quoted(guess.token), guess.probability) for guess in guesses))
