"""Settings of the tasks."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ClassifyOptions:
    """Which labels a text may have, and how many of them are reported."""

    labels: tuple[str, ...] = ()
    """Zero-shot: choose among these; empty: the labels that the model was trained on."""
    hypothesis_template: str = "This example is {}."
    """With `labels`: the sentence that the model judges, {} being the label."""
    multi_label: bool = False
    """Score each label independently (sigmoid), not against the others (softmax)."""
    top: int | None = None
    """How many labels to report; None: all."""


Similarity = Literal["cosine", "dot", "euclidean", "manhattan"]
"""How vectors are compared; the distances are negative, so that greater is more similar."""
PoolingMode = Literal["mean", "cls", "last", "max"]
POOLING_MODES: tuple[PoolingMode, ...] = ("mean", "cls", "last", "max")


@dataclass(frozen=True, slots=True)
class EmbedOptions:
    """How a text becomes a vector. The defaults are the checkpoint's own settings."""

    pooling: PoolingMode | None = None
    """How token vectors become one; None: the checkpoint's own way, else the mean."""
    normalize: bool | None = None
    """Scale each vector to length 1; None: the checkpoint's own setting, else not."""
    prompt: str | None = None
    """Text before each text; None: the checkpoint's own."""


@dataclass(frozen=True, slots=True)
class TranslateOptions:
    """From which language to which, and how. None is the checkpoint's own setting."""

    from_lang: str | None = None
    """A tag or a name, such as `en`, `English` or `英语`."""
    to_lang: str | None = None
    num_beams: int | None = None
    """1 is greedy."""
    num_return_sequences: int = 1
    max_new_tokens: int | None = None
    """For one sentence."""
    strict: bool = False
    """Refuse more `max_new_tokens` than the model can write; else they are fewer."""
    length_penalty: float | None = None
    """Above 0, beam search prefers longer translations; 1 compares mean log-probabilities."""
    repetition_penalty: float | None = None
    no_repeat_ngram_size: int | None = None
    split_sentences: bool = True
    """Translate sentence by sentence, else line by line."""


@dataclass(frozen=True, slots=True)
class BlockOptions:
    """How a text of any length is scored by a model with a context of limited length."""

    block_size: int | None = None
    """Tokens in one forward pass; None: the model's context, 1,024 at most."""
    stride: int | None = None
    """Tokens that each pass scores, the others being their context; None: half a block."""
    bos: bool | None = None
    """Put the model's beginning-of-text token first, and score the first token too; None: if the
    model has one."""


SurprisalUnit = Literal["nats", "bits"]
SURPRISAL_UNITS: tuple[SurprisalUnit, ...] = ("nats", "bits")


@dataclass(frozen=True, slots=True)
class ScoreOptions(BlockOptions):
    """How the surprisal of a text's tokens is computed and given."""

    unit: SurprisalUnit = "nats"
    """nats: natural logarithms; bits: logarithms to the base 2."""
    from_lang: str | None = None
    """Of a translator: the language of the sources; None: its own."""
    to_lang: str | None = None
    """Of a translator: the language of the texts; None: its own."""


@dataclass(frozen=True, slots=True)
class FillOptions:
    """Which words may fill a gap, and how many of them are reported."""

    top: int = 5
    targets: tuple[str, ...] = ()
    """Compare only these words; empty: the whole vocabulary."""


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """What counts as an answer, and how many of them are reported."""

    top: int = 1
    max_answer_tokens: int = 30
    """Maximum length of an answer, a span of the context or generated."""
    no_answer: bool = False
    """The context may contain no answer (SQuAD 2)."""
    no_answer_threshold: float = 0.0
    """There is no answer if its score exceeds that of the best span by more than this."""
    passages: int = 5
    """Of many texts: how many passages are read for a question."""


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """How a model is timed."""

    prompt_tokens: int = 128
    """Tokens of each prompt, or of each text of an encoder."""
    new_tokens: int = 64
    batch_size: int = 16
    repeats: int = 3
    """The median of this many timings is reported."""


Aggregation = Literal["word", "none", "simple", "first", "average", "max"]
AGGREGATIONS: tuple[Aggregation, ...] = ("word", "none", "simple", "first", "average", "max")


@dataclass(frozen=True, slots=True)
class TagOptions:
    """What is tagged, and how the tags of tokens become entities."""

    aggregation: Aggregation = "word"
    """word: each word has the tag of its first token; the others are those of transformers."""
    words: bool = False
    """The text is words already: a list, or with a space between any two; each gets a tag."""
