"""What a run is for and starts from, where the user leaves it out."""

import json

import pytest

from llmcli.engines.pytorch.from_scratch import new_model, read_new_config
from llmcli.errors import UsageError
from llmcli.models.presets import PRESETS
from llmcli.spec import ModelSpec
from llmcli.spec.training import Training
from llmcli.tasks.finetune import completed
from tests.tiny_data import write_rows


def chosen(path, model=None, **settings):
    notes = []
    options, model = completed(
        Training((str(path),), "", **settings), model, on_event=lambda note: notes.append(note.text)
    )
    return options.task, model.model_id if model else None, notes


@pytest.mark.parametrize(
    ("row", "settings", "task", "starter"),
    [
        ({"text": "a", "label": "b"}, {}, "classification", "bert-en"),
        ({"text": "a"}, {}, "causal-lm", "gpt2-stories"),
        ({"text": "a"}, {"task": "masked-lm"}, "masked-lm", "bert-en"),
        ({"tokens": ["a"], "ner_tags": ["O"]}, {}, "token-classification", "bert-en"),
        ({"source": "a", "target": "b"}, {"to_lang": "fr"}, "translation", "marian-en-fr-zh"),
        ({"source": "a", "target": "b"}, {"prefix": "x"}, "seq2seq", "marian-en-fr-zh"),
    ],
)
def test_each_task_has_a_starter_that_is_named(tmp_path, row, settings, task, starter):
    path = write_rows(tmp_path / "a.jsonl", [row])
    found, model, notes = chosen(path, **settings)
    assert (found, model) == (task, starter)
    assert any(note.startswith(f"{starter}: ") and "`model`=" in note for note in notes)
    assert (f"task: {task}" in notes) == ("task" not in settings)


def test_the_family_of_the_model_decides_between_language_models(tmp_path, tiny_bert, tiny_gpt2):
    path = write_rows(tmp_path / "a.jsonl", [{"text": "a"}])
    assert chosen(path, ModelSpec(str(tiny_bert)))[0] == "masked-lm"
    assert chosen(path, ModelSpec(str(tiny_gpt2)))[0] == "causal-lm"
    assert chosen(path, from_scratch="bert")[:2] == ("masked-lm", None)
    labelled = write_rows(tmp_path / "b.jsonl", [{"text": "a", "label": "b"}])
    with pytest.raises(UsageError, match="causal-lm or classification"):
        chosen(labelled, ModelSpec(str(tiny_gpt2)))


@pytest.mark.parametrize(
    ("name", "kind", "parameters"),
    [  # embeddings, positions, layers and norms, counted by hand
        ("gpt2", "causal", 8000 * 256 + 256 * 256 + 6 * 789_760 + 512),
        ("llama", "causal", 8000 * 256 + 6 * (3 * 256 * 256 + 3 * 256 * 688 + 512) + 256),
        ("bert", "masked", 8000 * 256 + 258 * 256 + 512 + 6 * 789_760 + 257 * 256 + 512 + 8000),
        ("marian", "seq2seq", 8000 * 256 + 2 * 256 * 256 + 4 * (789_760 + 1_053_440)),
    ],
)
def test_a_preset_is_a_small_model_of_the_documented_size(name, kind, parameters):
    model = new_model({"pad_token_id": 0, **read_new_config(name, kind)}, kind, seed=0)
    assert model.num_parameters() == parameters


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preset_can_be_trained_and_used(run, tmp_path, monkeypatch, name):
    small = {"n_embd": 32, "n_layer": 1, "n_head": 2, "hidden_size": 32, "num_hidden_layers": 1}
    small |= {"num_attention_heads": 2, "num_key_value_heads": 2, "d_model": 32}
    small |= {"encoder_layers": 1, "decoder_layers": 1, "intermediate_size": 64}
    shape = {key: small.get(key, value) for key, value in PRESETS[name].items()}
    monkeypatch.setitem(PRESETS, name, {**shape, "vocab_size": 300})
    texts = [{"text": f"the cat sat on the mat and saw {at} dogs. " * 9} for at in range(40)]
    pairs = [{"source": f"a cat {at}", "target": f"un chat {at}"} for at in range(200)]
    path = write_rows(tmp_path / "a.jsonl", pairs if name == "marian" else texts)
    words = ("--train", path, "-o", tmp_path / "new", "--max-steps", 1, "--block-size", 32)
    langs = ("--from-lang", "en", "--to-lang", "fr") if name == "marian" else ()
    result = run("finetune", "--from-scratch", name, *words, *langs, "-q")
    assert result.exit_code == 0, result.output
    config = json.loads((tmp_path / "new" / "config.json").read_text())
    assert config["model_type"] == name
    if name == "marian":
        words = ("translate", "a cat", "-m", tmp_path / "new", "-f", "en", "-t", "fr")
        assert run(*words).exit_code == 0
        assert "from en to fr" in run(*words[:-1], "de").stderr


def test_a_name_that_is_no_preset_and_no_file_is_answered_with_the_presets(run, tmp_path):
    path = write_rows(tmp_path / "a.jsonl", [{"text": "a " * 50}])
    result = run("finetune", "--from-scratch", "gpt3", "--train", path, "-o", tmp_path / "new")
    assert (result.exit_code, "one of gpt2, llama, bert, marian" in result.stderr) == (3, True)


def test_training_files_may_stand_without_a_flag(run, tmp_path, tiny_encoder):
    path = write_rows(
        tmp_path / "a.jsonl", [{"text": "a", "label": "b"}, {"text": "c", "label": "d"}]
    )
    result = run("finetune", path, "-m", tiny_encoder, "--check", "--json")
    assert '"classification"' in result.stdout
    assert run("finetune", path, "--train", path).exit_code == 2
    (tmp_path / "recipe.yaml").write_text("epochs: 1\n")
    assert "--config FILE" in run("finetune", tmp_path / "recipe.yaml").stderr
    assert "a model is named by -m" in run("finetune", "gpt2").stderr
