"""Tokenizers as in transformers, without importing it; text streams; chat templates."""
