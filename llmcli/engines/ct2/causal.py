"""Causal language models as CTranslate2's specifications."""

from functools import partial
from typing import Any

import numpy as np
from ctranslate2.specs import RotaryScalingType, TransformerDecoderModelSpec

from llmcli.engines.ct2.layers import activation_of, set_linear, set_norm
from llmcli.engines.ct2.stored import Stored
from llmcli.engines.ct2.support import rope
from llmcli.engines.ct2.weights import Weights

SCALINGS = {
    "default": None,
    "linear": RotaryScalingType.Linear,
    "llama3": RotaryScalingType.Llama3,
}


def gpt2(weights: Weights, full: dict[str, Any]) -> Any:
    """The specification of a GPT-2."""
    spec = TransformerDecoderModelSpec.from_config(
        full["n_layer"], full["n_head"], activation=activation_of(full)
    )
    body = weights.prefix("transformer.")
    decoder = spec.decoder
    decoder.scale_embeddings = False
    decoder.embeddings.weight = _embeddings(weights, full, f"{body}wte")
    decoder.position_encodings.encodings = weights.take(f"{body}wpe.weight")
    set_norm(decoder.layer_norm, weights, f"{body}ln_f")
    for at, layer in enumerate(decoder.layer):
        name = f"{body}h.{at}"
        set_norm(layer.self_attention.layer_norm, weights, f"{name}.ln_1")
        set_linear(layer.self_attention.linear[0], weights, f"{name}.attn.c_attn", transposed=True)
        set_linear(layer.self_attention.linear[1], weights, f"{name}.attn.c_proj", transposed=True)
        set_norm(layer.ffn.layer_norm, weights, f"{name}.ln_2")
        set_linear(layer.ffn.linear_0, weights, f"{name}.mlp.c_fc", transposed=True)
        set_linear(layer.ffn.linear_1, weights, f"{name}.mlp.c_proj", transposed=True)
    _set_output(decoder, weights, full, f"{body}wte")
    spec.config.layer_norm_epsilon = full["layer_norm_epsilon"]
    return spec


def _embeddings(weights: Weights, full: dict[str, Any], name: str) -> Stored:
    """The embeddings, of which a file may hold the output layer alone where the two are tied."""
    tied = ["lm_head.weight"] if full["tie_word_embeddings"] else []
    return weights.later(f"{name}.weight", *tied)


def _set_output(
    decoder: Any, weights: Weights, full: dict[str, Any], embedding: str, output: str = "lm_head"
) -> None:
    """Fill the layer that gives the logits: with weights of its own, or those of the embeddings.

    As in transformers, a stored output layer is used even if the configuration ties it.
    """
    names = [f"{output}.weight"]
    if full["tie_word_embeddings"]:
        names.append(f"{embedding}.weight")
    decoder.projection.weight = weights.later(*names)


def llama(weights: Weights, full: dict[str, Any]) -> Any:
    """The specification of a Llama, Mistral, Qwen2 or Qwen3."""
    heads = full["num_attention_heads"]
    head_dim = full.get("head_dim") or full["hidden_size"] // heads  # null in some files
    heads_kv = full.get("num_key_value_heads") or heads
    has_norm = full["model_type"] == "qwen3"
    positions = rope(full)
    spec = TransformerDecoderModelSpec.from_config(
        full["num_hidden_layers"],
        heads,
        activation=activation_of(full),
        ffn_glu=True,
        rms_norm=True,
        rotary_dim=head_dim,
        rotary_interleave=False,
        rotary_base=positions["rope_theta"],
        rotary_scaling_type=SCALINGS[positions["rope_type"]],
        original_max_position_embeddings=positions.get("original_max_position_embeddings") or 0,
        num_heads_kv=None if heads_kv == heads else heads_kv,
        head_dim=head_dim,
        qk_norm=has_norm,
    )
    body = weights.prefix("model.")
    decoder = spec.decoder
    decoder.scale_embeddings = False
    decoder.embeddings.weight = _embeddings(weights, full, f"{body}embed_tokens")
    set_norm(decoder.layer_norm, weights, f"{body}norm", is_rms=True)
    for at, layer in enumerate(decoder.layer):
        _set_llama_layer(layer, weights, f"{body}layers.{at}", full)
        _set_scaling(layer.self_attention, positions)
    _set_output(decoder, weights, full, f"{body}embed_tokens")
    spec.config.layer_norm_epsilon = full["rms_norm_eps"]
    return spec


def _set_scaling(attention: Any, positions: dict[str, Any]) -> None:
    """Fill the scaling of rotary positions.

    CTranslate2 reads the factor of both types; its specification has a field for one only.
    """
    if positions["rope_type"] != "default":
        attention.__dict__["rotary_scaling_factor"] = np.float32(positions["factor"])
    if positions["rope_type"] == "llama3":
        attention.rotary_low_freq_factor = np.float32(positions["low_freq_factor"])
        attention.rotary_high_freq_factor = np.float32(positions["high_freq_factor"])


def _set_llama_layer(layer: Any, weights: Weights, name: str, full: dict[str, Any]) -> None:
    attention, model_type = layer.self_attention, full["model_type"]
    has_bias = model_type in ("llama", "qwen3") and bool(full.get("attention_bias"))
    in_mlp = model_type == "llama" and bool(full.get("mlp_bias"))
    set_norm(attention.layer_norm, weights, f"{name}.input_layernorm", is_rms=True)
    set_norm(layer.ffn.layer_norm, weights, f"{name}.post_attention_layernorm", is_rms=True)
    if model_type == "qwen3":
        set_norm(attention.q_norm, weights, f"{name}.self_attn.q_norm", is_rms=True)
        set_norm(attention.k_norm, weights, f"{name}.self_attn.k_norm", is_rms=True)
    parts = [f"{name}.self_attn.{part}_proj" for part in "qkv"]
    set_linear(attention.linear[0], weights, *parts, bias=has_bias or model_type == "qwen2")
    set_linear(attention.linear[1], weights, f"{name}.self_attn.o_proj", bias=has_bias)
    set_linear(layer.ffn.linear_0, weights, f"{name}.mlp.gate_proj", bias=in_mlp)
    set_linear(layer.ffn.linear_0_noact, weights, f"{name}.mlp.up_proj", bias=in_mlp)
    set_linear(layer.ffn.linear_1, weights, f"{name}.mlp.down_proj", bias=in_mlp)


def gpt_neox(weights: Weights, full: dict[str, Any]) -> Any:
    """The specification of a GPT-NeoX, such as Pythia."""
    heads, has_bias = full["num_attention_heads"], bool(full.get("attention_bias", True))
    positions = rope(full)
    spec = TransformerDecoderModelSpec.from_config(
        full["num_hidden_layers"],
        heads,
        activation=activation_of(full),
        rotary_dim=int(full["hidden_size"] // heads * positions["partial_rotary_factor"]),
        rotary_interleave=False,
        rotary_base=positions["rope_theta"],
        parallel_residual=full["use_parallel_residual"],
        shared_layer_norm=False,
    )
    body = weights.prefix("gpt_neox.")
    decoder = spec.decoder
    decoder.scale_embeddings = False
    decoder.embeddings.weight = weights.later(f"{body}embed_in.weight")
    set_norm(decoder.layer_norm, weights, f"{body}final_layer_norm")
    for at, layer in enumerate(decoder.layer):
        name = f"{body}layers.{at}"
        is_parallel = full["use_parallel_residual"]
        first = layer.input_layer_norm if is_parallel else layer.self_attention.layer_norm
        second = layer.post_attention_layer_norm if is_parallel else layer.ffn.layer_norm
        set_norm(first, weights, f"{name}.input_layernorm")
        set_norm(second, weights, f"{name}.post_attention_layernorm")
        fused = layer.self_attention.linear[0]
        set_linear(fused, weights, f"{name}.attention.query_key_value", bias=has_bias)
        fused.weight = fused.weight.changed(partial(_unfused, heads=heads), "unfused")
        if fused.has_bias():
            fused.bias = _unfused(fused.bias, heads)
        dense = f"{name}.attention.dense"
        set_linear(layer.self_attention.linear[1], weights, dense, bias=has_bias)
        set_linear(layer.ffn.linear_0, weights, f"{name}.mlp.dense_h_to_4h")
        set_linear(layer.ffn.linear_1, weights, f"{name}.mlp.dense_4h_to_h")
    _set_output(decoder, weights, full, f"{body}embed_in", "embed_out")
    spec.config.layer_norm_epsilon = full["layer_norm_eps"]
    return spec


def _unfused(rows: Any, heads: int) -> Any:
    """Rows of query, key and value of each head, reordered to all queries, keys, values."""
    parts = rows.reshape(heads, 3, -1, *rows.shape[1:])
    return np.ascontiguousarray(parts.swapaxes(0, 1)).reshape(rows.shape)


def opt(weights: Weights, full: dict[str, Any]) -> Any:
    """The specification of an OPT."""
    is_before, has_bias = full["do_layer_norm_before"], bool(full.get("enable_bias", True))
    projects = full.get("word_embed_proj_dim") not in (None, full["hidden_size"])
    spec = TransformerDecoderModelSpec.from_config(
        full["num_hidden_layers"],
        full["num_attention_heads"],
        pre_norm=is_before,
        no_final_norm=full["_remove_final_layer_norm"],
        activation=activation_of(full),
        project_in_out=projects,
    )
    body = f"{weights.prefix('model.')}decoder"
    decoder = spec.decoder
    decoder.scale_embeddings = False
    decoder.embeddings.weight = _embeddings(weights, full, f"{body}.embed_tokens")
    decoder.position_encodings.encodings = weights.take(f"{body}.embed_positions.weight")[2:]
    if is_before and not full["_remove_final_layer_norm"]:
        set_norm(decoder.layer_norm, weights, f"{body}.final_layer_norm")
    if projects:
        set_linear(decoder.project_in, weights, f"{body}.project_in", bias=False)
        set_linear(decoder.project_out, weights, f"{body}.project_out", bias=False)
    for at, layer in enumerate(decoder.layer):
        name = f"{body}.layers.{at}"
        attention = layer.self_attention
        set_norm(attention.layer_norm, weights, f"{name}.self_attn_layer_norm")
        parts = [f"{name}.self_attn.{part}_proj" for part in "qkv"]
        set_linear(attention.linear[0], weights, *parts, bias=has_bias)
        set_linear(attention.linear[1], weights, f"{name}.self_attn.out_proj", bias=has_bias)
        set_norm(layer.ffn.layer_norm, weights, f"{name}.final_layer_norm")
        set_linear(layer.ffn.linear_0, weights, f"{name}.fc1", bias=has_bias)
        set_linear(layer.ffn.linear_1, weights, f"{name}.fc2", bias=has_bias)
    _set_output(decoder, weights, full, f"{body}.embed_tokens")
    spec.config.layer_norm_epsilon = 1e-5  # torch's default
    return spec
