"""What a run starts from: checkpoints with a new head, or configurations and a new tokenizer."""

import json

import pytest
import torch
from safetensors.torch import load_file

from llmcli.errors import InputError, ModelUnsuitable
from llmcli.spec import ModelSpec
from llmcli.tasks.finetune import finetune
from tests.tiny_data import moods


def test_the_labels_of_a_classifier_are_kept(tiny_classifier, fit, tmp_path):
    result = fit(tiny_classifier, moods(), "classification", max_steps=1)  # two of its three
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert list(config["id2label"].values()) == ["sad", "glad", "mad"]
    assert "the model's own labels are kept: sad, glad, mad" in result.notes


def test_a_head_is_taken_from_another_model(learner, fit, tmp_path):
    changes = {"max_steps": 1, "learning_rate": 0.5}
    fit(learner, moods(), "classification", output=str(tmp_path / "first"), **changes)
    changes = {"max_steps": 1, "learning_rate": 1e-12, "init_from": str(tmp_path / "first")}
    fit(learner, moods(), "classification", **changes)
    one, other = (
        load_file(tmp_path / name / "model.safetensors")["classifier.weight"]
        for name in ("first", "model")
    )
    assert torch.allclose(one, other, atol=1e-6)
    fit(learner, moods(), "classification", output=str(tmp_path / "new"), max_steps=1)
    new = load_file(tmp_path / "new" / "model.safetensors")["classifier.weight"]
    assert not torch.allclose(one, new, atol=1e-3)  # with a head of its own


def test_a_model_without_the_head_is_refused(learner, tiny_gpt2, fit):
    with pytest.raises(InputError, match="`init_from` .* has none of classifier"):
        fit(learner, moods(), "classification", init_from=str(tiny_gpt2), max_steps=1)


BERT = {
    **{"model_type": "bert", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2},
    **{"intermediate_size": 32, "vocab_size": 200, "max_position_embeddings": 32},
}
MARIAN = {
    **{"model_type": "marian", "d_model": 16, "encoder_layers": 1, "decoder_layers": 1},
    **{"encoder_attention_heads": 2, "decoder_attention_heads": 2, "vocab_size": 60},
    **{"encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "max_position_embeddings": 32},
}
TRANSLATIONS = [
    {"source": row["text"], "target": f"{row['text']} {row['label']}", "to": "fr"}
    for row in moods()
] + [{"source": "the cat", "target": "a cat", "to": "en"}] * 20


@pytest.mark.parametrize(
    ("config", "task", "rows", "words"),
    [
        (BERT, "masked-lm", moods(), ["fill", "the cat is [MASK]"]),
        (BERT, "classification", moods(), ["classify", "the cat is good"]),
        (MARIAN, "translation", TRANSLATIONS, ["translate", "the cat is good", "-t", "fr"]),
    ],
)
def test_a_model_is_made_from_scratch_with_its_tokenizer(
    run, fit, tmp_path, config, task, rows, words
):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    result = fit(None, rows, task, from_scratch=str(path), max_steps=3)
    assert any("entries, learnt from the training text" in note for note in result.notes)
    shown = run(*words, "-m", tmp_path / "model")
    assert shown.exit_code == 0, shown.output


def test_a_tokenizer_without_an_end_token_is_refused(options, tiny_words):
    with pytest.raises(ModelUnsuitable, match="no token to end a document"):
        finetune(options(from_scratch=None), ModelSpec(str(tiny_words)))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "it is a list, an object was expected"),
        ('{"vocab_size": 300}', "names no architecture"),
        ('{"model_type": "gpt7"}', "does not know the model_type 'gpt7'"),
        ('{"model_type": "gpt2", "n_layers": 2}', "gpt2 has no setting 'n_layers'"),
        ('{"model_type": "gpt2", "n_embd": 16, "n_head": 3}', "no model can be made"),
        ('{"model_type": "gpt2", "n_embd": "big"}', "`n_embd` is the text 'big', a whole number"),
        ('{"model_type": "gpt2", "vocab_size": 100}', "vocab_size 100"),
        ('{"model_type": "t5"}', "t5 is not a causal language model"),
        ('{"model_type": "bert"}', "bert is not a causal language model"),
        ('{"model_type": []}', "`model_type` is a list, a text was expected"),
        ('{"model_type": "gpt2", "n_head": 0}', "`n_head` is 0, a whole number from 1"),
    ],
)
def test_a_wrong_configuration_is_one_line_and_leaves_no_folder(options, tmp_path, config, message):
    path = tmp_path / "c.json"
    path.write_text(config)
    with pytest.raises(InputError, match=message) as caught:
        finetune(options(from_scratch=str(path), task="causal-lm"))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model").exists()
