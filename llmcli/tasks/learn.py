"""A guided tour of how a language model works, on one sentence."""

from llmcli.engines.base import Loaded
from llmcli.inference.loading import AnyModel
from llmcli.interpretability.load import load_subject
from llmcli.interpretability.tour.course import ARTICLE
from llmcli.interpretability.tour.tour import Tour
from llmcli.models.starters import Note, ignore
from llmcli.spec.explain import ExplainOptions


def load(model: AnyModel, *, note: Note = ignore) -> Loaded:
    """Load the causal language model of the tour, on torch in float32.

    model: None, or one without a name, takes the default. note: receives a line if so.
    Raises as `load_subject` does.
    """
    return load_subject(model, ExplainOptions(task="causal-lm"), note=note)


def learn(loaded: Loaded, text: str | None = None) -> Tour:
    """Begin the tour; its steps are computed when they are asked for.

    text: the sentence; None: the one of the article. A text that the model cannot read is
    translated for the later steps, by the starter model.
    Raises InputError for a text without a token, one that is longer than the model takes, or one
    that neither the model nor the starter can read; ModelUnsuitable.
    """
    return Tour(ARTICLE if text is None else text, loaded)
