"""The task that a data file and a model are for, where only one is possible."""

from itertools import islice

from llmcli.data.readers import read_rows
from llmcli.data.readers.base import AS_WRITTEN
from llmcli.errors import InputError, UsageError
from llmcli.models import hub
from llmcli.models.architectures import Kind, kinds_of
from llmcli.models.gguf import read_settings
from llmcli.spec import FileOptions, ModelSpec
from llmcli.spec.evaluation import EVALUATION_TASKS, EvaluationTask

LOOKED_AT = 20  # rows, for their fields
TAGS = {"tags", "ner_tags", "pos_tags", "predicted_tags", "entities"}
ANSWERS = {"answers", "answer", "answer_start"}
LANGUAGE = ("causal-lm", "masked-lm")
TRANSLATION = ("translation", "seq2seq")
CHATS = {"messages", "conversations", "conversation", "completion", "response"}

WITH_A_HEAD = ("classification", "regression", "token-classification", "question-answering")
LEARNT_BY: dict[str, tuple[str, ...]] = {
    "causal": ("causal-lm", *WITH_A_HEAD),
    "seq2seq": TRANSLATION,
    "encoder": ("masked-lm", *WITH_A_HEAD),
}
"""The training tasks that a model can learn, by its family."""
MEASURED: dict[Kind, EvaluationTask] = {
    "causal": "causal-lm",
    "classifier": "classification",
    "tagger": "token-classification",
    "reader": "question-answering",
    "seq2seq": "translation",
    "encoder": "embedding",
}
"""The task that a kind of model is evaluated by."""


def fields_of(path: str, files: FileOptions = AS_WRITTEN) -> set[str]:
    """The names of the fields of a data file's first rows; empty where they cannot be read.

    Articles of SQuAD's form have question, context and answers. files: how the file is written.
    """
    try:
        rows = list(islice(read_rows(path, (), files), LOOKED_AT))
    except (InputError, UsageError):  # whoever reads the file says why
        return set()
    fields = {str(name) for row in rows for name in row.fields}
    if fields & {"paragraphs", "data"} and not fields & {"text", "label"}:
        return {"question", "context", "answers"}
    return fields or {"text"}


def tasks_of(fields: set[str]) -> tuple[str, ...]:
    """The training tasks that a row with these fields is for; empty if that is not clear."""
    if fields & CHATS:
        return ("causal-lm",)
    if {"question", "context"} <= fields and fields & ANSWERS:
        return ("question-answering",)
    if "tokens" in fields and fields & (TAGS | {"labels"}):
        return ("token-classification",)
    if {"source", "target"} <= fields:
        return TRANSLATION[:1] if fields & {"from", "to"} else TRANSLATION
    if fields & {"label", "labels"}:
        return ("classification",)
    if {"text", "score"} <= fields:
        return ("regression",)
    return LANGUAGE if fields == {"text"} or "text" in fields else ()


def family_of(kinds: tuple[Kind, ...]) -> str:
    """causal, seq2seq or encoder."""
    return next((kind for kind in ("causal", "seq2seq") if kind in kinds), "encoder")


def kinds_of_model(model: ModelSpec) -> tuple[Kind, ...]:
    """What a model can do, by its configuration. Raises ModelNotFound, ModelUnsuitable."""
    return kinds_of(read_settings(hub.resolve(model)))


def is_regression(model: ModelSpec) -> bool:
    """True for a classifier with a single output, which is a number. Raises as `kinds_of_model`."""
    settings = read_settings(hub.resolve(model))
    labels = settings.get("id2label")
    has_one = isinstance(labels, dict) and len(labels) == 1
    return has_one or settings.get("problem_type") == "regression"


def training_task(fields: set[str], family: str | None) -> str:
    """The task that data with these fields trains a model of a family for.

    family: None if no model is named. Raises UsageError where several tasks, or none, are possible.
    """
    possible = tasks_of(fields) or LANGUAGE
    if family is None:
        return _only(possible if possible != LANGUAGE else LANGUAGE[:1], fields)
    if family == "causal" and possible == ("classification",):
        possible = ("causal-lm", "classification")  # a text column is there, too
    return _only(tuple(task for task in possible if task in LEARNT_BY[family]), fields)


def measured_task(fields: set[str], kinds: tuple[Kind, ...]) -> EvaluationTask:
    """The task by which a model of these kinds is evaluated on rows with these fields.

    kinds: empty if no model is named. Raises UsageError where several tasks, or none, are possible.
    """
    by_model = tuple(dict.fromkeys(MEASURED[kind] for kind in kinds if kind in MEASURED))
    if len(by_model) == 1:
        return by_model[0]
    by_fields = _measured_by(fields)
    possible = [task for task in by_fields if not by_model or task in by_model]
    if len(possible) == 1:
        return possible[0]
    raise UsageError(f"name the task by `task`: {', '.join(possible or EVALUATION_TASKS)}")


def _measured_by(fields: set[str]) -> tuple[EvaluationTask, ...]:
    if "translation" in fields:
        return ("translation",)
    if "query" in fields or "similarity" in fields:
        return ("embedding",)
    if fields & TAGS and not {"text", "label"} <= fields:
        return ("token-classification",)
    if fields & ANSWERS and "question" in fields:
        return ("question-answering",)
    possible = tasks_of(fields)
    return tuple(task for task in EVALUATION_TASKS if task in possible)


def _only(possible: tuple[str, ...], fields: set[str]) -> str:
    if len(possible) == 1:
        return possible[0]
    listed = ", ".join(sorted(fields)) or "no fields"
    choice = f": {' or '.join(possible)}" if possible else ""
    raise UsageError(f"the data has {listed}: name the task by `task`{choice}")
