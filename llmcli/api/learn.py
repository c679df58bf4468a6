"""llmcli.learn: a guided tour of how a language model works."""

from llmcli.api.inputs import ModelLike, model_of
from llmcli.interpretability.tour.tour import Tour
from llmcli.tasks import learn as task


def learn(text: str | None = None, *, model: ModelLike = None) -> Tour:
    """Begin a tour of how a language model works, on one sentence.

    text: None takes the article's sentence. model: a causal language model. The ten steps of the
    result are computed when they are asked for; `step(name).numbers` holds all numbers of a step.
    Raises UsageError, ModelNotFound, ModelUnsuitable; InputError for a text that cannot be used.

    >>> import llmcli
    >>> tour = llmcli.learn("Once upon a time")
    >>> loss = tour.step("loss").numbers
    >>> round(loss.mean_nats, 3), round(loss.perplexity, 3)
    (0.004, 1.004)
    """
    return task.learn(task.load(model_of(model)), text)
