"""Settings of evaluations."""

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from llmcli.spec import FileOptions
from llmcli.spec.tasks import BlockOptions, TranslateOptions

EvaluationTask = Literal[
    "causal-lm",
    "classification",
    "regression",
    "token-classification",
    "question-answering",
    "translation",
    "embedding",
]
EVALUATION_TASKS: tuple[EvaluationTask, ...] = get_args(EvaluationTask)
Baseline = Literal["ngram"]


@dataclass(frozen=True, slots=True)
class PerplexityOptions(BlockOptions):
    """How the perplexity of a text is measured, and of which other model it is reported too."""

    baseline: Baseline | None = None
    """`ngram`: report that of n-grams with Kneser-Ney smoothing over the same tokens, too."""
    baseline_train: str | None = None
    """Text file that the n-grams are trained on; None: the evaluated text itself, cross-fitted."""
    ngram_order: int = 3
    """Tokens of an n-gram."""


def _only(task: EvaluationTask, default: Any) -> Any:
    """A field of EvaluateOptions for one task; the other tasks refuse it."""
    return field(default=default, metadata={"task": task})


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """What is measured, and what is reported."""

    task: EvaluationTask
    columns: tuple[str, ...] = ()
    """The field with the text, or two for pairs; empty: the task's usual names."""
    files: FileOptions = FileOptions()
    """How the data files are written; predictions are read as llmcli writes them."""
    label_column: str | None = None
    """The field with the expected value; None: the task's usual name for it."""
    prediction_column: str | None = None
    """The field with the value in saved predictions; None: the one that the task's command
    writes."""
    label_map: tuple[tuple[str, str], ...] = _only("classification", ())
    """Pairs of a label in the file and the model's name for it."""
    by: tuple[str, ...] = ()
    """Columns, or `length`: rows are also measured separately for each of their values."""
    mistakes: int = 5
    """How many mistakes to report."""
    bootstrap: int = 1000
    """Bootstrap samples for the confidence intervals; 0: no intervals."""
    seed: int = 0
    """Random seed of the bootstrap samples."""
    bleu_tokenize: str | None = _only("translation", None)
    """The tokenizer of sacrebleu; None: zh for Chinese, else 13a."""
    characters: bool = _only("question-answering", False)
    """Compute the F1 of answers from characters, not from words."""
    perplexity: PerplexityOptions = _only("causal-lm", PerplexityOptions())
    translate: TranslateOptions = _only("translation", TranslateOptions())
