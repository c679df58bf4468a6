"""Ids outside of the embedding table: on both engines, for each kind of model."""

import json
import shutil

import numpy as np
import pytest
from transformers import AutoTokenizer

from llmcli.decoding.request import Request
from llmcli.engines.choose import Purpose, load
from llmcli.errors import ModelUnsuitable
from llmcli.spec import Decoding, ModelSpec
from tests.tiny_models import GPT2, make_causal

ENGINES = ["torch", "ct2"]


@pytest.fixture(scope="session")
def more_tokens(bpe, tmp_path_factory):
    """Makes a copy of a model whose tokenizer has one token more than the model has vectors."""

    def make(folder, *, special=False):
        copy = tmp_path_factory.mktemp("more") / folder.name
        shutil.copytree(folder, copy)
        tokenizer = AutoTokenizer.from_pretrained(copy)
        tokenizer.add_tokens(["<new>"], special_tokens=special)
        tokenizer.save_pretrained(copy)
        return copy

    return make


def change(folder, file="config.json", **settings):
    path = folder / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))
    return folder


@pytest.mark.parametrize("special", [False, True])  # typed, a special token is text elsewhere
@pytest.mark.parametrize("engine", ENGINES)
def test_a_row_of_a_file_fails_alone(run, tiny_gpt2, more_tokens, tmp_path, engine, special):
    texts = tmp_path / "texts.txt"
    texts.write_text("a cat\na <new> cat\na dog\n")
    model = more_tokens(tiny_gpt2, special=special)
    args = ("generate", "-m", model, "--engine", engine, "-n", 3, "--format", "jsonl")
    result = run(*args, "-i", texts)
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 1
    assert ["error" in record for record in records] == [False, True, False]
    assert "the token '<new>' with id 300" in records[1]["error"]
    alone = run(*args, "a dog")
    assert json.loads(alone.stdout)["text"] == records[2]["text"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("more", [(), ("--num-beams", 2), ("--assist", "lookup")])
def test_one_text_says_that_the_model_is_unsuitable(run, tiny_gpt2, more_tokens, engine, more):
    if engine == "ct2" and more:
        engine = "auto"  # ct2 does neither with such a model
    result = run("generate", "-m", more_tokens(tiny_gpt2), "--engine", engine, "a <new>", *more)
    assert result.exit_code == 5
    assert "vectors for the ids 0 to 299 only" in result.stderr


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("more", [(), ("--allow-special",)])
def test_a_special_token_without_a_vector_is_refused_as_text_and_as_a_token(
    run, tiny_gpt2, tmp_path, engine, more
):
    model = shutil.copytree(tiny_gpt2, tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<sep>"]})
    tokenizer.save_pretrained(model)
    words = ("generate", "-m", model, "--engine", engine, "-n", 2, *more)
    refused = run(*words, "a <sep>")
    assert refused.exit_code == 5, refused.output
    assert "'<sep>' with id 300" in refused.stderr
    assert run(*words, "a").exit_code == 0


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("command", ["classify", "fill", "embed", "answer"])
def test_encoders_refuse_such_a_token(run, request, more_tokens, engine, command):
    names = {
        "classify": ("tiny_classifier", ["the <new> cat"]),
        "fill": ("tiny_masked", ["the <new> [MASK]"]),
        "embed": ("tiny_encoder", ["the <new> cat"]),
        "answer": ("tiny_reader", ["who", "--context", "the <new> cat"]),
    }
    fixture, texts = names[command]
    model = more_tokens(request.getfixturevalue(fixture), special=command != "fill")
    result = run(command, "-m", model, "--engine", engine, *texts)
    assert result.exit_code == 5, result.output
    assert "'<new>'" in result.stderr


def test_a_target_without_a_vector_is_refused(run, tiny_masked, more_tokens):
    result = run("fill", "-m", more_tokens(tiny_masked), "the [MASK]", "--targets", "cat,<new>")
    assert result.exit_code == 3
    assert "the target '<new>'" in result.stderr


def test_likelihoods_refuse_such_a_token(run, tiny_gpt2, more_tokens, tmp_path):
    texts = tmp_path / "texts.jsonl"
    texts.write_text('{"text": "a cat <new> sat"}\n')
    result = run("evaluate", "-m", more_tokens(tiny_gpt2), "--task", "causal-lm", "-i", texts)
    assert result.exit_code == 3
    assert "'<new>'" in result.output


def test_a_forward_pass_refuses_such_a_token(run, tiny_gpt2, more_tokens):
    result = run("forward", "-m", more_tokens(tiny_gpt2), "a <new>")
    assert result.exit_code == 5
    assert "'<new>'" in result.stderr


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("pad", [-1, 300, 999])
def test_a_padding_token_without_a_vector_is_not_used(run, bpe, tmp_path, engine, pad):
    model = change(make_causal(bpe, tmp_path / "model", **GPT2), pad_token_id=pad)
    texts = tmp_path / "texts.txt"
    texts.write_text("a\na cat sat on\n")
    result = run("generate", "-m", model, "--engine", engine, "-i", texts, "-n", 3)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("engine", ENGINES)
def test_an_end_token_that_cannot_be_generated_is_ignored(tiny_gpt2, engine):
    loaded = load(ModelSpec(str(tiny_gpt2), engine=engine), Purpose(("causal",)))
    ends = Request([[5, 6]], [3], frozenset([400]))
    without = Request([[5, 6]], [3], frozenset())
    tokens = [
        [step.token for step in loaded.engine.decode(request, Decoding())]
        for request in (ends, without)
    ]
    assert tokens[0] == tokens[1] and len(tokens[0]) == 3


@pytest.mark.parametrize("setting", ["decoder_start_token_id", "forced_bos_token_id"])
def test_a_setting_that_names_such_a_token_is_told(run, tiny_marian, tmp_path, setting):
    model = shutil.copytree(tiny_marian, tmp_path / "marian")
    change(model, "generation_config.json", **{setting: 999})
    result = run("translate", "-m", model, "a cat")
    assert result.exit_code == 5, result.output
    assert f"{setting} 999" in result.stderr


def test_an_array_and_lists_are_looked_through(tiny_gpt2):
    engine = load(ModelSpec(str(tiny_gpt2)), Purpose(("causal",))).engine
    with pytest.raises(ModelUnsuitable, match="id 300"):
        engine.forward({"input_ids": np.array([[1, 2], [3, 300]])})
    with pytest.raises(ModelUnsuitable, match="id 301"):
        engine.score([[1, 2], [301, 2]], [1, 1])


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of peft, which this test calls itself
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_adapters_with_a_larger_table_resize_the_model(run, tiny_chat, more_tokens, tmp_path):
    """The base has 300 vectors; the adapters bring a table of 301 for one more token."""
    import peft
    import torch
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(tiny_chat)
    base.resize_token_embeddings(301, mean_resizing=False)
    settings = peft.LoraConfig(task_type="CAUSAL_LM", target_modules=["q_proj"], r=2)
    adapted = peft.get_peft_model(base, settings)
    folder = tmp_path / "adapters"
    adapted.save_pretrained(folder, save_embedding_layers=True)
    AutoTokenizer.from_pretrained(more_tokens(tiny_chat)).save_pretrained(folder)
    change(folder, "adapter_config.json", base_model_name_or_path=str(tiny_chat))
    shutil.copy(tiny_chat / "config.json", folder)
    result = run("generate", "-m", folder, "a <new>", "-n", 3, "--json")
    assert result.exit_code == 0, result.output
    ids = AutoTokenizer.from_pretrained(folder)("a <new>", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        expected = base.generate(ids, max_new_tokens=3, do_sample=False)[0, ids.shape[1] :]
    decode = AutoTokenizer.from_pretrained(folder).decode
    text = decode(expected, skip_special_tokens=True)
    assert json.loads(result.stdout)[0]["text"] == text.rstrip("\ufffd")  # cut in a character


@pytest.mark.parametrize(("check", "code"), [((), 3), (("--check",), 1)])
def test_training_rows_with_such_a_token_are_named(
    run, tiny_classifier, more_tokens, tmp_path, check, code
):
    data = tmp_path / "data.jsonl"
    rows = [{"text": "the cat", "label": "sad"}, {"text": "a <new> dog", "label": "glad"}]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows * 5))
    model = more_tokens(tiny_classifier)
    args = ("--task", "classification", "--train", data, "-o", tmp_path / "out")
    result = run("finetune", "-m", model, *args, *check)
    assert result.exit_code == code
    assert "line 2" in result.output and "'<new>'" in result.output
