"""How fast a decoder can be on a machine at best: what it must read, and what it must compute.

Decoding one text reads every weight once a token, so memory is its limit; reading a prompt
multiplies many tokens by each weight that is read, so arithmetic is. These are bounds, which no
engine passes, not forecasts.

Source of the operation counts: Kaplan et al. 2020, "Scaling Laws for Neural Language Models",
section 2.1, equation 2.2: a forward pass takes 2 N + 2 n_layer n_ctx d_attn operations a token,
N being the parameters without embeddings, a multiplication and an addition counted as two.
"""

from dataclasses import dataclass

WEIGHT_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "int8": 1}


@dataclass(frozen=True, slots=True)
class DecoderSizes:
    """The sizes of a decoder that count. Vectors and matrices of all layers together."""

    layer_parameters: int
    """N: of all layers, without token and position embeddings and without the output matrix."""
    output_parameters: int
    """Of the matrix (V, D) that makes logits, whether or not it is also that of the embeddings."""
    layers: int
    attention_size: int
    """Heads times the size of a head: of the query of one token."""
    kv_size: int
    """Key heads times the size of a head: of the key, or the value, of one token in one layer."""


def kv_cache_bytes(model: DecoderSizes, length: int, bytes_per_number: int) -> int:
    """Keys and values of `length` tokens in all layers."""
    return 2 * model.layers * model.kv_size * length * bytes_per_number


def bytes_per_token(model: DecoderSizes, dtype: str, length: int, kv_dtype: str = "float32") -> int:
    """Bytes that one step of decoding one text reads, `length` tokens being there before it.

    All weights once, the output matrix too, and all keys and values. Of the embeddings it reads
    one row, which is left out, as are scales of int8. Raises KeyError for an unknown dtype.
    """
    weights = (model.layer_parameters + model.output_parameters) * WEIGHT_BYTES[dtype]
    return weights + kv_cache_bytes(model, length, WEIGHT_BYTES[kv_dtype])


def decode_bound(bandwidth: float, read: int) -> float:
    """Tokens/s at the most: bandwidth in GB/s over the bytes that are read for a token."""
    return bandwidth * 1e9 / read


def prefill_flops(model: DecoderSizes, length: int) -> int:
    """Operations of reading a prompt of `length` tokens, logits being made of the last one only.

    A token attends to itself and to those before it: half of `length` on average, so that the
    products of queries with keys and of weights with values are 4 n_layer d_attn (length + 1) / 2
    operations a token. For long prompts that is Kaplan's 2 n_layer n_ctx d_attn.
    """
    layers = 2 * model.layer_parameters * length
    attention = 2 * model.layers * model.attention_size * length * (length + 1)
    return layers + attention + 2 * model.output_parameters


def prefill_bound(gflops: float, model: DecoderSizes, length: int) -> float:
    """Prompt tokens/s at the most: GFLOP/s over the operations of one token of the prompt."""
    return gflops * 1e9 * length / prefill_flops(model, length)
