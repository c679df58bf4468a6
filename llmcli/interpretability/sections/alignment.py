"""Which source words a translator reads as it writes each word: its cross-attention."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from llmcli.arrays import Floats
from llmcli.data.results import Described
from llmcli.interpretability.checks import SelfCheck
from llmcli.interpretability.page_data import pack, packed_size
from llmcli.interpretability.probe import Captured
from llmcli.interpretability.reading import Token
from llmcli.interpretability.sections import SectionResult
from llmcli.interpretability.study import Study
from llmcli.interpretability.word_alignment import Word, merged, without_special, words_of
from llmcli.interpretability.words import words
from llmcli.spec.explain import ExplainOptions
from llmcli.tokenization.marian import LANGUAGE_CODE

KEPT = 1 << 21
"""The most weights that are kept of each layer and head: 8 MB."""


@dataclass(frozen=True, slots=True)
class Pair(Described):
    """A word of the translation, and the source word that it reads most."""

    target: int
    """The place of the word among the target words."""
    source: int
    """The place of the word among the source words."""
    weight: float
    """The weight between them, in the mean of all layers and heads."""


@dataclass(frozen=True, slots=True)
class Alignment(SectionResult):
    """Cross-attention between the words of a text and those of its translation."""

    sources: tuple[Word, ...]
    """The Ws words of the source."""
    targets: tuple[Word, ...]
    """The Wt words of the target; their positions are those at which they are predicted."""
    layers: int
    """Layers with cross-attention."""
    heads: int
    """Heads of each layer."""
    mean: Floats
    """(Wt, Ws): the mean of all layers and heads; each row sums to 1."""
    left_out: Floats
    """(Wt,): the weight on special tokens, such as the end of the text; `mean` is without it."""
    pairs: tuple[Pair, ...]
    """For each target word the source word with the greatest weight."""
    is_special: tuple[bool, ...]
    """Whether a source token is special (Ts)."""
    weights: Floats | None = field(metadata={"pack": "sqrt8"})
    """(L, H, Tt, Ts) of each layer and head, special tokens included; None where they are too
    many: the section `attention` has some of them."""


def reason_against(study: Study) -> str | None:
    """Why there is no alignment: None for an encoder-decoder that attends to its source."""
    if study.kind != "seq2seq":
        return _say("no_translator")
    sources, targets = _words(study)
    return None if sources and targets else _say("no_words")


def build(study: Study, options: ExplainOptions) -> Alignment:
    """Align the words by the mean of all cross-attention.

    Row t of the decoder is what it reads as it predicts token t + 1: the words are those that are
    predicted. Weights on special tokens are left out (Kobayashi et al. 2020, section 5, leave out
    the end of the text).
    """
    sources, targets = _words(study)
    special = tuple(map(_is_special, study.sides[0].tokens))
    total = _Sum()
    study.probed(total.visit)
    mean, left_out = without_special(total.mean(), special)
    aligned = merged(mean, targets, sources)
    best = aligned.argmax(-1)
    return Alignment(
        sources,
        targets,
        total.layers,
        total.heads,
        aligned,
        np.array([left_out[word.start : word.stop].mean() for word in targets], np.float32),
        tuple(Pair(at, int(to), float(aligned[at, to])) for at, to in enumerate(best)),
        special,
        total.kept(),
        checks=(SelfCheck("alignment.rows", float(np.abs(aligned.sum(-1) - 1).max()), 1e-5),),
        notes=() if total.is_kept else (_say("note_mean"),),
    )


def page_data(result: Alignment, size: int) -> Alignment:
    """What a page shows: without the weights of each layer and head where they take too much."""
    is_small = result.weights is None or packed_size(pack(result.weights, "sqrt8")) <= size
    return result if is_small else replace(result, weights=None)


def _words(study: Study) -> tuple[tuple[Word, ...], tuple[Word, ...]]:
    """The words of the source, and those of the target at the positions that predict them."""
    hidden = set(study.loaded.tokenizer.all_special_ids)
    sources = [None if _is_special(token) else token.name for token in study.sides[0].tokens]
    targets = [
        None if token is None or token in hidden else study.name(token)
        for token in study.reading.following
    ]
    return words_of(sources), words_of(targets)


class _Sum:
    """Adds up cross-attention, and keeps that of each layer while it is small."""

    def __init__(self) -> None:
        self.layers = self.heads = 0
        self._total: Floats | None = None
        self._kept: list[Floats] = []
        self._numbers = 0

    def visit(self, captured: Captured) -> None:
        if captured.site.part != "cross":
            return
        weights = np.asarray(captured.weights[0].cpu().numpy(), np.float32)  # (H, Tt, Ts)
        self._total = weights.sum(0) if self._total is None else self._total + weights.sum(0)
        self.layers, self.heads = self.layers + 1, len(weights)
        self._numbers += weights.size
        self._kept = [*self._kept, weights] if self.is_kept else []

    @property
    def is_kept(self) -> bool:
        return self._numbers <= KEPT

    def mean(self) -> Floats:
        assert self._total is not None  # an encoder-decoder has cross-attention
        return np.asarray(self._total / (self.layers * self.heads), np.float32)

    def kept(self) -> Floats | None:
        return np.stack(self._kept) if self.is_kept else None


def _is_special(token: Token) -> bool:
    """True of the end of the text, and of a code such as >>fr<<, which is not text either."""
    return token.special or bool(LANGUAGE_CODE.fullmatch(token.name))


def _say(key: str, **values: Any) -> str:
    return words("alignment")["en"][key].format(**values)
