"""The options that name a model."""

import pytest

from llmcli.cli.main import main
from llmcli.models import starters


@pytest.mark.parametrize(
    ("command", "default"),
    [
        ("answer", starters.ANSWER),
        ("classify", starters.CLASSIFY),
        ("embed", starters.EMBED),
        ("fill", starters.FILL),
        ("forward", starters.GENERATE),
        ("generate", starters.GENERATE),
        ("tokenize", starters.GENERATE),
        ("bench", starters.GENERATE),
    ],
)
def test_help_names_the_model_that_the_task_loads(command, default):
    (option,) = [
        option for option in main.get_command(None, command).params if option.name == "model_id"
    ]
    assert option.help.endswith(f"[default: {default.model_id}]")


def test_a_model_without_a_name_is_not_the_default(run):
    result = run("tokenize", "hi", "-m", "")
    assert (result.exit_code, result.stderr) == (4, "Error: no model '': the name is empty\n")
