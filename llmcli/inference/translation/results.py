"""What translating a text gives."""

from dataclasses import dataclass

from llmcli.data.results import Result
from llmcli.inference.translation.runaway import Cut
from llmcli.spec import Overflow


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence with its translation."""

    source: str
    """The sentence as it was translated."""
    translation: str
    """The sentence in the other language."""
    score: float
    """Log-probability in nats, divided by (number of tokens) ** `length_penalty`."""
    complete: bool
    """The model ended it, before it was cut."""
    cut: Cut | None
    """Why it was cut. `length`: at `max_new_tokens`; `runaway`: it became far longer than the
    sentence; `repetition`: it repeated itself without end. null if it is complete."""


@dataclass(frozen=True, slots=True)
class Translation(Result):
    """One translation of one text."""

    text: str
    """The text that was translated."""
    translation: str
    """The whole text in the other language, with its line breaks and lists."""
    index: int
    """Its rank among the translations of this text: 0 is the best."""
    score: float | None
    """Mean of the sentences' scores; None where there was nothing to translate."""
    from_lang: str | None
    """Language tag of the text, given or found; None if the model needs none."""
    to_lang: str | None
    """Language tag of the translation; None if the model needs none."""
    via: str | None
    """Language tag of a translation in between, where the model does not know the pair."""
    sentences: tuple[Sentence, ...]
    """The sentences of the text, in order."""
    complete: bool
    """All of them are complete."""
    overflow: Overflow | None
    """How a text that was too long was handled; None if it was not."""
