"""How each task learns from examples."""
