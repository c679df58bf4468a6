"""Tokenizers that give what those of transformers give, without importing transformers."""
