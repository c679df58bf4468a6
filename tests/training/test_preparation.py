"""What a run begins with: seeds, adapters of all kinds of models, models that cannot be trained."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from llmcli.errors import ModelUnsuitable
from llmcli.spec.training import LoraOptions, Training
from llmcli.training.corpus import Blocks
from llmcli.training.freezing import freeze
from llmcli.training.objectives.causal_lm import task
from llmcli.training.preparation import require_trainable
from tests.tiny_data import moods
from tests.tiny_models import MORE_WORDS, WORDS, word_tokenizer

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import architectures  # noqa: E402

LORA = LoraOptions(lora=True, lora_rank=2)
HELD = {"eval_fraction": 0.2, "block_size": 8}
PAIRS = [{"source": row["text"], "target": row["label"]} for row in moods(12)]


def saved(name, task, folder, **changes):
    """A tiny model of an architecture, with a tokenizer of whole words."""
    model = architectures.build(name, task, scale=1.5, **changes)
    model.save_pretrained(folder)
    tokenizer = word_tokenizer(WORDS + MORE_WORDS)
    tokenizer.eos_token = "[SEP]"
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    tokenizer.save_pretrained(folder)
    return folder


SEQ2SEQ = (
    *("m2m_100", "blenderbot", "blenderbot-small", "mbart", "pegasus", "prophetnet", "t5"),
    *("led", "fsmt", "nllb-moe", "t5gemma"),
)


@pytest.mark.parametrize("name", SEQ2SEQ)
def test_sequence_to_sequence_models_are_trained(name, fit, tmp_path):
    base = saved(name, "seq2seq", tmp_path / "base")
    fit(base, PAIRS, "seq2seq", max_steps=2)
    assert (tmp_path / "model" / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("name", "kind", "task", "rows"),
    [
        *((name, "masked", "masked-lm", moods(12)) for name in ("bert", "roberta", "distilbert")),
        *((name, "causal", "classification", moods(12)) for name in ("gpt2", "gpt_neox")),
        *((name, "causal", "causal-lm", moods(12)) for name in ("phi3", "falcon", "mamba")),
        ("m2m_100", "seq2seq", "seq2seq", PAIRS),
    ],
)
def test_adapters_of_all_kinds_of_models_are_trained_and_read_again(
    name, kind, task, rows, fit, tmp_path
):
    """Merged into the weights, they give the result that they gave in training."""
    pytest.importorskip("peft")
    base = saved(name, kind, tmp_path / "base")
    result = fit(base, rows * 4, task, adapters=LORA, max_steps=3, **HELD)
    adapters = tmp_path / "model" / "adapter_model.safetensors"
    assert any("lora_B" in key and value.any() for key, value in load_file(adapters).items())
    again = {"max_steps": 1, "learning_rate": 1e-12, **HELD}
    kept = fit(tmp_path / "model", rows * 4, task, output=str(tmp_path / "again"), **again)
    assert kept.metrics["loss"] == pytest.approx(result.metrics["loss"], abs=1e-4)


def test_a_decoder_without_a_start_is_refused_in_one_line(fit, tmp_path):
    base = saved("m2m_100", "seq2seq", tmp_path / "base")
    for file in ("config.json", "generation_config.json"):
        settings = json.loads((base / file).read_text())
        (base / file).write_text(json.dumps({**settings, "decoder_start_token_id": None}))
    with pytest.raises(ModelUnsuitable, match="no decoder_start_token_id"):
        fit(base, PAIRS, "seq2seq", max_steps=1)


def test_a_model_whose_own_code_fails_is_refused_in_one_line():
    """Nothing of the trial remains: neither a mode nor a random number."""
    model = architectures.build("gpt2", "causal")
    tokenizer = word_tokenizer(WORDS + MORE_WORDS)
    objective = task(Training(("x.txt",), "out", task="causal-lm")).objective(model, tokenizer)
    blocks = Blocks(np.arange(5, 15, dtype=np.uint32), 5)
    before = torch.get_rng_state()
    require_trainable(model, objective, blocks, "tiny")
    assert torch.equal(torch.get_rng_state(), before)
    del model.transformer.wpe
    with pytest.raises(
        ModelUnsuitable, match="tiny cannot be trained for this task: .*wpe"
    ) as caught:
        require_trainable(model, objective, blocks, "tiny")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("adapters", [LoraOptions(), LORA])
def test_equal_seeds_give_equal_weights_and_others_do_not(adapters, learner, fit, tmp_path):
    """The new head, the first weights of adapters, dropout, the order of examples."""
    torch.manual_seed(int(torch.randint(1000, ())))  # the state before a run does not matter
    runs = []
    for number, seed in enumerate((1, 1, 2)):
        folder = tmp_path / str(number)
        settings = {"output": str(folder), "seed": seed, "max_steps": 2}
        fit(learner, moods(40), "classification", adapters=adapters, **settings)
        runs.append(load_file(next(folder.glob("*model.safetensors"))))
    assert all(torch.equal(runs[0][name], runs[1][name]) for name in runs[0])
    assert not all(torch.equal(runs[0][name], runs[2][name]) for name in runs[0])
    if adapters.lora:
        first = next(name for name in runs[0] if "lora_A" in name)
        assert not torch.allclose(runs[0][first], runs[2][first], atol=0.05)


@pytest.mark.parametrize(
    ("name", "kind", "changes"),
    [
        *((name, "seq2seq", {}) for name in ("marian", "pegasus", "fsmt")),
        *(("roformer", "masked", {}), ("distilbert", "masked", {"sinusoidal_pos_embds": True})),
        ("xlm", "masked", {"sinusoidal_embeddings": True}),
    ],
)
def test_tables_of_sinusoids_are_not_trained(name, kind, changes):
    model = architectures.build(name, kind, **changes)
    for weight in model.parameters():
        weight.requires_grad = True  # as after loading
    freeze(model, ())
    frozen = [name for name, weight in model.named_parameters() if not weight.requires_grad]
    assert frozen and all("position" in name for name in frozen)


@pytest.mark.parametrize("name", ["bart", "bert", "distilbert"])
def test_learnt_tables_of_positions_are_trained(name):
    model = architectures.build(name, "seq2seq" if name == "bart" else "masked")
    freeze(model, ())
    assert all(weight.requires_grad for weight in model.parameters())
