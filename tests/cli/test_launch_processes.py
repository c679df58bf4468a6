"""finetune as processes of their own: several together, two in one folder, Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from safetensors.torch import load_file

from tests.tiny_data import moods, write_rows


def command(*arguments):
    return [sys.executable, "-m", "llmcli", "finetune", *(str(one) for one in arguments)]


@pytest.fixture
def arguments(learner, tmp_path):
    data = write_rows(tmp_path / "rows.jsonl", moods(90))
    return [
        *("-m", learner, "--task", "classification", "--train", data, "--eval", data),
        *("--max-steps", 7, "--log-steps", 1, "--lr", 1e-2, "--dtype", "float32"),
        *("--weight-decay", 0, "--device", "cpu"),
    ]


def losses(folder):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [one["loss"] for one in map(json.loads, lines) if "loss" in one]


def test_two_processes_learn_what_one_does_with_the_doubled_batch(run, arguments, tmp_path):
    """Dropout is off, as each process draws its own."""
    config = tmp_path / "base"
    config.mkdir()
    base = arguments[1]
    for path in base.iterdir():
        (config / path.name).write_bytes(path.read_bytes())
    settings = json.loads((base / "config.json").read_text())
    settings |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (config / "config.json").write_text(json.dumps(settings))
    arguments = ["-m", config, *arguments[2:]]
    one, two = tmp_path / "one", tmp_path / "two"
    assert run("finetune", *arguments, "-o", one, "--batch-size", 16).exit_code == 0
    done = subprocess.run(
        command(*arguments, "-o", two, "--batch-size", 8, "--nproc", 2),
        check=True,
        timeout=300,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    printed = re.sub(r"(?m)^\[Gloo\].*\n", "", done.stdout)  # which torch 2.8 prints
    assert printed == f"{two}\n"  # one of them speaks
    assert losses(one) == pytest.approx(losses(two), rel=1e-4)
    first, second = (load_file(folder / "model.safetensors") for folder in (one, two))
    for name, value in first.items():
        assert value.allclose(second[name], atol=1e-4), name


def test_weights_are_divided_among_gpus_alone(run, arguments, tmp_path):
    result = run("finetune", *arguments, "-o", tmp_path / "model", "--fsdp")
    assert result.exit_code == 2 and "--fsdp divides weights among GPUs" in result.stderr
    assert not (tmp_path / "model").exists()


def test_an_error_of_several_processes_is_told_once(arguments, tmp_path):
    """One that each of them finds at once, without importing torch."""
    done = subprocess.run(
        command(*arguments, "-o", tmp_path / "model", "--epochs", -1, "--nproc", 2),
        timeout=300,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == "Error: --epochs -1.0: it must be above 0; leave it out for its default\n"


def test_two_runs_are_not_made_in_one_folder_and_ctrl_c_saves(run, arguments, tmp_path):
    folder = tmp_path / "model"
    long = [100_000 if argument == 6 else argument for argument in arguments]
    long += ["-o", folder]
    first = subprocess.Popen(command(*long), stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: (folder / "metrics.jsonl").exists(), first)
        second = run("finetune", *long, "--resume")
        assert second.exit_code == 2 and "another run is at work there" in second.stderr
        first.send_signal(signal.SIGINT)
        _, said = first.communicate(timeout=120)
    finally:
        first.kill()
    assert first.returncode == 130
    assert "saving after this step" in said
    assert "to continue, give the same command with --resume" in said
    assert len(list((folder / "checkpoints").glob("checkpoint-*"))) >= 1


def wait_for(is_there, process):
    deadline = time.monotonic() + 120
    while not is_there():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
