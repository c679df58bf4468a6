"""Fixtures: runs of a few steps on tiny models, and the files that they learn from."""

import json
import random
import shutil

import pytest

from llmcli.errors import Interrupted
from llmcli.spec import ModelSpec
from llmcli.spec.training import Training
from llmcli.tasks.finetune import Progress, finetune
from tests.tiny_data import write_rows

TINY_GPT2 = {
    "model_type": "gpt2",
    "vocab_size": 280,
    "n_embd": 16,
    "n_layer": 1,
    "n_head": 2,
    "n_positions": 32,
}


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    """The curve as PNG takes as long as ten steps; the one test of it draws it by itself."""
    monkeypatch.setattr("llmcli.training.output_folder.save_png", lambda *_: None)


@pytest.fixture
def fit(tmp_path):
    """Train a few steps with settings that suit a tiny model; the folder is tmp_path/model."""

    def train(base, rows, task, **changes):
        settings = {
            "train": (write_rows(tmp_path / "train.jsonl", rows),),
            "task": task,
            "output": str(tmp_path / "model"),
            "max_steps": 30,
            "batch_size": 16,
            "learning_rate": 1e-2,
            "schedule": "constant",
            "eval_steps": 1000,
            "dtype": "float32",
        }
        options = Training(**{**settings, **changes})
        return finetune(options, None if options.from_scratch else ModelSpec(str(base)))

    return train


class Stories:
    """Stories to train a tiny GPT-2 on, and settings of runs that do."""

    def __init__(self, folder):
        self.folder = folder
        draw = random.Random(0)
        words = ["the cat sat", "a dog ran", "on the mat", "to the moon", "and then", "one day"]
        stories = [" ".join(draw.choices(words, k=30)) + "." for _ in range(60)]
        self.data = write_rows(folder / "stories.jsonl", [{"text": story} for story in stories])
        self.config = folder / "config.json"
        self.config.write_text(json.dumps(TINY_GPT2))

    def options(self, output, **changes):
        settings = {
            "train": (self.data,),
            "output": str(output),
            "from_scratch": str(self.config),
            "eval_fraction": 0.1,
            "batch_size": 4,
            "max_steps": 12,
            "learning_rate": 1e-2,
            "save_steps": 4,
            "eval_steps": 6,
            "log_steps": 1,
            "dtype": "float32",
        }
        return Training(**{**settings, **changes})


class FinishedRun:
    """A run, with all that it reported."""

    def __init__(self, options):
        self.events = []
        self.result = finetune(options, on_event=self.events.append)

    @property
    def progress(self):
        return [event for event in self.events if isinstance(event, Progress)]


@pytest.fixture(scope="session")
def stories(tmp_path_factory):
    return Stories(tmp_path_factory.mktemp("stories"))


@pytest.fixture
def options(stories, tmp_path):
    """Make settings of a run in tmp_path/model."""

    def make(**changes):
        return stories.options(tmp_path / "model", **changes)

    return make


@pytest.fixture(scope="session")
def finished(stories):
    """A run of twelve steps that nobody disturbed. Tests must not write in its folder."""
    return FinishedRun(stories.options(stories.folder / "finished"))


def stop_after(steps):
    """A should_stop that is true after so many steps."""
    left = iter(range(steps - 1))
    return lambda: next(left, None) is None


@pytest.fixture(scope="session")
def interrupted(stories):
    """The folder of the same run, interrupted after seven steps: one after the checkpoint."""
    folder = stories.folder / "interrupted"
    with pytest.raises(Interrupted, match="saved at step 7 of 12"):
        finetune(stories.options(folder), should_stop=stop_after(7))
    return folder


@pytest.fixture
def copied(interrupted, tmp_path):
    """A copy of the interrupted run's folder, at tmp_path/model, to resume in."""
    return shutil.copytree(interrupted, tmp_path / "model")
