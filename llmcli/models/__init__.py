"""Checkpoints without torch: hub, folders, architectures, safetensors and GGUF headers."""
