"""Loading the model that a task runs: the one that the user named, or the task's default."""

from llmcli.engines.base import Loaded
from llmcli.engines.choose import Purpose, load
from llmcli.models.starters import DefaultModel, Note, choose_model, ignore
from llmcli.spec import ModelSpec


def load_model(
    model: ModelSpec | None, default: DefaultModel, purpose: Purpose, note: Note = ignore
) -> Loaded:
    """Load the model that the user named, else the default, on the engine that suits the purpose.

    Raises ModelNotFound, ModelUnsuitable and UsageError, as `engines.choose.load` does.
    """
    return load(choose_model(model, default, note), purpose, note)
