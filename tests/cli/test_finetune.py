"""The command finetune: what it prints, and which model it starts from."""

import json

import pytest

from tests.tiny_data import write_rows

CONFIG = {"model_type": "gpt2", "vocab_size": 280, "n_embd": 16, "n_layer": 1, "n_head": 2}


@pytest.fixture
def files(tmp_path):
    rows = [{"text": "the cat sat on the mat and then to the moon. " * 4}] * 40
    config = tmp_path / "config.json"
    config.write_text(json.dumps({**CONFIG, "n_positions": 32}))
    return write_rows(tmp_path / "stories.jsonl", rows), config


def test_the_command_trains_and_prints_the_folder(run, files, tmp_path):
    data, config = files
    folder = tmp_path / "model"
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"train: [{data}]\nfrom-scratch: {config}\nmax-steps: 3\neval-fraction: 0.1\n"
    )
    result = run("finetune", "--config", recipe, "-o", folder, "--log-steps", 1)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{folder}\n"
    assert run("models", "verify", folder).exit_code == 0
    for part in ("step 3/3", "tokens/s", "left", "perplexity", "on the held-out data: loss"):
        assert part in result.stderr
    shown = run("generate", "the cat", "-m", folder, "-n", 3, "-q").stdout
    assert shown.startswith("the cat")
    again = run("finetune", "--config", recipe, "-o", folder)
    assert again.exit_code == 2 and "--output" in again.stderr and "is not empty" in again.stderr


def test_a_model_of_the_environment_gives_way_to_from_scratch(run, files, tmp_path, monkeypatch):
    monkeypatch.setenv("LLMCLI_MODEL", "gpt2")
    data, config = files
    words = ["finetune", "--train", data, "--from-scratch", config, "-o", tmp_path / "model"]
    result = run(*words, "--max-steps", 1, "-q")
    assert (result.exit_code, result.stderr) == (0, "")
