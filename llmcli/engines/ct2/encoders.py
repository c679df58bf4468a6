"""Encoders, without the heads on top of them, as CTranslate2's specifications."""

from typing import Any

from ctranslate2.specs import (
    EmbeddingsMerge,
    TransformerEncoderModelSpec,
    TransformerEncoderSpec,
)

from llmcli.engines.ct2.layers import activation_of, set_linear, set_norm
from llmcli.engines.ct2.weights import Weights

BODIES = ("bert.", "roberta.", "distilbert.")


def bert(weights: Weights, full: dict[str, Any]) -> Any:
    """The specification of a BERT or RoBERTa."""
    encoder = TransformerEncoderSpec(
        full["num_hidden_layers"],
        full["num_attention_heads"],
        pre_norm=False,
        activation=activation_of(full),
        layernorm_embedding=True,
        num_source_embeddings=2,
        embeddings_merge=EmbeddingsMerge.ADD,
    )
    body = weights.prefix(*BODIES)
    pooler = [f"{body}pooler.dense.{part}" for part in ("weight", "bias")]
    has_pooler = all(name in weights for name in pooler)  # which states alone do not need
    spec = TransformerEncoderModelSpec(encoder, pooling_layer=has_pooler)
    weights.leave_out(*pooler)
    encoder.scale_embeddings = False
    names = f"{body}embeddings"
    encoder.embeddings[0].weight = weights.later(f"{names}.word_embeddings.weight")
    encoder.embeddings[1].weight = weights.take(f"{names}.token_type_embeddings.weight")
    positions = weights.take(f"{names}.position_embeddings.weight")
    if full["model_type"] != "bert":  # RoBERTa's start after the padding token's id
        positions = positions[(full["pad_token_id"] or 0) + 1 :]
    encoder.position_encodings.encodings = positions
    set_norm(encoder.layernorm_embedding, weights, f"{names}.LayerNorm")
    if has_pooler:
        set_linear(spec.pooler_dense, weights, f"{body}pooler.dense")
    for at, layer in enumerate(encoder.layer):
        name = f"{body}encoder.layer.{at}"
        parts = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
        set_linear(layer.self_attention.linear[0], weights, *parts)
        set_linear(layer.self_attention.linear[1], weights, f"{name}.attention.output.dense")
        set_norm(layer.self_attention.layer_norm, weights, f"{name}.attention.output.LayerNorm")
        set_linear(layer.ffn.linear_0, weights, f"{name}.intermediate.dense")
        set_linear(layer.ffn.linear_1, weights, f"{name}.output.dense")
        set_norm(layer.ffn.layer_norm, weights, f"{name}.output.LayerNorm")
    spec.config.layer_norm_epsilon = full["layer_norm_eps"]
    return spec


def distilbert(weights: Weights, full: dict[str, Any]) -> Any:
    """The specification of a DistilBERT."""
    encoder = TransformerEncoderSpec(
        full["n_layers"],
        full["n_heads"],
        pre_norm=False,
        activation=activation_of(full),
        layernorm_embedding=True,
    )
    spec = TransformerEncoderModelSpec(encoder)
    body = weights.prefix(*BODIES)
    encoder.scale_embeddings = False
    names = f"{body}embeddings"
    encoder.embeddings[0].weight = weights.later(f"{names}.word_embeddings.weight")
    encoder.position_encodings.encodings = weights.take(f"{names}.position_embeddings.weight")
    set_norm(encoder.layernorm_embedding, weights, f"{names}.LayerNorm")
    for at, layer in enumerate(encoder.layer):
        name = f"{body}transformer.layer.{at}"
        parts = [f"{name}.attention.{part}_lin" for part in "qkv"]
        set_linear(layer.self_attention.linear[0], weights, *parts)
        set_linear(layer.self_attention.linear[1], weights, f"{name}.attention.out_lin")
        set_norm(layer.self_attention.layer_norm, weights, f"{name}.sa_layer_norm")
        set_linear(layer.ffn.linear_0, weights, f"{name}.ffn.lin1")
        set_linear(layer.ffn.linear_1, weights, f"{name}.ffn.lin2")
        set_norm(layer.ffn.layer_norm, weights, f"{name}.output_layer_norm")
    spec.config.layer_norm_epsilon = 1e-12  # fixed in DistilBERT
    return spec
