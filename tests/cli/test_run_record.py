"""--config training.json replays a run of finetune."""

import json
import shutil

import pytest
import torch

from llmcli.cli.run_record import settings_of_record
from llmcli.engines.pytorch.device import training_dtype
from llmcli.system.hashes import hash_file
from tests.tiny_data import moods, write_rows


@pytest.fixture
def recorded(run, tiny_encoder, tmp_path, monkeypatch):
    """A short run with settings of all kinds; its folder, and the words that name the data."""
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "train.jsonl", moods())
    words = ("--task", "classification", "--train", "train.jsonl", "--max-steps", 3)
    more = ("--lr", "1e-05", "--class-weights", "sad=2,glad=1", "--no-group-by-length", "--seed", 7)
    result = run("finetune", "-m", tiny_encoder, *words, *more, "-o", "first", "-q")
    assert result.exit_code == 0, result.output
    return tmp_path / "first"


def test_a_replayed_run_gives_the_same_weights(run, recorded, tmp_path):
    record = recorded / "training.json"
    result = run("finetune", "--config", record, "-o", "second", "-q")
    assert result.exit_code == 0, result.output
    for name in ("model.safetensors", "config.json"):
        hashes = {hash_file(tmp_path / folder / name) for folder in ("first", "second")}
        assert len(hashes) == 1
    assert json.loads((tmp_path / "second" / "training.json").read_text()) == json.loads(
        record.read_text()
    )


def test_a_replayed_run_computes_in_what_the_recorded_one_did(recorded):
    values = json.loads((recorded / "training.json").read_text())
    settings_of_record({**values, "arithmetic": "bfloat16"}, recorded)
    assert training_dtype(torch.device("cpu"), "auto") == (torch.bfloat16, "resumed")


def test_a_flag_overrides_the_record(run, recorded, tmp_path):
    record = recorded / "training.json"
    result = run("finetune", "--config", record, "-o", "third", "-q", "--seed", 8)
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "third" / "training.json").read_text())["seed"] == 8


def test_other_data_than_the_recorded_one_is_refused(run, recorded, tmp_path):
    with (tmp_path / "train.jsonl").open("a") as file:
        file.write('{"text": "it is good", "label": "glad"}\n')
    result = run("finetune", "--config", recorded / "training.json", "-o", "second")
    assert (result.exit_code, "cannot be replayed" in result.stderr) == (3, True)
    assert not (tmp_path / "second").exists()


def test_another_command_does_not_take_it(run, recorded):
    record = recorded / "training.json"
    result = run("generate", "a", "--config", record)
    assert result.exit_code == 3
    assert f"llmcli finetune --config {record} replays it" in result.stderr


def test_a_setting_of_another_release_is_named(run, recorded, tmp_path):
    values = json.loads((recorded / "training.json").read_text())
    path = shutil.copy(recorded / "training.json", tmp_path / "other.json")
    (tmp_path / "other.json").write_text(json.dumps({**values, "depth": 3}))
    result = run("finetune", "--config", path, "-o", "second")
    assert (result.exit_code, "no option 'depth'" in result.stderr) == (3, True)
