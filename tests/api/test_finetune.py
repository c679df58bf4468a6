"""finetune: a folder that can be loaded, events, and notes in the log."""

import logging

import pytest

import llmcli


def test_a_model_is_trained_without_a_word_on_the_terminal(tmp_path, capfd, caplog):
    text = tmp_path / "train.txt"
    text.write_text("Once upon a time there was a small cat. " * 60)
    options = llmcli.Training(
        (str(text),), str(tmp_path / "model"), max_steps=2, batch_size=1, block_size=32
    )
    events = []
    with llmcli.load("gpt2-stories") as model, caplog.at_level(logging.INFO, "llmcli"):
        result = llmcli.finetune(options, model, on_event=events.append)
    assert capfd.readouterr() == ("", "")
    assert result.steps == 2
    assert result.notes
    logged = [record.getMessage() for record in caplog.records if record.name == "llmcli"]
    assert logged == list(result.notes)
    assert any(isinstance(event, llmcli.Progress) for event in events)
    short = llmcli.Decoding(max_new_tokens=2)
    assert llmcli.generate("Once", model=result.output, options=short).new_tokens == 2


def test_settings_are_checked_before_anything_is_loaded(tmp_path):
    options = llmcli.Training(
        (str(tmp_path / "train.txt"),), str(tmp_path / "model"), from_scratch="gpt2"
    )
    with pytest.raises(llmcli.UsageError, match="`model`"):
        llmcli.finetune(options, "gpt2")
