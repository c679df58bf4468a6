"""llmcli.finetune: a model that is trained on data of your own."""

from collections.abc import Callable

from llmcli.api.call import LOG
from llmcli.api.inputs import ModelLike, model_of
from llmcli.inference.loading import Model
from llmcli.spec.training import Training
from llmcli.tasks import finetune as tasks
from llmcli.training.results import Event, Finetuned, Note


def finetune(
    options: Training,
    model: ModelLike = None,
    *,
    on_event: Callable[[Event], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Finetuned:
    """Train a model on files, and write it to the folder `options.output`.

    model: the checkpoint to start from; None if `options.from_scratch` names a configuration. What
    is None in the options takes a value that is usual for the task. on_event: receives each `Note`,
    a choice that was made, and each `Progress`; losses are in nats. should_stop: asked after each
    step; True saves a checkpoint, from which the same call continues, and raises Interrupted.
    Raises UsageError for settings that contradict one another or a folder in use, InputError for
    data that cannot be used, ModelNotFound, ModelUnsuitable.

    >>> import llmcli, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "train.txt").write_text("Once upon a time there was a small cat. " * 99)
    >>> options = llmcli.Training((f"{folder}/train.txt",), f"{folder}/model", max_steps=1)
    >>> llmcli.finetune(options, "gpt2-stories").steps
    1
    """

    def report(event: Event) -> None:
        if isinstance(event, Note):
            LOG.info(event.text)
        if on_event is not None:
            on_event(event)

    named = model_of(model)
    spec = named.spec if isinstance(named, Model) else named
    return tasks.finetune(options, spec, on_event=report, should_stop=should_stop)
