"""Models for texts and images, and those without a padding token, in every command for texts."""

import json
import sys
from pathlib import Path

import pytest
import torch
import transformers

from tests.tiny_data import moods, write_rows
from tests.tiny_models import MORE_WORDS, WORDS, word_tokenizer

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
import architectures  # noqa: E402

CAUSAL = ("--task", "causal-lm")
TEXTS = (
    "the cat sat on mats\na dog\nwho is good ? this is a good cat on the mats . a dog ran\nbad\n"
)


def saved(model, folder):
    """The folder of a model, with a tokenizer of whole words that has no padding token."""
    model.save_pretrained(folder)
    tokenizer = word_tokenizer(WORDS + MORE_WORDS)
    tokenizer.eos_token, tokenizer.pad_token = "[SEP]", None
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    tokenizer.save_pretrained(folder)
    return folder


def whole(name, class_name):
    """A random model of a class, with its parts for images."""
    torch.manual_seed(1)
    config = architectures.small_config(architectures.CONFIG_MAPPING[name])
    return getattr(transformers, class_name)(config)


@pytest.fixture(scope="module", params=["gemma3", "codegen", "rwkv"])
def model(request, tmp_path_factory):
    network = architectures.build(request.param, "causal")
    return saved(network, tmp_path_factory.mktemp("models") / request.param)


def test_texts_together_are_continued_as_each_alone(model, run, tmp_path):
    (tmp_path / "texts.txt").write_text(TEXTS)
    options = ("-m", model, "-n", 6, "--json", "--dtype", "float32")
    together = run("generate", "-i", tmp_path / "texts.txt", *options)
    assert together.exit_code == 0, together.output
    alone = [json.loads(run("generate", line, *options).stdout)[0] for line in TEXTS.splitlines()]
    generated = [record["text"] for record in json.loads(together.stdout)]
    assert generated == [record["text"] for record in alone]


@pytest.mark.parametrize(
    "words",
    [
        ("forward", "the cat sat", "-m"),
        ("embed", "the cat sat", "--json", "-m"),
        ("evaluate", *CAUSAL, "--bootstrap", 0, "-i", "rows.jsonl", "-m"),
        (
            "finetune",
            *CAUSAL,
            "--train",
            "rows.jsonl",
            "--max-steps",
            1,
            "--block-size",
            8,
            "-o",
            "x",
            "-m",
        ),
    ],
    ids=lambda words: words[0],
)
def test_every_command_for_texts_takes_them(model, words, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "rows.jsonl", moods(30))
    result = run(*words, model)
    assert result.exit_code == 0, result.output


def test_vectors_of_llama_4_are_the_states_of_its_text_model(run, tmp_path):
    folder = saved(whole("llama4", "Llama4ForConditionalGeneration"), tmp_path / "llama4")
    result = run("embed", "the cat sat", "-m", folder, "--json", "--dtype", "float32")
    assert result.exit_code == 0, result.output
    network = transformers.Llama4ForCausalLM.from_pretrained(folder, dtype=torch.float32).model
    ids = transformers.AutoTokenizer.from_pretrained(folder)("the cat sat", return_tensors="pt")
    with torch.no_grad():
        states = network.eval()(input_ids=ids["input_ids"]).last_hidden_state[0]
    (record,) = json.loads(result.stdout)
    vector = torch.tensor(next(value for value in record.values() if isinstance(value, list)))
    assert torch.allclose(vector, states.mean(0), atol=1e-4)


@pytest.mark.parametrize("command", ["generate", "forward", "embed"])
def test_a_model_that_transformers_runs_with_images_alone_is_named_as_such(command, run, tmp_path):
    config = architectures.small_config(architectures.CONFIG_MAPPING["mistral3"])
    config.architectures = ["Mistral3ForConditionalGeneration"]
    config.save_pretrained(tmp_path / "mistral3")
    word_tokenizer().save_pretrained(tmp_path / "mistral3")
    (tmp_path / "mistral3" / "model.safetensors").write_bytes(b"")
    result = run(command, "the cat", "-m", tmp_path / "mistral3")
    assert result.exit_code == 5 and result.stderr.count("\n") <= 1, result.stderr
