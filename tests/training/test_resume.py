"""Interrupted runs: they go on from their last whole checkpoint, and end with the same bits."""

import json
import math
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from llmcli.engines.pytorch.from_scratch import new_model
from llmcli.errors import InputError, Interrupted, ModelUnsuitable, UsageError
from llmcli.system import calibration
from llmcli.system.hashes import write_sums
from llmcli.tasks.finetune import finetune
from llmcli.training.curves import read_curves
from llmcli.training.results import Note
from llmcli.training.resume import best_step, checkpoint_root, last_whole, lower_is_better
from tests.training.conftest import FinishedRun, stop_after


def weights(folder):
    return load_file(str(Path(folder) / "model.safetensors"))


def same_bits(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_an_interrupted_run_goes_on_and_ends_with_the_same_bits(options, finished, copied):
    result = finetune(options(resume=True))
    assert "resuming after step 7" in result.notes
    assert same_bits(weights(finished.result.output), weights(copied))
    assert result.curves.training == finished.result.curves.training  # those before, too


def test_a_half_written_checkpoint_is_not_taken(options, finished, copied):
    root = checkpoint_root(options())
    weights_file = root / "checkpoint-7" / "model.safetensors"
    weights_file.write_bytes(weights_file.read_bytes()[:-100] + bytes(100))
    assert last_whole(root).name == "checkpoint-6"
    result = finetune(options(resume=True))
    assert "resuming after step 6" in result.notes
    assert same_bits(weights(finished.result.output), weights(copied))


def test_a_single_step_changes_the_weights_and_resuming_from_nothing_says_so(options, tmp_path):
    run = FinishedRun(options(max_steps=1, resume=True, eval_fraction=0.0))
    assert any("no checkpoint" in note for note in run.result.notes)
    assert run.progress[0].learning_rate == pytest.approx(1e-2)
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    before = new_model(config, "causal", seed=42).state_dict()
    after = weights(tmp_path / "model")
    assert all(not torch.equal(before[name], after[name]) for name in after)


def test_resuming_with_other_settings_is_refused(options, copied):
    with pytest.raises(UsageError, match="began with learning_rate=0.01: give the same"):
        finetune(options(learning_rate=0.5, resume=True))


def test_resuming_with_other_data_is_refused(options, stories, copied):
    data = Path(stories.data)
    before = data.read_text()
    try:
        data.write_text(before + '{"text": "more"}\n')
        with pytest.raises(UsageError, match="began with bytes="):
            finetune(options(resume=True))
    finally:
        data.write_text(before)


def test_a_folder_with_an_interrupted_run_names_the_cure(options, copied):
    with pytest.raises(UsageError, match="is not empty: give `resume` to continue"):
        finetune(options())


def test_resuming_may_report_and_save_at_other_steps(options, copied):
    assert finetune(options(log_steps=3, save_steps=5, resume=True)).steps == 12


def test_resuming_a_finished_run_makes_no_more_steps(options, finished, tmp_path):
    folder = shutil.copytree(finished.result.output, tmp_path / "model")
    (folder / "model.safetensors").unlink()
    result = finetune(options(resume=True))
    assert "all steps are made: writing the model of the last checkpoint" in result.notes
    assert result.steps == 12
    assert same_bits(weights(finished.result.output), weights(folder))


def test_the_best_step_is_the_first_with_the_best_value():
    history = [{"step": step, "eval_f1": value} for step, value in ((1, 0.5), (2, 0.9), (3, 0.9))]
    assert best_step(history, "f1") == 2
    assert best_step(history, "loss") is None
    errors = [{"step": at, "eval_absolute_error": 1 / at} for at in (1, 2)]
    assert best_step(errors, "absolute_error") == 2
    assert lower_is_better("classification_loss") and not lower_is_better("accuracy")


def test_a_tie_of_the_best_checkpoint_is_broken_by_the_loss():
    history = [
        {"step": step, "eval_accuracy": accuracy, "eval_loss": loss}
        for step, accuracy, loss in ((1, 0.5, 0.1), (2, 1.0, 0.4), (3, 1.0, 0.2), (4, 1.0, 0.2))
    ]
    assert best_step(history, "accuracy") == 3
    assert best_step(history, "loss") == 1
    assert best_step([{"step": 1, "eval_f1": math.nan}, {"step": 2, "eval_f1": 0.0}], "f1") == 2


@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth"])
def test_a_pickle_that_would_run_code_is_refused_on_resume(options, copied, tmp_path, name):
    class Payload:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'code-ran'}",)

    checkpoint = last_whole(checkpoint_root(options()))
    torch.save(Payload(), checkpoint / name)
    write_sums(checkpoint)  # as who put it there would do
    with pytest.raises(ModelUnsuitable, match=r"cannot be continued: .* would run code"):
        finetune(options(resume=True))
    assert not (tmp_path / "code-ran").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: dict(list(weights.items())[:3]), "lacks "),
        (lambda weights: {name: value * math.nan for name, value in weights.items()}, "not finite"),
        (lambda weights: {name: value[:1] for name, value in weights.items()}, "cannot be cont"),
    ],
)
def test_a_checkpoint_with_unsound_weights_is_refused_on_resume(options, copied, change, message):
    checkpoint = last_whole(checkpoint_root(options()))
    kept = {name: value.contiguous() for name, value in change(weights(checkpoint)).items()}
    save_file(kept, checkpoint / "model.safetensors", metadata={"format": "pt"})
    write_sums(checkpoint)
    with pytest.raises(ModelUnsuitable, match=message):
        finetune(options(resume=True))


@pytest.mark.parametrize("text", ["", "[", "x *a", f"{'0' * 64} *../a", f"{'0' * 64} */etc/passwd"])
def test_a_checkpoint_with_damaged_hashes_is_not_taken(options, copied, text):
    root = checkpoint_root(options())
    (root / "checkpoint-7" / "SHA256SUMS").write_text(text)
    assert last_whole(root).name == "checkpoint-6"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[", "is not JSON"),
        ("[]", "it is a list, an object was expected"),
        ("\ud800", "is not UTF-8"),
    ],
)
def test_damaged_settings_of_a_run_are_one_line(options, copied, text, fault):
    path = Path(options().output) / "training.json"
    path.write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(InputError, match=f"training.json:? {fault}.*; start a new run"):
        finetune(options(resume=True))


@pytest.mark.parametrize(
    ("state", "fault"),
    [
        ({"global_step": "7"}, "`global_step` is the text '7', a whole number"),
        ({"log_history": None}, "`log_history` is null, a list"),
        ({"log_history": [{"step": []}]}, r"`log_history\[0\].step` is a list"),
    ],
)
def test_a_trainers_state_of_a_wrong_shape_names_its_key(options, copied, state, fault):
    checkpoint = checkpoint_root(options()) / "checkpoint-7"
    path = checkpoint / "trainer_state.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **state}))
    (checkpoint / "SHA256SUMS").unlink()
    write_sums(checkpoint)  # the hashes are of the damaged file
    with pytest.raises(InputError, match=f"trainer_state.json: {fault}"):
        finetune(options(resume=True))


@pytest.mark.parametrize("line", ["[]", "{", '{"step": "1"}', '{"loss": 1}', "9" * 5000])
def test_damaged_metrics_are_one_line_but_an_incomplete_last_one_is_none(tmp_path, line):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 2.5}\n{"step": 2, "lo')
    assert read_curves(path).training == [(1, 2.5)]
    path.write_text(f'{{"step": 1, "loss": NaN}}\n{line}\n')
    with pytest.raises(InputError, match="metrics.jsonl:2: "):
        read_curves(path)


def test_a_resumed_run_computes_in_what_it_began_with(options, monkeypatch):
    """Whatever is faster on the machine where it goes on."""
    settings = {"dtype": "auto", "max_steps": 4, "eval_fraction": 0.0}
    monkeypatch.setenv("LLMCLI_CALIBRATION", "training on the processor=bfloat16")
    with pytest.raises(Interrupted):
        finetune(options(**settings), should_stop=stop_after(2))
    calibration.forget()
    monkeypatch.setenv("LLMCLI_CALIBRATION", "training on the processor=float32")
    events = []
    finetune(options(**settings, resume=True), on_event=events.append)
    notes = [event.text for event in events if isinstance(event, Note)]
    assert any("arithmetic: bfloat16 (as the run began)" in note for note in notes)
