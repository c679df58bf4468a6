"""Checkpoints without torch: hub, folders, architectures, safetensors and GGUF files."""
