"""Settings of explain."""

from dataclasses import dataclass
from typing import Literal, get_args

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

SectionName = Literal[
    "tokens",
    "attention",
    "by-hand",
    "layers",
    "why",
    "what-if",
    "next-word",
    "embeddings",
    "alignment",
    "labels",
    "answer-scores",
    "data",
]
SECTIONS: tuple[SectionName, ...] = get_args(SectionName)
"""All sections, in the order of a page."""

_PREDICTED: tuple[SectionName, ...] = ("layers", "why", "what-if", "labels", "answer-scores")
_BY_HEAD: tuple[SectionName, ...] = ("attention", "by-hand", "what-if")
SECTIONS_OF_SETTINGS: dict[str, tuple[SectionName, ...]] = {
    "target": _PREDICTED,
    "foil": _PREDICTED,
    "layers": _BY_HEAD,
    "heads": _BY_HEAD,
    "ablate": ("what-if",),
    "swap": ("what-if",),
    "patch_from": ("what-if",),
}
"""Settings that only some sections obey."""

ExplainTask = Literal[
    "causal-lm",
    "masked-lm",
    "translation",
    "classification",
    "token-classification",
    "question-answering",
]
EXPLAIN_TASKS: tuple[ExplainTask, ...] = get_args(ExplainTask)

Ablation = Literal["zero", "mean"]
ABLATIONS: tuple[Ablation, ...] = get_args(Ablation)


@dataclass(frozen=True, slots=True)
class ExplainOptions:
    """What is explained, of which model's work, and how."""

    sections: tuple[SectionName, ...] = ()
    """Which sections; empty: all that the model has."""
    task: ExplainTask | None = None
    """The head of a checkpoint with several; None: by the other settings, else its first."""
    question: str | None = None
    """Of an answer model: a question about the text."""
    from_lang: str | None = None
    """Of a translator: a tag or a name, such as `en`, `English` or `英语`."""
    to_lang: str | None = None
    translation: str | None = None
    """Of a sequence-to-sequence model: the target text; None: the model's own."""
    position: int | None = None
    """The position whose prediction is explained, from 0, negative from the end; None: the last one
    of a causal model, the gap of a masked one."""
    target: str | None = None
    """The token or label that is explained; None: the most probable one."""
    foil: str | None = None
    """What the target is compared with; None: the most probable other one."""
    layers: tuple[int, ...] = ()
    """Layers that are shown and stored in full, from 0; empty: as many as fit."""
    heads: tuple[int, ...] = ()
    """Heads of these layers; empty: all."""
    ablate: Ablation = "zero"
    """What an ablated head or layer gives: nothing, or its mean over the positions."""
    swap: tuple[str, str] | None = None
    """A word of the text, and another that takes its place."""
    patch_from: str | None = None
    """Another text, whose activations are put into this one's pass."""
