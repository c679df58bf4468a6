"""Batches of an unfinished window: a resumed run takes their outputs, and gives the same bytes."""

import importlib
import json

import pytest

from llmcli.data import stored_batches

WORKS = {
    "classify": ("tiny_classifier", "classification.HeadClassifier", []),
    "classify --labels": ("tiny_gpt2", "zero_shot.LikelihoodClassifier", ["--labels", "cat,dog"]),
    "embed": ("tiny_encoder", "embedding.Embedder", []),
    "fill": ("tiny_masked", "filling.GapFiller", []),
    "answer": ("tiny_reader", "answers.ExtractiveReader", []),
    "answer generated": ("tiny_gpt2", "answers.GenerativeReader", ["--max-answer-tokens", 3]),
    "translate": ("tiny_marian", "translation.translator.Translator", ["--num-beams", 2]),
    "score": ("tiny_gpt2", "scoring.causal.CausalScorer", []),
    "score masked": ("tiny_masked", "scoring.masked.MaskedScorer", []),
    "generate": ("tiny_gpt2", "generation.Generator", ["-n", 3]),
    "generate sampled": (
        "tiny_gpt2",
        "generation.Generator",
        ["-n", 3, "--temperature", 1, "--num-return-sequences", 2, "--logprobs", 2, "--seed", 4],
    ),
    "generate beams": ("tiny_gpt2", "generation.Generator", ["-n", 3, "--num-beams", 2]),
}
ROWS = 24  # fewer than a window


def interrupted_after(monkeypatch, work, count):
    """Have a task interrupted after some batches; returns the list of its calls."""
    module, name = work.rsplit(".", 1)
    kind = getattr(importlib.import_module(f"llmcli.inference.{module}"), name)
    calls, run = [], kind.run

    def counted(self, units):
        calls.append(len(units))
        if len(calls) > count:
            raise KeyboardInterrupt
        return run(self, units)

    monkeypatch.setattr(kind, "run", counted)
    return calls


@pytest.mark.parametrize("name", WORKS)
def test_a_resumed_run_takes_the_outputs_of_finished_batches(
    run, request, tmp_path, monkeypatch, name
):
    model, work, more = WORKS[name]
    command = name.split()[0]
    texts = [f"the [MASK] {'sat on ' * (n % 7)}." for n in range(ROWS)]
    source, target, whole = (tmp_path / each for each in ("in.jsonl", "out.jsonl", "whole.jsonl"))
    rows = [{"question": "who ?", "text": text, "id": n} for n, text in enumerate(texts)]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = ["question", "text"] if command == "answer" else ["text"]
    words = [command, "-m", request.getfixturevalue(model), "-i", source, *more]
    words += ["--batch-size", 2, *(word for column in columns for word in ("--column", column))]
    assert run(*words, "-o", whole).exit_code == 0
    monkeypatch.setattr(stored_batches, "EVERY", 0)
    with monkeypatch.context() as patch:
        calls = interrupted_after(patch, work, 3)
        result = run(*words, "-o", target)
        assert result.exit_code == 130 and "--resume continues" in result.stderr, result.output
    assert [path for path in tmp_path.iterdir() if path.suffix == ".batches"]
    with monkeypatch.context() as patch:
        calls = interrupted_after(patch, work, 10**6)
        assert run(*words, "-o", target, "--resume").exit_code == 0
    all_calls = []
    with monkeypatch.context() as patch:
        all_calls = interrupted_after(patch, work, 10**6)
        assert run(*words, "-o", whole, "--restart").exit_code == 0
    assert len(calls) == len(all_calls) - 3
    assert target.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir() if "out" in path.name) == ["out.jsonl"]


@pytest.mark.parametrize("damage", ["cut", "edited", "of another run", "a pipe"])
def test_kept_outputs_that_are_damaged_are_not_taken(run, tiny_gpt2, tmp_path, monkeypatch, damage):
    import os

    source, target, whole = (tmp_path / each for each in ("in.txt", "out.csv", "whole.csv"))
    source.write_text("".join(f"the cat {n}\n" for n in range(ROWS)))
    words = ["generate", "-m", tiny_gpt2, "-i", source, "-n", 3, "--batch-size", 2]
    assert run(*words, "-o", whole).exit_code == 0
    monkeypatch.setattr(stored_batches, "EVERY", 0)
    with monkeypatch.context() as patch:
        interrupted_after(patch, "generation.Generator", 4)
        assert run(*words, "-o", target).exit_code == 130
    (kept,) = (path for path in tmp_path.iterdir() if path.suffix == ".batches")
    content = kept.read_bytes()
    if damage == "cut":
        os.truncate(kept, len(content) - 9)
    elif damage == "edited":
        kept.write_bytes(content.replace(b'"text": "', b'"text": "x'))
    elif damage == "of another run":
        kept.write_bytes(content.replace(content[:8], b"00000000"))
    else:
        kept.unlink()
        os.mkfifo(kept)
    result = run(*words, "-o", target, "--resume")
    if damage == "a pipe":
        assert result.exit_code == 3 and "is a pipe" in result.stderr
        return
    assert result.exit_code == 0
    assert target.read_bytes() == whole.read_bytes()
