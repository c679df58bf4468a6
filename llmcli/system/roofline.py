"""Upper bounds for the speed of a decoder on a machine, from memory bandwidth and arithmetic.

Decoding one text reads every weight once for each token, so memory bandwidth limits it; reading a
prompt multiplies each weight with many tokens, so arithmetic does. These are bounds that no engine
exceeds, not forecasts.

Source of the operation counts: Kaplan et al. 2020, "Scaling Laws for Neural Language Models",
section 2.1, equation 2.2: a forward pass takes 2 N + 2 n_layer n_ctx d_attn operations a token,
where N is the number of parameters without embeddings; a multiplication and an addition are two.
"""

from dataclasses import dataclass

WEIGHT_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "int8": 1}


@dataclass(frozen=True, slots=True)
class DecoderSizes:
    """The sizes of a decoder that determine its speed."""

    layer_parameters: int
    """N: of all layers together, without embeddings and without the output matrix."""
    output_parameters: int
    """Of the matrix (V, D) that gives the logits, even if it is shared with the embeddings."""
    layers: int
    attention_size: int
    """Number of heads times head size: of one token's query."""
    kv_size: int
    """Number of key heads times head size: of one token's key, or value, in one layer."""


def kv_cache_bytes(model: DecoderSizes, length: int, bytes_per_number: int) -> int:
    """Bytes of the keys and values of `length` tokens in all layers."""
    return 2 * model.layers * model.kv_size * length * bytes_per_number


def bytes_per_token(model: DecoderSizes, dtype: str, length: int, kv_dtype: str = "float32") -> int:
    """Bytes that one decoding step of one text reads, after `length` tokens.

    These are all weights, the output matrix included, and all keys and values. Not counted are the
    one row of the embeddings and the scales of int8. Raises KeyError for an unknown dtype.
    """
    weights = (model.layer_parameters + model.output_parameters) * WEIGHT_BYTES[dtype]
    return weights + kv_cache_bytes(model, length, WEIGHT_BYTES[kv_dtype])


def decode_bound(bandwidth: float, read: int) -> float:
    """Upper bound in tokens/s. bandwidth: GB/s; read: bytes for each token."""
    return bandwidth * 1e9 / read


def prefill_flops(model: DecoderSizes, length: int) -> int:
    """Operations for reading a prompt of `length` tokens, with logits for the last one only.

    A token attends to itself and to those before it: half of `length` on average, so that the
    products of queries with keys and of weights with values take 4 n_layer d_attn (length + 1) / 2
    operations a token. For long prompts that is Kaplan's 2 n_layer n_ctx d_attn.
    """
    layers = 2 * model.layer_parameters * length
    attention = 2 * model.layers * model.attention_size * length * (length + 1)
    return layers + attention + 2 * model.output_parameters


def prefill_bound(gflops: float, model: DecoderSizes, length: int) -> float:
    """Upper bound in prompt tokens/s. gflops: GFLOP/s of the machine."""
    return gflops * 1e9 * length / prefill_flops(model, length)
