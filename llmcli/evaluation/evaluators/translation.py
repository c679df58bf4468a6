"""Evaluation of translation: BLEU and chrF."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from llmcli.arrays import Integers
from llmcli.evaluation.evaluators.labelled_rows import LabelledRowsEvaluator
from llmcli.evaluation.examples import Example, Prediction
from llmcli.evaluation.fields import text_of, texts_of
from llmcli.evaluation.metrics.bleu import TOKENIZERS, Translations, require_tokenizer
from llmcli.evaluation.predictions import ModelRun, Predictions
from llmcli.evaluation.report import Details
from llmcli.evaluation.scorer import Share
from llmcli.models.starters import TRANSLATE
from llmcli.spec.evaluation import EvaluateOptions
from llmcli.system.extras import require_extra

if TYPE_CHECKING:
    from llmcli.engines.choose import Purpose

FIRST = 1000  # reference translations whose script chooses the tokenizer of BLEU


class TranslationEvaluator(LabelledRowsEvaluator):
    """Compares the translation of each text with its references."""

    task = "translation"
    label_column = "target"
    prediction_column = "translation"
    written = ("translation", "score")
    default_model = TRANSLATE

    def complete(self, options: EvaluateOptions) -> EvaluateOptions:
        """Language names become tags; the tokenizer of BLEU follows the target language.

        Raises UsageError for an unknown language, InputError where sacrebleu is not installed, or
        what its tokenizer for the language needs.
        """
        from llmcli.inference.translation.languages import base
        from llmcli.inference.translation.translator import with_tags

        require_extra("sacrebleu", "scoring translations")
        translate = with_tags(options.translate)
        tokenize = options.bleu_tokenize
        if tokenize is None and translate.to_lang is not None:
            tokenize = TOKENIZERS.get(base(translate.to_lang), "13a")
        if tokenize is not None:
            require_tokenizer(tokenize)
        return replace(options, translate=translate, bleu_tokenize=tokenize)

    def purpose(self, options: EvaluateOptions) -> "Purpose":
        """A translation model."""
        from llmcli.engines.choose import Purpose
        from llmcli.inference.translation.translator import decoding_of

        return Purpose(
            ("seq2seq",), decoding_of=lambda loaded: decoding_of(loaded, options.translate)
        )

    def predict(self, run: ModelRun) -> Predictions:
        """Translate all rows; a long sentence is split."""
        from llmcli.inference.translation.translator import Translator

        work = Translator(run.loaded, run.options.translate, "split")
        return self.collect(
            run,
            run.results(work, run.data.rows, "split"),
            lambda result: Prediction(result.translation),
        )

    def parse_expected(self, value: Any, column: str, place: str) -> tuple[str, ...]:
        """One reference translation, or a list of them."""
        return texts_of(value, column, place)

    def parse_prediction(self, value: Any, column: str, place: str) -> str:
        """A translation."""
        return text_of(value, column, place)

    def scorer(
        self, examples: Sequence[Example], options: EvaluateOptions, labels: Sequence[str]
    ) -> "TranslationScorer":
        """BLEU and chrF; without a target language, BLEU is tokenized by the references' script."""
        return TranslationScorer(examples, options.bleu_tokenize or _tokenizer_of(examples))

    def as_text(self, value: Any) -> str:
        """A translation, or all different references."""
        return value if isinstance(value, str) else " | ".join(dict.fromkeys(value))


def _tokenizer_of(examples: Sequence[Example]) -> str:
    """The tokenizer of BLEU for the script of the first reference translations."""
    from llmcli.inference.translation.source_language import script_of, scripts

    script = script_of(" ".join(example.expected[0] for example in examples[:FIRST]))
    if script is None or script == "Latn":
        return "13a"
    return next((name for tag, name in TOKENIZERS.items() if script in scripts(tag)), "13a")


class TranslationScorer:
    """BLEU and chrF of the rows as a corpus; the quality of a row is its own chrF."""

    names: tuple[str, ...] = ("bleu", "chrf")
    is_right = False
    shares: Mapping[str, Share] = {}
    no_interval: tuple[str, ...] = ()

    def __init__(self, examples: Sequence[Example], tokenize: str) -> None:
        predicted = [example.predicted for example in examples]
        expected = [example.expected for example in examples]
        self._corpus = Translations(predicted, expected, tokenize)
        each = [self._corpus.chrf(np.array([at])) for at in range(len(examples))]
        self.quality = np.array(each) / 100

    def scores(self, rows: Integers) -> list[float]:
        """BLEU and chrF of some rows, from 0 to 100."""
        return list(self._corpus.scores(rows))

    @property
    def details(self) -> Details:
        """How sacrebleu computed the scores."""
        return Details(signatures=self._corpus.signatures)


EVALUATOR = TranslationEvaluator()
