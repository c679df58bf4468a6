"""What the steps of a tour share: the sentence, its models, and what these compute, when needed."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from llmcli.data.rows import Row
from llmcli.engines.base import Loaded
from llmcli.errors import InputError, ModelUnsuitable
from llmcli.inference.translation.source_language import script_of, sure_language
from llmcli.interpretability.load import load_subject
from llmcli.interpretability.sections import by_hand
from llmcli.interpretability.sections.by_hand import ByHand
from llmcli.interpretability.study import NO_HEADS, Study
from llmcli.models.starters import ENCODER, STORIES, TRANSLATOR
from llmcli.spec import ModelSpec
from llmcli.spec.explain import ExplainOptions
from llmcli.tokenization.unknown import UnknownShare

ARTICLE = "我明天要去看电影。"
"""The sentence of the article that the tour follows; a constant."""

Origin = Literal["own", "translated", "article"]
"""Where a sentence is from: the user; the starter's translation of it; the article's sentence,
translated, where the starter does not know the user's language."""


@dataclass(frozen=True, slots=True)
class English:
    """A sentence in English, for the models that read nothing else."""

    text: str
    origin: Origin


class Course:
    """One sentence, one language model, and the starters for what that model does not do.

    Whatever is computed is kept: the steps may be asked for in any order, and again.
    """

    def __init__(self, text: str, subject: Loaded) -> None:
        """subject: a causal model on torch, in float32.

        Raises InputError for a text without a token, one that is longer than the model takes, or
        one that neither the model nor the starter for translations can read; ModelUnsuitable for
        a model whose queries and keys cannot be had.
        """
        self.text, self.subject = text, subject
        self.is_default = subject.checkpoint.model_id == STORIES
        """True if the model is the one that is taken without a name."""
        self._translations: dict[tuple[str, str], Study] = {}
        self.unknown = UnknownShare(subject.tokenizer).of(text)
        """The share of the text that the model cannot read, where it is most of it."""
        self.own = study_of(subject, text)
        """The text as it was given, under the model."""
        if not self.own.has_heads:
            raise ModelUnsuitable(f"{self.model_id}: {NO_HEADS}; learn needs another `model`")
        self.translation = None if self.unknown is None else self._translated(text, "en")
        self.study = self.own if self.translation is None else study_of(subject, self.translation)
        """What the later steps look into: the text, or its translation."""

    @property
    def read(self) -> str:
        """The text of the later steps."""
        return self.study.row.text

    @property
    def model_id(self) -> str:
        """The name of the language model."""
        return self.subject.checkpoint.model_id

    @cached_property
    def by_hand(self) -> ByHand:
        """The head of attention that explain computes by hand."""
        return by_hand.build(self.study, ExplainOptions())

    @cached_property
    def encoder(self) -> Loaded:
        """The starter that reads in both directions."""
        return load_subject(ModelSpec(ENCODER), ExplainOptions(task="masked-lm"))

    @cached_property
    def translator(self) -> Loaded:
        """The starter that translates."""
        return load_subject(ModelSpec(TRANSLATOR), ExplainOptions(task="translation"))

    @cached_property
    def english(self) -> English:
        """The sentence in English: itself, or translated."""
        if self.translation is not None:
            return English(self.translation, "translated")
        if self.language == "en":
            return English(self.text, "own")
        try:
            return English(self._translated(self.text, "en"), "translated")
        except InputError:
            return English(self._translated(ARTICLE, "en"), "article")

    @cached_property
    def language(self) -> str:
        """The language of the text: `en` where another one is not certain."""
        if script_of(self.text) in (None, "Latn"):
            return sure_language(self.text) or "en"
        return "zh" if script_of(self.text) == "Hani" else "other"

    @cached_property
    def decoder(self) -> Loaded:
        """A causal model that reads English: the tour's own, if it reads the English sentence."""
        is_own = self.english.text == self.read
        return self.subject if is_own else load_subject(ModelSpec(STORIES), ExplainOptions())

    @cached_property
    def translated(self) -> tuple[Study, Origin]:
        """The starter's translation: from English to Chinese, from other languages to English."""
        target = "zh" if self.language == "en" else "en"
        try:
            return self._translation(self.text, target), "own"
        except InputError:
            return self._translation(ARTICLE, "en"), "article"

    def _translated(self, text: str, target: str) -> str:
        """The starter's translation of a text. Raises InputError for a language unknown to it."""
        return self._translation(text, target).side.text

    def _translation(self, text: str, target: str) -> Study:
        if (text, target) not in self._translations:
            self._translations[text, target] = study_of(self.translator, text, to_lang=target)
        return self._translations[text, target]


def study_of(loaded: Loaded, text: str, to_lang: str | None = None) -> Study:
    """A text under a model. to_lang: of a translator."""
    return Study(loaded, Row(1, text), ExplainOptions(to_lang=to_lang))
