"""A training run: what it learns, reports and writes."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from llmcli.engines.known_ids import Table
from llmcli.errors import DiskFull, InputError, UsageError
from llmcli.spec import ModelSpec
from llmcli.spec.training import Training
from llmcli.tasks.finetune import finetune
from llmcli.training.corpus import Blocks, encode_files
from llmcli.training.curves import save_png
from llmcli.training.results import perplexity
from tests.training.conftest import TINY_GPT2, FinishedRun


def test_a_run_learns_and_leaves_an_ordinary_model_folder(options, tmp_path, monkeypatch):
    monkeypatch.setattr("llmcli.training.output_folder.save_png", save_png)
    run = FinishedRun(options(max_steps=30))
    losses = [one.loss for one in run.progress if one.loss is not None]
    assert losses[0] == pytest.approx(math.log(280), abs=0.3)  # at first all tokens are alike
    assert losses[-1] < losses[0] - 1
    assert run.result.perplexity < 80
    assert [loss for _, loss in run.result.curves.training] == losses
    folder = tmp_path / "model"
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert model.config.vocab_size == len(tokenizer) == 280
    assert model.num_parameters() == run.result.parameters
    assert model.config.use_cache
    assert tokenizer.decode(tokenizer("看 cat")["input_ids"]) == "看 cat"
    card = (folder / "README.md").read_text()
    assert "llmcli finetune --task causal-lm" in card and f"{run.result.perplexity:.2f}" in card
    assert (folder / "loss.png").read_bytes().startswith(b"\x89PNG")
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines if "learning_rate" in line] == [
        *range(1, 31)
    ]


@pytest.mark.parametrize("save_dtype", ["float32", "bfloat16"])
def test_the_perplexity_is_that_of_the_saved_model_on_the_held_out_text(
    options, stories, tmp_path, save_dtype
):
    result = finetune(options(dtype="bfloat16", save_dtype=save_dtype, max_steps=4))
    folder = tmp_path / "model"
    stored = load_file(str(folder / "model.safetensors"))
    assert {one.dtype for one in stored.values()} == {getattr(torch, save_dtype)}
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    expected = held_out_perplexity(model, folder, stories.data)
    assert result.perplexity == pytest.approx(expected, rel=1e-5)


def held_out_perplexity(model, folder, data):
    """By transformers' own loss, of each text in each block by itself."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    table = Table("the model", len(tokenizer), len(tokenizer), tokenizer)
    text = Training((data,), "", columns=("text",), seed=42)
    _, held = encode_files(table, text.train, text, held_out=0.1)
    blocks = Blocks(held, model.config.n_positions)
    total, count = 0.0, 0
    for at in range(len(blocks)):
        ids = torch.tensor(blocks[at]["input_ids"])
        ends = [end for end in (ids == tokenizer.eos_token_id).nonzero()[:, 0].tolist() if end]
        for start, stop in zip([0, *ends], [*ends, len(ids) - 1], strict=True):
            if start < stop:
                text = ids[None, start : stop + 1]
                with torch.no_grad():
                    total += model(text, labels=text).loss.item() * (stop - start)
                count += stop - start
    return math.exp(total / count)


def test_the_learning_rate_rises_then_falls_as_a_cosine(options):
    run = FinishedRun(options(max_steps=20, warmup=0.25, eval_fraction=0.0))
    rates = [one.learning_rate for one in run.progress]
    assert max(rates) == pytest.approx(1e-2)
    assert rates.index(max(rates)) == 5  # a quarter of 20 steps
    assert rates[13] == pytest.approx(0.5e-2 * (1 + math.cos(math.pi * 8 / 15)), rel=1e-3)


def test_the_losses_reported_are_those_of_the_final_perplexity(finished):
    reported = [one.eval_loss for one in finished.progress if one.eval_loss is not None]
    assert perplexity(reported[-1]) == pytest.approx(finished.result.perplexity, rel=1e-4)
    assert [loss for _, loss in finished.result.curves.validation] == reported
    assert finished.progress[-1].perplexity == pytest.approx(perplexity(reported[-1]))


def test_a_full_disk_is_one_line(options, monkeypatch):
    def fail(*args, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("llmcli.training.output_folder.write_json", fail)
    with pytest.raises(DiskFull, match="cannot write to .*: No space left on device"):
        finetune(options())


def test_a_folder_in_use_is_not_touched(options, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "precious.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty: give a new folder"):
        finetune(options())
    assert [path.name for path in folder.iterdir()] == ["precious.txt"]


def test_training_goes_on_from_a_checkpoint(options, stories, tiny_gpt2, tmp_path):
    base = ModelSpec(str(tiny_gpt2))
    before = AutoModelForCausalLM.from_pretrained(tiny_gpt2)
    result = finetune(options(from_scratch=None, max_steps=15), base)
    after = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    assert result.perplexity < 0.5 * held_out_perplexity(before, tiny_gpt2, stories.data)
    assert after.config.n_positions == before.config.n_positions
    assert f"base_model: {tiny_gpt2}" in (tmp_path / "model" / "README.md").read_text()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block_size": 64}, "`block_size` 64 is more than the 32 tokens"),
        ({"train": ("nowhere.txt",)}, "cannot read nowhere.txt"),
        ({"eval": ("nowhere.txt",), "eval_fraction": None}, "cannot read nowhere.txt"),
        ({"columns": ("story",)}, "line 1: no field 'story'"),
        ({"from_scratch": "nowhere.json"}, "cannot read nowhere.json"),
    ],
)
def test_wrong_settings_are_one_line(options, changes, message):
    with pytest.raises(InputError, match=message) as caught:
        finetune(options(**changes))
    assert "\n" not in str(caught.value)


def test_too_little_text_is_one_line(options, tmp_path):
    (tmp_path / "short.txt").write_text("")
    with pytest.raises(InputError, match="give more text"):
        finetune(options(train=(str(tmp_path / "short.txt"),)))
    assert not (tmp_path / "model").exists()


def test_a_block_shrinks_to_a_short_text(options, tmp_path):
    (tmp_path / "short.txt").write_text("The cat sat. " * 3)
    notes = []
    short = options(train=(str(tmp_path / "short.txt"),), max_steps=2, eval_fraction=0.0)
    result = finetune(short, on_event=lambda event: notes.append(getattr(event, "text", "")))
    assert result.block_size == result.train_tokens < 32
    assert f"one block of {result.block_size} tokens holds it" in " ".join(notes)


@pytest.mark.parametrize("value", [0, -1])
def test_a_number_that_others_write_for_none_is_none(value):
    settings = Training((), "", max_steps=value, early_stopping=value)
    assert (settings.max_steps, settings.early_stopping) == (None, None)


def test_text_that_yields_fewer_tokens_than_asked_shrinks_the_vocabulary(options, tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps({**TINY_GPT2, "vocab_size": 50_000}))
    finetune(options(from_scratch=str(path), max_steps=1))
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "model").config.vocab_size < 2000
