"""Studies of texts under tiny models and starters."""

from functools import cache
from pathlib import Path
from typing import Any

from llmcli.data.rows import Row
from llmcli.interpretability.load import load_subject
from llmcli.interpretability.outcome import Outcome, outcome_of
from llmcli.interpretability.study import Study
from llmcli.spec import ModelSpec
from llmcli.spec.explain import ExplainOptions, ExplainTask
from tests.interpretability.families import TARGET, TEXT


@cache
def _loaded(model: str, task: ExplainTask | None) -> Any:
    return load_subject(ModelSpec(model), ExplainOptions(task=task))


def study_of(model: str | Path, text: str = TEXT, **settings: Any) -> Study:
    """A study of a text under the model of a folder, or a starter."""
    options = ExplainOptions(**settings)
    return Study(_loaded(str(model), options.task), Row(1, text), options)


def outcome(model: str | Path, text: str = TEXT, **settings: Any) -> Outcome:
    """What a model predicts for a text."""
    return outcome_of(study_of(model, text, **settings))


LANGUAGES = {"from_lang": "en", "to_lang": "fr"}


def settings_of(family: str) -> dict[str, Any]:
    """Settings that a family of encoder-decoders needs; none for others."""
    if family in ("bart", "marian"):
        return {"translation": TARGET}
    return {"translation": TARGET, **LANGUAGES} if family in ("t5", "m2m100") else {}
