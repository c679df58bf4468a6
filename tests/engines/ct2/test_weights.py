"""All weights of a checkpoint are read, whatever their names, dtypes and files."""

import numpy as np
import pytest
import torch

from llmcli.engines.ct2.conversion_process import convert
from llmcli.engines.ct2.support import UnsupportedByCt2
from llmcli.models.checkpoint import Checkpoint
from tests.engines.ct2.random_models import TEXTS, VOCABULARY, convert_again, convert_random, resave
from tests.engines.ct2.test_causal import GPT2, LLAMA
from tests.engines.ct2.test_encoders import BERT

ctranslate2 = pytest.importorskip("ctranslate2")


def test_a_checkpoint_of_old_with_other_names_is_read_like_a_new_one(tmp_path):
    from transformers import AutoModel, AutoModelForCausalLM

    _, new = convert_random(("gpt2", GPT2), AutoModelForCausalLM, tmp_path, "causal")

    def as_published(tensors):
        for name, tensor in tensors.items():
            yield name.removeprefix("transformer."), tensor
        yield "h.0.attn.bias", torch.ones(1, 1, 40, 40)
        yield "h.0.attn.masked_bias", torch.tensor(-1e4)

    resave(tmp_path / "model", as_published)
    old = convert_again(tmp_path / "model")
    results = [np.array(ctranslate2.Generator(one).forward_batch(TEXTS)) for one in (old, new)]
    assert np.array_equal(*results)

    folder = tmp_path / "bert"
    folder.mkdir()
    _, new = convert_random(("bert", BERT), AutoModel, folder, "encoder")

    def as_google_named_them(tensors):
        for name, tensor in tensors.items():
            name = name.replace("LayerNorm.weight", "LayerNorm.gamma")
            yield "bert." + name.replace("LayerNorm.bias", "LayerNorm.beta"), tensor
        yield "bert.embeddings.position_ids", torch.arange(40)
        yield "cls.predictions.bias", torch.ones(50)

    resave(folder / "model", as_google_named_them)
    old = convert_again(folder / "model")
    states = [
        np.array(ctranslate2.Encoder(one).forward_batch(TEXTS).last_hidden_state)
        for one in (old, new)
    ]
    assert np.array_equal(*states)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_read_exactly(dtype, tmp_path):
    from transformers import AutoModelForCausalLM

    convert_random(("gpt2", GPT2), AutoModelForCausalLM, tmp_path, "causal")
    folder = tmp_path / "model"
    resave(folder, lambda tensors: [(name, one.to(dtype)) for name, one in tensors.items()])
    generator = ctranslate2.Generator(convert_again(folder), compute_type="float32")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        expected = model(torch.tensor(TEXTS[:1])).logits.numpy()
    assert np.abs(np.array(generator.forward_batch(TEXTS[:1])) - expected).max() < 1e-4


def test_a_model_in_several_files_is_read_whole(tmp_path):
    from transformers import AutoModelForCausalLM

    model, whole = convert_random(("llama", LLAMA), AutoModelForCausalLM, tmp_path, "causal")
    (tmp_path / "model" / "model.safetensors").unlink()
    model.save_pretrained(tmp_path / "model", max_shard_size="20KB")
    assert len(list((tmp_path / "model").glob("*.safetensors"))) > 1
    results = [
        np.array(ctranslate2.Generator(one).forward_batch(TEXTS))
        for one in (convert_again(tmp_path / "model"), whole)
    ]
    assert np.array_equal(*results)


def test_a_tied_output_that_is_stored_with_other_values_counts_as_in_transformers(tmp_path):
    from transformers import AutoModelForCausalLM

    convert_random(("gpt2", GPT2), AutoModelForCausalLM, tmp_path, "causal")
    folder = tmp_path / "model"
    output = torch.randn(VOCABULARY, 24)
    resave(folder, lambda tensors: [*tensors.items(), ("lm_head.weight", output)])
    generator = ctranslate2.Generator(convert_again(folder), compute_type="float32")
    with torch.no_grad():
        model = AutoModelForCausalLM.from_pretrained(folder)
        expected = model(torch.tensor(TEXTS[:1])).logits.numpy()
    assert np.abs(np.array(generator.forward_batch(TEXTS[:1])) - expected).max() < 1e-4


def test_the_weights_as_int8_are_near_those_as_float32(tmp_path):
    from transformers import AutoModelForCausalLM

    _, exact = convert_random(("llama", LLAMA), AutoModelForCausalLM, tmp_path, "causal")
    near = tmp_path / "int8"
    near.mkdir()
    convert(Checkpoint("tiny", tmp_path / "model", "local"), near, "int8")
    assert ctranslate2.Generator(str(near), compute_type="int8").compute_type == "int8_float32"
    # that the activations become integers as well is the engine's business
    generator = ctranslate2.Generator(str(near), compute_type="float32")
    exact_logits = np.array(ctranslate2.Generator(exact).forward_batch(TEXTS[:1])).ravel()
    logits = np.array(generator.forward_batch(TEXTS[:1])).ravel()
    assert 0 < np.abs(logits - exact_logits).max()
    assert np.corrcoef(logits, exact_logits)[0, 1] > 0.999


def test_a_weight_that_the_conversion_does_not_know_is_refused(tmp_path):
    from transformers import AutoModelForCausalLM

    convert_random(("llama", LLAMA), AutoModelForCausalLM, tmp_path, "causal")
    extra = ("model.layers.1.self_attn.q_norm.weight", torch.ones(6))
    resave(tmp_path / "model", lambda tensors: [*tensors.items(), extra])
    with pytest.raises(UnsupportedByCt2, match="self_attn.q_norm.weight"):
        convert_again(tmp_path / "model")
