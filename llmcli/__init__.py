"""Run, understand and fine-tune transformers from a terminal."""

__version__ = "0.1.0"
