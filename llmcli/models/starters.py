"""The models that come with the package, and the model that a task takes where none is named."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from llmcli.errors import UsageError
from llmcli.spec import ModelSpec

Note = Callable[[str], None]
"""Is told, in one line, of a choice that was made for the user; settings as `field`."""

STORIES = "gpt2-stories"
ENCODER = "bert-en"
TRANSLATOR = "marian-en-fr-zh"

DESCRIPTIONS = {
    STORIES: "a small model of English children's stories",
    ENCODER: "a small model of English",
    TRANSLATOR: "a small model for short sentences between English and French or Chinese",
}


@dataclass(frozen=True, slots=True)
class DefaultModel:
    """What a task loads if the user names no model."""

    model_id: str
    """Empty: no starter does the task, and the user must name a model."""
    larger: str = "gpt2"
    """A full-size model for the same task, where `model_id` is a starter."""
    task: str = ""
    """The training task that makes such a model, where there is no starter."""

    @property
    def note(self) -> str:
        """One line that says which model was taken, and how to take another."""
        if self.model_id in DESCRIPTIONS:
            described = f"{self.model_id}: {DESCRIPTIONS[self.model_id]}"
            return f"{described}; `model`={self.larger} takes a full-size one"
        return f"{self.model_id}: the model that is taken unless `model` names another"


GENERATE = DefaultModel(STORIES)
CLASSIFY = DefaultModel(ENCODER, "distilbert/distilbert-base-uncased-finetuned-sst-2-english")
ANSWER = DefaultModel(ENCODER, "distilbert/distilbert-base-cased-distilled-squad")
EMBED = DefaultModel(ENCODER, "sentence-transformers/all-MiniLM-L6-v2")
FILL = DefaultModel(ENCODER, "google-bert/bert-base-uncased")
TRANSLATE = DefaultModel(TRANSLATOR, "Helsinki-NLP/opus-mt-FROM-TO")
TAG = DefaultModel("", "dslim/bert-base-NER", "token-classification")
REGRESSION = DefaultModel("", "cross-encoder/stsb-distilroberta-base", "regression")
ENTAILMENT = DefaultModel("facebook/bart-large-mnli")
"""For labels that a classifier was not trained on."""


def ignore(line: str) -> None:
    """The `Note` of those who do not want any."""


def choose_model(model: ModelSpec | None, default: DefaultModel, note: Note = ignore) -> ModelSpec:
    """The model that the user named, else the default, of which `note` is told.

    model: None, or one without a `model_id`, names no model; its other settings are kept.
    Raises UsageError where there is no default.
    """
    if model is not None and model.model_id:
        return model
    if not default.model_id:
        raise UsageError(
            f"no starter model does this: name one by `model`, such as {default.larger}, or train "
            f"your own: llmcli finetune --task {default.task}"
        )
    note(default.note)
    return replace(model or ModelSpec(), model_id=default.model_id)
