"""Generates transformers scripts that are equivalent to the commands, for --show-code."""
