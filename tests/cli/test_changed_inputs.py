"""Runs whose input changes meanwhile: exit code 3, no output file, and a cure that works."""

import json
import os

import pytest


@pytest.fixture
def words(tiny_gpt2, tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"text": f"the cat {n}"}) + "\n" for n in range(40)))
    return ["generate", "-m", tiny_gpt2, "-i", source, "-n", 2, "--batch-size", 2, "--seed", 1]


def changing(monkeypatch, change):
    """Have the input changed while the model runs for the second time."""
    from llmcli.inference.generation import Generator

    calls = []
    work = Generator.run

    def run_and_change(*settings):
        calls.append(1)
        if len(calls) == 2:
            change()
        return work(*settings)

    monkeypatch.setattr(Generator, "run", run_and_change)


@pytest.mark.parametrize("output", ["out.jsonl", "out.csv", None])
def test_a_run_whose_input_shrinks_is_not_finished(run, words, tmp_path, monkeypatch, output):
    source = tmp_path / "in.jsonl"
    more = [] if output is None else ["-o", tmp_path / output]
    with monkeypatch.context() as patch:
        changing(patch, lambda: os.truncate(source, source.stat().st_size // 2))
        result = run(*words, *more)
    assert result.exit_code == 3
    assert f"{source} shrank from" in result.stderr and "Traceback" not in result.output
    if output is not None:
        assert not (tmp_path / output).exists()
        assert "--resume continues" not in result.stderr
        again = run(*words, *more, "--resume")
        assert again.exit_code == 3 and "input was changed while it was read" in again.stderr
        assert run(*words, *more, "--restart").exit_code == 1  # a row that was cut in two


def test_a_run_goes_on_if_only_the_time_of_its_input_changed(run, words, tmp_path, monkeypatch):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    with monkeypatch.context() as patch:
        changing(patch, lambda: os.utime(source, ns=(5, 5)))
        result = run(*words, "-o", target)
    assert result.exit_code == 3 and "was written to while it was read" in result.stderr
    assert "--resume continues" in result.stderr
    assert run(*words, "-o", target, "--resume").exit_code == 0
    assert run(*words, "-o", tmp_path / "whole.jsonl").exit_code == 0
    assert target.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
