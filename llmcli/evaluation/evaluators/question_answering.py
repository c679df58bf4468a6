"""Evaluation of question answering: exact match and F1, as SQuAD defines them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from llmcli.arrays import Integers
from llmcli.data.rows import Row
from llmcli.data.squad import is_squad_json, read_answers, read_questions
from llmcli.evaluation.evaluation_set import EvaluationSet
from llmcli.evaluation.evaluators.labelled_rows import LabelledRowsEvaluator
from llmcli.evaluation.examples import Example, Prediction
from llmcli.evaluation.fields import Fields, input_field, text_of, texts_of
from llmcli.evaluation.metrics.squad import answer_f1, exact_match
from llmcli.evaluation.predictions import ModelRun, Predictions
from llmcli.evaluation.report import Details
from llmcli.evaluation.scorer import Share
from llmcli.models.starters import ANSWER
from llmcli.spec import FileOptions
from llmcli.spec.evaluation import EvaluateOptions
from llmcli.spec.tasks import AnswerOptions

if TYPE_CHECKING:
    from llmcli.engines.choose import Purpose


class QuestionAnsweringEvaluator(LabelledRowsEvaluator):
    """Compares the answer to each question with the expected ones."""

    task = "question-answering"
    columns = ("question", "context")
    label_column = "answers"
    prediction_column = "answer"
    written = ("answer", "answers", "start", "end", "score")
    has_confidence = True
    default_model = ANSWER

    def open(self, path: str, options: EvaluateOptions, limit: int | None) -> EvaluationSet:
        """Open a file of questions: SQuAD's JSON, or a question a row."""
        if is_squad_json(path, options.files):
            return EvaluationSet(islice(_squad_rows(path, options.files), limit), path)
        return super().open(path, options, limit)

    def purpose(self, options: EvaluateOptions) -> "Purpose":
        """A model that extracts answers, or one that writes them."""
        from llmcli.engines.choose import Purpose
        from llmcli.inference.answers import READERS, WRITING

        return Purpose(READERS, decoding=WRITING)

    def predict(self, run: ModelRun) -> Predictions:
        """Answer all questions; a long context is read in windows."""
        from llmcli.inference.answers import ExtractiveReader, GenerativeReader

        reader = ExtractiveReader if run.loaded.kind == "reader" else GenerativeReader
        work = reader(run.loaded, AnswerOptions(), "window")
        return self.collect(
            run,
            run.results(work, run.data.rows, "window"),
            lambda result: Prediction(result.answer or "", result.score),
        )

    def expected(
        self, fields: Fields, options: EvaluateOptions, place: str, written: tuple[str, ...]
    ) -> Any:
        """The expected answers of a question; none where the context does not say."""
        if options.label_column is not None:
            return super().expected(fields, options, place, written)
        own = {}
        for name in ("answers", "answer"):
            try:
                own[name] = input_field(fields, name, written)
            except KeyError:
                continue
        return tuple(answer.text for answer in read_answers(own, place))

    def parse_expected(self, value: Any, column: str, place: str) -> tuple[str, ...]:
        """One expected answer, or a list of them."""
        return texts_of(value, column, place)

    def parse_prediction(self, value: Any, column: str, place: str) -> str:
        """An answer; null means that the context does not say."""
        return "" if value is None else text_of(value, column, place)

    def scorer(
        self, examples: Sequence[Example], options: EvaluateOptions, labels: Sequence[str]
    ) -> "AnswerScorer":
        """Exact match and F1."""
        return AnswerScorer(examples, options.characters)

    def as_text(self, value: Any) -> str:
        """An answer, or all different expected ones.

        >>> EVALUATOR.as_text(("Jane Austen", "Austen", "Austen"))
        'Jane Austen | Austen'
        """
        if isinstance(value, str):
            return value
        return " | ".join(dict.fromkeys(value)) or "(no answer)"


def _squad_rows(path: str, files: FileOptions) -> Iterator[Row]:
    columns = ("question", "context")
    for number, question in enumerate(read_questions(path, files), 1):
        answers = [
            {"text": answer.text, "answer_start": answer.start} for answer in question.answers
        ]
        fields = {**question.fields, "id": question.id, "answers": answers}
        yield Row(number, question.question, fields, pair=question.context, columns=columns)


class AnswerScorer:
    """Exact match and F1 in percent, as SQuAD's evaluation script reports them."""

    names: tuple[str, ...] = ("exact_match", "f1")
    is_right = True
    no_interval: tuple[str, ...] = ()
    details = Details()

    def __init__(self, examples: Sequence[Example], characters: bool) -> None:
        pairs = [(example.predicted, example.expected) for example in examples]
        self._exact = np.array([exact_match(*pair) for pair in pairs])
        self._f1 = np.array([answer_f1(*pair, characters=characters) for pair in pairs])
        self.shares: Mapping[str, Share] = {"exact_match": Share(self._exact == 1, 100.0)}
        # Words in another order have an F1 of 1, but only an exact match is right.
        self.quality = np.where(self._exact == 1, 1.0, np.minimum(self._f1, 0.999))

    def scores(self, rows: Integers) -> list[float]:
        """Exact match and F1 of some rows, from 0 to 100."""
        return [100 * float(self._exact[rows].mean()), 100 * float(self._f1[rows].mean())]


EVALUATOR = QuestionAnsweringEvaluator()
