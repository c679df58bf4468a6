"""Small configurations for models that are trained from scratch, by name."""

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "gpt2": {
        "model_type": "gpt2",
        "vocab_size": 8000,
        "n_embd": 256,
        "n_layer": 6,
        "n_head": 8,
        "n_positions": 256,
    },
    "llama": {
        "model_type": "llama",
        "vocab_size": 8000,
        "hidden_size": 256,
        "intermediate_size": 688,
        "num_hidden_layers": 6,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "max_position_embeddings": 256,
        "tie_word_embeddings": True,
    },
    "bert": {
        "model_type": "bert",
        "vocab_size": 8000,
        "hidden_size": 256,
        "intermediate_size": 1024,
        "num_hidden_layers": 6,
        "num_attention_heads": 8,
        "max_position_embeddings": 256,
    },
    "marian": {
        "model_type": "marian",
        "vocab_size": 8000,
        "d_model": 256,
        "encoder_layers": 4,
        "decoder_layers": 4,
        "encoder_attention_heads": 8,
        "decoder_attention_heads": 8,
        "encoder_ffn_dim": 1024,
        "decoder_ffn_dim": 1024,
        "max_position_embeddings": 256,
    },
}
"""What `from_scratch` takes in place of a file; each learns on a CPU in minutes to hours."""
