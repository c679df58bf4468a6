"""What the user asked of a task."""

from dataclasses import dataclass
from typing import Literal, get_args


@dataclass(frozen=True, slots=True)
class ClassifyOptions:
    """Which labels a text may have, and how many of them are told."""

    labels: tuple[str, ...] = ()
    """Zero-shot: these; empty: those that the model was trained for."""
    hypothesis_template: str = "This example is {}."
    """With `labels`: the sentence that is to follow from the text."""
    multi_label: bool = False
    """Each label has a probability of its own, whatever the others have."""
    top: int | None = None
    """How many labels to report; None: all."""


PoolingMode = Literal["mean", "cls", "last", "max"]
POOLING_MODES: tuple[PoolingMode, ...] = ("mean", "cls", "last", "max")


@dataclass(frozen=True, slots=True)
class EmbedOptions:
    """How a text becomes a vector. The defaults are what the checkpoint says."""

    pooling: PoolingMode | None = None
    """None: what the checkpoint says, else the mean."""
    normalize: bool | None = None
    """Make the length of each vector 1; None: what the checkpoint says, else not."""
    prompt: str | None = None
    """What goes before each text; None: what the checkpoint says."""


@dataclass(frozen=True, slots=True)
class TranslateOptions:
    """From which language to which, and how. What is None is the checkpoint's own choice."""

    from_lang: str | None = None
    """A language tag, such as `en`."""
    to_lang: str | None = None
    num_beams: int | None = None
    """1 is greedy."""
    num_return_sequences: int = 1
    max_new_tokens: int | None = None
    """For one sentence."""
    length_penalty: float | None = None
    """Above 0, longer translations are preferred; 1 is the mean log-probability."""
    repetition_penalty: float | None = None
    no_repeat_ngram_size: int | None = None
    split_sentences: bool = True
    """Translate sentence by sentence; else line by line."""


@dataclass(frozen=True, slots=True)
class FillOptions:
    """Which words may fill a gap, and how many of them are told."""

    top: int = 5
    targets: tuple[str, ...] = ()
    """Only these; empty: all that the model knows."""


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """What is an answer, and how many of them are told."""

    top: int = 1
    max_answer_tokens: int = 30
    """Tokens of a span of the context; of a generated answer, too."""
    no_answer: bool = False
    """The context may hold no answer (SQuAD 2)."""
    no_answer_threshold: float = 0.0
    """There is none if its score is more than this above the best span's."""


EvaluationTask = Literal[
    "causal-lm",
    "classification",
    "token-classification",
    "question-answering",
    "translation",
    "embedding",
]
EVALUATION_TASKS: tuple[EvaluationTask, ...] = get_args(EvaluationTask)


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """What is measured, and what is told of it."""

    task: EvaluationTask
    label_column: str | None = None
    """The field with what is right; None: the task's usual name for it."""
    prediction_column: str | None = None
    """The field of saved predictions with what was said; None: what the task's command writes."""
    label_map: tuple[tuple[str, str], ...] = ()
    """What labels of the file are called by the model."""
    by: tuple[str, ...] = ()
    """Columns, or `length`, by which rows are measured apart."""
    mistakes: int = 5
    bootstrap: int = 1000
    """Samples that the intervals are made from; 0: no intervals."""
    seed: int = 0
    bleu_tokenize: str | None = None
    """How sacrebleu finds words; None: zh for Chinese, else 13a."""
    characters: bool = False
    """The F1 of answers is that of characters, not of words."""


@dataclass(frozen=True, slots=True)
class PerplexityOptions:
    """How a text is scored that is longer than the model's context."""

    block_size: int | None = None
    """Tokens that are read at once; None: the model's context, 1,024 at most."""
    stride: int | None = None
    """Tokens that are scored at once, the others being their context; None: half a block."""
    bos: bool | None = None
    """Predict the first token, too, after the model's beginning of a text; None: if it has one."""


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """How a model is timed."""

    prompt_tokens: int = 128
    """Tokens of each prompt, or of each text of an encoder."""
    new_tokens: int = 64
    batch_size: int = 16
    repeats: int = 3
    """The median of so many times is told."""
