"""Which settings of a run change what it trains, by its task and its other settings.

A setting without an effect would mislead: it is refused, from the command line and from Python.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

from llmcli.errors import UsageError
from llmcli.spec.training import LoraOptions, Training

TASKS: dict[str, tuple[str, ...]] = {
    "multi_label": ("classification",),
    "labels": ("classification",),
    "class_weights": ("classification", "token-classification"),
    "label_column": ("classification", "regression", "token-classification"),
    "label_smoothing": (
        *("causal-lm", "classification", "seq2seq", "token-classification", "translation"),
    ),
    "mask_fraction": ("masked-lm",),
    "chat": ("causal-lm",),
    "chat_template": ("causal-lm",),
    "prefix": ("seq2seq",),
    "from_lang": ("translation",),
    "to_lang": ("translation",),
    "init_from": (
        *("classification", "masked-lm", "question-answering", "regression"),
        "token-classification",
    ),
    "columns": (
        *("causal-lm", "classification", "masked-lm", "regression", "seq2seq"),
        *("token-classification", "translation"),
    ),
}
"""Settings that only some tasks have, and these tasks."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A setting that has no effect beside another one."""

    setting: str
    is_idle: Callable[[Training], bool]
    reason: str


CONFLICTS = (
    Conflict("label_smoothing", lambda run: run.multi_label, "`multi_label` has a loss without it"),
    Conflict("columns", lambda run: run.chat, "`chat` reads fields of fixed names"),
    Conflict(
        "eval_fraction",
        lambda run: bool(run.eval and run.eval_fraction),
        "`eval` is all of the validation data",
    ),
    Conflict(
        "init_from", lambda run: run.from_scratch is not None, "`from_scratch` makes all weights"
    ),
)
OF_PARTS = (
    *("task", "eval", "from_scratch", "chat", "freeze", "init_from", "batch_size"),
    *("group_by_length", "block_size", "label_smoothing", "eval_fraction", "adapters"),
    *TASKS,
)
"""Settings that a joint run has for each of its tasks, in `parts`, or not at all."""
PLAIN, PLAIN_LORA = Training((), ""), LoraOptions()


def require_effect(options: Training) -> None:
    """Raise UsageError for the first setting that changes nothing of what is trained.

    options: with their task; one that is still open is not judged by it.
    """
    if options.parts:
        _require_apart(options)
        return
    if options.task:
        for name, tasks in TASKS.items():
            if _is_given(options, name) and options.task not in tasks:
                listed = " and ".join((", ".join(tasks[:-1]), tasks[-1])) if tasks[1:] else tasks[0]
                raise UsageError(f"`{name}` goes with `task`={listed}, not with {options.task}")
    for conflict in CONFLICTS:
        if _is_given(options, conflict.setting) and conflict.is_idle(options):
            raise UsageError(f"`{conflict.setting}` has no effect here: {conflict.reason}")
    if not options.adapters.lora:
        for field in fields(LoraOptions):
            if getattr(options.adapters, field.name) != getattr(PLAIN_LORA, field.name):
                raise UsageError(f"`{field.name}` goes with `lora`")


def tasks_of(options: Training) -> tuple[str, ...]:
    """The tasks that have all the settings of a run."""
    given = [set(tasks) for name, tasks in TASKS.items() if _is_given(options, name)]
    return tuple(sorted(set.intersection(*given))) if given else ()


def _is_given(options: Training, name: str) -> bool:
    return bool(getattr(options, name) != getattr(PLAIN, name))


def _require_apart(options: Training) -> None:
    for name in OF_PARTS:
        if _is_given(options, name):
            shown = "lora" if name == "adapters" else name
            raise UsageError(f"`{shown}` has no effect with `parts`: that file says it by task")
