"""Step 10: an encoder and a decoder together: translation, and what the decoder looks at."""

import re
from dataclasses import dataclass

import numpy as np

from llmcli.data.results import Described
from llmcli.interpretability.study import Study
from llmcli.interpretability.tour.blocks import Matrix, Question, Text, quoted
from llmcli.interpretability.tour.command_lines import quoted_word
from llmcli.interpretability.tour.course import Course, Origin
from llmcli.interpretability.tour.step import TourStep
from llmcli.interpretability.word_alignment import without_special

MOST = 16  # tokens of each side
LANGUAGE = re.compile(r">>\w+<<")
"""The mark of the target language that Marian reads before a text."""


@dataclass(frozen=True, slots=True)
class Translated(Described):
    """A translation and its alignment."""

    model: str
    """The translator."""
    origin: Origin
    """Where the source text is from."""
    source: str
    target: str
    source_tokens: tuple[str, ...]
    """Without special tokens (S,)."""
    target_tokens: tuple[str, ...]
    """Without special tokens (T,)."""
    weights: tuple[tuple[float, ...], ...]
    """(T, S): cross-attention when each target token is written, the mean of all heads of the last
    layer; special tokens are left out, and each row sums to 1."""
    special: float
    """How much weight the special tokens had, on average."""


def build(course: Course) -> Translated:
    """The starter's translation of the sentence, and the weights of its cross-attention."""
    study, origin = course.translated
    source, target = study.sides
    crosses = [captured for captured in study.attentions if captured.site.part == "cross"]
    weights = crosses[-1].weights[0].mean(0).float().cpu().numpy()  # (T, S)
    special = [
        token.special or bool(LANGUAGE.fullmatch(token.name.strip())) for token in source.tokens
    ]
    aligned, lost = without_special(weights, special)
    rows, following = _written(study)
    columns = np.flatnonzero(~np.array(special))
    return Translated(
        study.model_id,
        origin,
        source.text,
        target.text,
        tuple(source.tokens[at].name for at in columns),
        tuple(study.name(token) for token in following),
        tuple(tuple(aligned[row, columns].tolist()) for row in rows),
        float(lost[rows].mean()) if rows else 0.0,
    )


def _written(study: Study) -> tuple[list[int], list[int]]:
    """The decoder's positions that write a token of the text, and these tokens."""
    special = set(study.loaded.tokenizer.all_special_ids)
    pairs = [
        (at, token)
        for at, token in enumerate(study.reading.following)
        if token is not None and token not in special
    ]
    return [at for at, _ in pairs], [token for _, token in pairs]


def step(course: Course) -> TourStep:
    """The step with its texts."""
    numbers = build(course)
    token, source, weight = _question(numbers)
    values = {
        "model": numbers.model,
        "source": numbers.source,
        "target": numbers.target,
        "token": quoted(token),
        "best": quoted(source),
        "weight": f"{weight:.0%}",
        "special": f"{numbers.special:.0%}",
    }
    return TourStep(
        "translation",
        before=(
            Text("translation_intro"),
            Text(f"translation_{numbers.origin}"),
            Text("translation_source", kind="quote"),
            Text("translation_target", kind="quote"),
        ),
        question=Question(
            Text("translation_question"), Text("translation_answer"), (source,) if source else ()
        ),
        after=(_matrix(numbers), Text("translation_why"), Text("translation_end")),
        commands=_commands(numbers),
        numbers=numbers,
        values=values,
    )


def _question(numbers: Translated) -> tuple[str, str, float]:
    """The longest token of the translation, the source token it looks at most, and the weight."""
    rows = zip(numbers.target_tokens, numbers.weights, strict=True)
    token, weights = max(rows, key=lambda row: len(row[0].strip()), default=("", ()))
    if not weights:
        return token, "", 0.0
    return token, numbers.source_tokens[int(np.argmax(weights))], max(weights)


def _matrix(numbers: Translated) -> Matrix:
    return Matrix(
        Text("translation_matrix"),
        numbers.target_tokens[:MOST],
        numbers.source_tokens[:MOST],
        tuple(weights[:MOST] for weights in numbers.weights[:MOST]),
    )


def _commands(numbers: Translated) -> tuple[str, ...]:
    is_chinese = any("\u4e00" <= character <= "\u9fff" for character in numbers.target)
    words = f"{'-t zh' if is_chinese else '-t en'} {quoted_word(numbers.source)}"
    return (
        f"llmcli translate {words}",
        f"llmcli explain -m {numbers.model} {words} --section alignment",
    )
