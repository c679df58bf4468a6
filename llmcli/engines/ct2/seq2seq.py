"""Sequence-to-sequence models as CTranslate2's specifications."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from ctranslate2.specs import TransformerDecoderSpec, TransformerEncoderSpec, TransformerSpec

from llmcli.arrays import Floats
from llmcli.engines.ct2.layers import activation_of, set_linear, set_norm, sinusoids
from llmcli.engines.ct2.weights import Weights

TIED = ("shared", "encoder.embed_tokens", "decoder.embed_tokens")


@dataclass(frozen=True, slots=True)
class Style:
    """The differences between BART and related architectures."""

    pre_norm: bool
    """Layer norms come before attention and feed-forward network, and one at the end."""
    embedding_norm: bool
    """A layer norm follows the embeddings."""
    learns_positions: bool
    """Position embeddings are weights, not sinusoids."""


STYLES = {
    "marian": Style(pre_norm=False, embedding_norm=False, learns_positions=False),
    "bart": Style(pre_norm=False, embedding_norm=True, learns_positions=True),
    "mbart": Style(pre_norm=True, embedding_norm=True, learns_positions=True),
    "m2m_100": Style(pre_norm=True, embedding_norm=False, learns_positions=False),
    "pegasus": Style(pre_norm=True, embedding_norm=False, learns_positions=False),
}


def bart(weights: Weights, full: dict[str, Any]) -> Any:
    """The specification of a BART, mBART, Marian, M2M-100 or Pegasus.

    Marian's decoder starts from its padding token, whose embedding is kept as it is stored.
    """
    style = STYLES[full["model_type"]]
    spec = _new_spec(full, style)
    encoder, decoder = spec.encoder, spec.decoder
    body = weights.prefix("model.")
    tied = [f"{body}{name}.weight" for name in TIED]
    for side, half, embeddings in (
        ("encoder", encoder, encoder.embeddings[0]),
        ("decoder", decoder, decoder.embeddings),
    ):
        name = f"{body}{side}"
        half.scale_embeddings = math.sqrt(full["d_model"]) if full["scale_embedding"] else 1.0
        embeddings.weight = weights.later(f"{name}.embed_tokens.weight", *tied, "lm_head.weight")
        half.position_encodings.encodings = _positions(weights, full, f"{name}.embed_positions")
        if style.embedding_norm:
            set_norm(half.layernorm_embedding, weights, f"{name}.layernorm_embedding")
        if style.pre_norm:
            set_norm(half.layer_norm, weights, f"{name}.layer_norm")
        for at, layer in enumerate(half.layer):
            _set_layer(layer, weights, f"{name}.layers.{at}")
    decoder.projection.weight = weights.later("lm_head.weight", *tied)
    if "final_logits_bias" in weights:
        bias = weights.take("final_logits_bias").reshape(-1)
        if bias.any():
            decoder.projection.bias = bias
    for name in tied:  # stored although it is tied to another weight
        if name in weights:
            weights.take(name)
    spec.config.layer_norm_epsilon = 1e-5  # torch's default, which all of them use
    return spec


def _new_spec(full: dict[str, Any], style: Style) -> Any:
    shared: dict[str, Any] = {
        "pre_norm": style.pre_norm,
        "activation": activation_of(full),
        "layernorm_embedding": style.embedding_norm,
    }
    return TransformerSpec(
        TransformerEncoderSpec(full["encoder_layers"], full["encoder_attention_heads"], **shared),
        TransformerDecoderSpec(full["decoder_layers"], full["decoder_attention_heads"], **shared),
    )


def _positions(weights: Weights, full: dict[str, Any], name: str) -> Floats:
    """The embeddings (N, D) of positions, each architecture having its own."""
    model_type, width = full["model_type"], full["d_model"]
    count = full["max_position_embeddings"]
    if STYLES[model_type].learns_positions:
        return weights.take(f"{name}.weight")[2:]
    half = width // 2
    if model_type == "m2m_100":  # as in fairseq, they start after the padding token's id
        start = full["pad_token_id"] + 1
        steps = np.exp(np.arange(half, dtype=np.float32) * -(math.log(10000) / (half - 1)))
        positions = np.arange(start, start + count, dtype=np.float32)
        return sinusoids(positions, steps.astype(np.float32))
    if f"{name}.weight" in weights:
        return weights.take(f"{name}.weight")
    steps = 10000.0 ** -(np.arange(half) * 2 / width)  # "Attention is all you need", 3.5
    return sinusoids(np.arange(count), steps)


def _set_layer(layer: Any, weights: Weights, name: str) -> None:
    attention = f"{name}.self_attn"
    set_linear(layer.self_attention.linear[0], weights, *(f"{attention}.{x}_proj" for x in "qkv"))
    set_linear(layer.self_attention.linear[1], weights, f"{attention}.out_proj")
    set_norm(layer.self_attention.layer_norm, weights, f"{name}.self_attn_layer_norm")
    if hasattr(layer, "attention"):
        across = f"{name}.encoder_attn"
        set_linear(layer.attention.linear[0], weights, f"{across}.q_proj")
        set_linear(layer.attention.linear[1], weights, f"{across}.k_proj", f"{across}.v_proj")
        set_linear(layer.attention.linear[2], weights, f"{across}.out_proj")
        set_norm(layer.attention.layer_norm, weights, f"{name}.encoder_attn_layer_norm")
    set_linear(layer.ffn.linear_0, weights, f"{name}.fc1")
    set_linear(layer.ffn.linear_1, weights, f"{name}.fc2")
    set_norm(layer.ffn.layer_norm, weights, f"{name}.final_layer_norm")


def t5(weights: Weights, full: dict[str, Any]) -> Any:
    """The specification of a T5, version 1.0 or 1.1, or an mT5."""
    layers = full["num_layers"]
    spec = TransformerSpec.from_config(
        (layers, full.get("num_decoder_layers") or layers),
        full["num_heads"],
        activation=activation_of(full),
        ffn_glu=full["feed_forward_proj"].startswith("gated-"),
        relative_attention_bias=True,
        rms_norm=True,
    )
    decoder = spec.decoder
    tied = [f"{name}.weight" for name in TIED]
    is_tied = full.get("tie_word_embeddings") is not False
    output = ["lm_head.weight"] if is_tied else []
    for side, half, embeddings in (
        ("encoder", spec.encoder, spec.encoder.embeddings[0]),
        ("decoder", decoder, decoder.embeddings),
    ):
        half.scale_embeddings = False
        embeddings.weight = weights.later(f"{side}.embed_tokens.weight", *tied, *output)
        set_norm(half.layer_norm, weights, f"{side}.final_layer_norm", is_rms=True)
        _set_t5_layers(half.layer, weights, f"{side}.block", full)
    decoder.projection.weight = weights.later("lm_head.weight", *(tied if is_tied else []))
    scales = full.get("scale_decoder_outputs", is_tied)
    if scales and full["model_type"] == "t5":  # 1.0 only; T5Config derives it from the tie
        decoder.scale_outputs = full["d_model"] ** -0.5
    for name in tied:
        if name in weights:
            weights.take(name)
    spec.config.layer_norm_epsilon = full["layer_norm_epsilon"]
    return spec


def _set_t5_layers(layers: Any, weights: Weights, name: str, full: dict[str, Any]) -> None:
    first = f"{name}.0.layer.0.SelfAttention.relative_attention_bias.weight"
    bias = weights.take(first)  # shared by all layers
    distance = np.int32(full["relative_attention_max_distance"])
    linear = partial(set_linear, bias=False)
    for at, layer in enumerate(layers):
        part = f"{name}.{at}.layer"
        attention = layer.self_attention
        attention.queries_scale = 1.0
        attention.relative_attention_bias = bias
        attention.relative_attention_max_distance = distance
        linear(attention.linear[0], weights, *(f"{part}.0.SelfAttention.{x}" for x in "qkv"))
        linear(attention.linear[1], weights, f"{part}.0.SelfAttention.o")
        set_norm(attention.layer_norm, weights, f"{part}.0.layer_norm", is_rms=True)
        last = 1
        if hasattr(layer, "attention"):
            across = f"{part}.1.EncDecAttention"
            layer.attention.queries_scale = 1.0
            linear(layer.attention.linear[0], weights, f"{across}.q")
            linear(layer.attention.linear[1], weights, f"{across}.k", f"{across}.v")
            linear(layer.attention.linear[2], weights, f"{across}.o")
            set_norm(layer.attention.layer_norm, weights, f"{part}.1.layer_norm", is_rms=True)
            last = 2
        dense = f"{part}.{last}.DenseReluDense"
        if hasattr(layer.ffn, "linear_0_noact"):
            linear(layer.ffn.linear_0, weights, f"{dense}.wi_0")
            linear(layer.ffn.linear_0_noact, weights, f"{dense}.wi_1")
        else:
            linear(layer.ffn.linear_0, weights, f"{dense}.wi")
        linear(layer.ffn.linear_1, weights, f"{dense}.wo")
        set_norm(layer.ffn.layer_norm, weights, f"{part}.{last}.layer_norm", is_rms=True)
