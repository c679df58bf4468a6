"""Studies of tiny models, as the tests of sections need them."""

from pathlib import Path
from typing import Any

from llmcli.data.rows import Row
from llmcli.interpretability.load import load_subject
from llmcli.interpretability.study import Study
from llmcli.spec import ModelSpec
from llmcli.spec.explain import ExplainOptions
from tests.interpretability.families import TARGET, TEXT, Kind

TASKS: dict[Kind, Any] = {"causal": "causal-lm", "masked": "masked-lm", "seq2seq": "translation"}


def study_of(model: Path | str, kind: Kind, text: str = TEXT, **choices: Any) -> Study:
    """A text under a model of a kind; choices: of ExplainOptions."""
    choices = {"task": TASKS[kind], **choices}
    if kind == "seq2seq":
        choices = {"translation": TARGET, **choices}
    options = ExplainOptions(**choices)
    return Study(load_subject(ModelSpec(str(model)), options), Row(1, text), options)
