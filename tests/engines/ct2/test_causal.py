"""A converted causal model computes what transformers computes."""

import numpy as np
import pytest
import torch

from tests.engines.ct2.random_models import TEXTS, convert_random, model_type, tokens

ctranslate2 = pytest.importorskip("ctranslate2")

LLAMA = {
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 0.02,
    "rope_parameters": {"rope_type": "default", "rope_theta": 500.0},
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 5.0,
    "low_freq_factor": 1.5,
    "high_freq_factor": 3.0,
    "original_max_position_embeddings": 16,
}
LINEAR = {"rope_type": "linear", "rope_theta": 500.0, "factor": 4.0}
GPT2 = {"n_embd": 24, "n_layer": 3, "n_head": 3, "n_positions": 40, "layer_norm_epsilon": 0.03}
NEOX = {
    "hidden_size": 48,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "layer_norm_eps": 0.03,
    "rope_parameters": {
        "rope_type": "default",
        "rope_theta": 500.0,
        "partial_rotary_factor": 0.25,
    },
}
OPT = {
    "hidden_size": 24,
    "ffn_dim": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "max_position_embeddings": 40,
    "word_embed_proj_dim": 24,
}
CAUSAL = [
    ("gpt2", {**GPT2, "n_inner": 40}),
    ("gpt2", {**GPT2, "activation_function": "gelu"}),
    ("gpt2", {**GPT2, "activation_function": "relu", "tie_word_embeddings": False}),
    ("gpt2", {**GPT2, "activation_function": "silu", "reorder_and_upcast_attn": True}),
    ("llama", LLAMA),
    ("llama", {**LLAMA, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    ("llama", {**LLAMA, "num_key_value_heads": 4, "head_dim": 8}),
    ("llama", {**LLAMA, "num_key_value_heads": 1, "hidden_act": "gelu"}),
    ("llama", {**LLAMA, "rope_parameters": LLAMA3, "max_position_embeddings": 256}),
    ("llama", {**LLAMA, "rope_parameters": LINEAR}),
    ("mistral", {**LLAMA, "sliding_window": None}),
    ("mistral", {**LLAMA, "sliding_window": None, "head_dim": 10}),
    ("qwen2", LLAMA),
    ("qwen2", {**LLAMA, "tie_word_embeddings": True, "num_key_value_heads": 4}),
    ("qwen3", {**LLAMA, "head_dim": 8}),
    ("qwen3", {**LLAMA, "head_dim": 6, "attention_bias": True, "tie_word_embeddings": True}),
    ("gpt_neox", NEOX),
    ("gpt_neox", {**NEOX, "use_parallel_residual": False, "hidden_act": "gelu_new"}),
    ("gpt_neox", {**NEOX, "attention_bias": False, "tie_word_embeddings": True}),
    ("opt", OPT),
    ("opt", {**OPT, "do_layer_norm_before": False, "word_embed_proj_dim": 16}),
    ("opt", {**OPT, "activation_function": "gelu", "enable_bias": False}),
    ("opt", {**OPT, "_remove_final_layer_norm": True, "tie_word_embeddings": False}),
]


@pytest.mark.parametrize("case", CAUSAL, ids=model_type)
def test_the_logits_and_greedy_texts_of_a_causal_model_are_the_same(case, tmp_path):
    from transformers import AutoModelForCausalLM

    model, folder = convert_random(case, AutoModelForCausalLM, tmp_path, "causal")
    generator = ctranslate2.Generator(folder, compute_type="float32")
    logits = np.array(generator.forward_batch(TEXTS))
    with torch.no_grad():
        for row, ids in zip(logits, TEXTS, strict=True):
            expected = model(torch.tensor([ids])).logits[0].numpy()
            assert expected.std() > 0.1
            assert np.abs(row[: len(ids)] - expected).max() < 1e-4
        made_text = model.generate(
            torch.tensor([TEXTS[0]]),
            max_new_tokens=12,
            do_sample=False,
            use_cache=False,
            eos_token_id=-1,
            pad_token_id=0,
        )
    (found,) = generator.generate_batch(
        [tokens(TEXTS[0])], max_length=12, include_prompt_in_result=False, end_token=[]
    )
    assert found.sequences_ids[0] == made_text[0, len(TEXTS[0]) :].tolist()
