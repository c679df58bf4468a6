"""Tiny GGUF files, written with the gguf package: random weights and real vocabularies."""

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np

PRE = {"llama": "smollm", "qwen2": "qwen2", "qwen3": "qwen2"}
"""How each splits a text into words."""
WIDTH = 256  # the weights in a block of most types
TEXTS = (
    "the cat",
    " the  cat\n\tsat",
    "看 the 🙂 ünder",
    "<s>the</s> 2026",
    "",
    "\x00 'll THE",
    "e\u0301",
)
"""What tokenizers often differ on."""


def write_header(writer: gguf.GGUFWriter, layers: int, heads: int, kv_heads: int) -> None:
    """The sizes of a Llama-like model of WIDTH."""
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)


def add_bpe(writer: gguf.GGUFWriter, tokenizer: Any, pre: str) -> int:
    """Add a byte-level vocabulary; return the number of its tokens."""
    state = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    vocabulary = sorted(state["vocab"], key=state["vocab"].get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(vocabulary)
    writer.add_token_types([3] + [1] * (len(vocabulary) - 1))
    writer.add_token_merges([" ".join(pair) for pair in state["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    return len(vocabulary)


def add_sentencepiece(writer: gguf.GGUFWriter) -> int:
    """Add a vocabulary as that of Llama 2, with bytes; return the number of its tokens."""
    pieces = ["▁", *"thecasn", "▁t", "he", "▁the", "at", "▁c", "▁cat", "▁s", "▁sat"]
    byte_pieces = [f"<0x{value:02X}>" for value in range(256)]
    tokens = ["<unk>", "<s>", "</s>", *byte_pieces, *pieces]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * 259 + [-float(at) for at in range(len(pieces))])
    writer.add_token_types([2, 3, 3, *[6] * 256, *[1] * len(pieces)])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    return len(tokens)


def random_blocks(rows: int, kind: gguf.GGMLQuantizationType, seed: int) -> Any:
    """Packed rows of WIDTH weights in any type, all of which are finite."""
    weights, size = gguf.GGML_QUANT_SIZES[kind]
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (rows * WIDTH // weights, size), dtype=np.uint8)
    with np.errstate(all="ignore"):
        values = gguf.dequantize(blocks, kind).reshape(len(blocks), -1)
    blocks[~(np.isfinite(values) & (np.abs(values) < 1e30)).all(1)] = 0
    return blocks.reshape(rows, -1)


def write_model(
    path: Path, architecture: str, tokenizer: Any, kinds: Any, heads: int = 4, kv_heads: int = 2
) -> None:
    """Write a Llama-like model whose matrices have the types `kinds`, seven in each layer.

    tokenizer: None for a vocabulary of SentencePiece.
    """
    writer = gguf.GGUFWriter(str(path), architecture)
    layers = -(-len(kinds) // 7)
    write_header(writer, layers, heads, kv_heads)
    rows = (
        add_sentencepiece(writer)
        if tokenizer is None
        else add_bpe(writer, tokenizer, PRE[architecture])
    )
    writer.add_vocab_size(rows)
    rng = np.random.default_rng(0)
    writer.add_tensor("token_embd.weight", rng.standard_normal((rows, WIDTH), np.float32))
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    for layer in range(layers):
        add_layer(writer, layer, kinds, WIDTH * kv_heads // heads)
    if architecture.startswith("qwen"):
        add_qwen_parts(writer, architecture, layers, heads, kv_heads)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_layer(writer: gguf.GGUFWriter, layer: int, kinds: Any, narrow: int) -> None:
    """Add the norms and matrices of a layer. narrow: rows of keys and values."""
    for norm in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.{layer}.{norm}.weight", np.ones(WIDTH, np.float32))
    rows = {"attn_q": WIDTH, "attn_k": narrow, "attn_v": narrow, "attn_output": WIDTH}
    rows |= dict.fromkeys(("ffn_gate", "ffn_up", "ffn_down"), WIDTH)
    for number, (name, count) in enumerate(rows.items(), layer * 7):
        kind = kinds[number % len(kinds)]
        blocks = random_blocks(count, kind, number)
        writer.add_tensor(f"blk.{layer}.{name}.weight", blocks, raw_dtype=kind)


def add_qwen_parts(
    writer: gguf.GGUFWriter, architecture: str, layers: int, heads: int, kv_heads: int
) -> None:
    """Add what Qwen has beside Llama's weights: biases, or norms of queries and keys."""
    rng = np.random.default_rng(1)
    narrow, size = WIDTH * kv_heads // heads, WIDTH // heads
    sizes = {"attn_q.bias": WIDTH, "attn_k.bias": narrow, "attn_v.bias": narrow}
    if architecture == "qwen3":
        sizes = {"attn_q_norm.weight": size, "attn_k_norm.weight": size}
    for layer in range(layers):
        for name, count in sizes.items():
            values = rng.standard_normal(count).astype(np.float32)
            writer.add_tensor(f"blk.{layer}.{name}", values)
