"""The command that uses a model that was just trained."""

import shlex
from pathlib import Path

from llmcli.spec.training import Training
from llmcli.system.metadata import Metadata

COMMANDS = {
    "text-generation": 'generate -m {} "Once upon a time"',
    "text-classification": 'classify -m {} "a text"',
    "token-classification": 'tag -m {} "a text"',
    "question-answering": 'answer -m {} "a question" --context "a text"',
    "fill-mask": 'fill -m {} "a [MASK] text"',
    "translation": 'translate -m {} "a text"',
    "summarization": 'translate -m {} "a text"',
    "feature-extraction": 'embed -m {} "a text"',
}
"""By the hub's name of a task."""


def next_commands(tags: tuple[str, ...], training: Training) -> list[str]:
    """The commands that use a model for the tasks that it was trained for.

    tags: the hub's names of the tasks. One that no command serves has none.
    """
    folder = training.output
    model_type = Metadata(Path(folder) / "config.json").json().get("model_type", "")
    return [
        _command(tag, training) for tag in tags if tag in COMMANDS and not _is_t5(model_type, tag)
    ]


def _is_t5(model_type: str, tag: str) -> bool:
    """T5 is told its task in words: `translate` knows those for translating alone."""
    return tag == "summarization" and model_type.endswith("t5")


def _command(tag: str, training: Training) -> str:
    """
    >>> _command("translation", Training((), "my model", to_lang="fr"))
    'llmcli translate -m \\'my model\\' "a text" -t fr'
    """
    command = f"llmcli {COMMANDS[tag].format(shlex.quote(training.output))}"
    if tag == "text-classification" and len(training.columns) > 1:
        command += ' --text-pair "another text"'
    if tag == "text-generation" and training.chat:
        command += " --chat"
    if tag == "translation" and training.to_lang:
        command += f" -t {training.to_lang}"
    return command
