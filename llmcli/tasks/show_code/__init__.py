"""The transformers scripts that do what the commands do."""
