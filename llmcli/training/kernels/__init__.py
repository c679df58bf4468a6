"""Faster ways to compute parts of a training step, with the gradients of the plain ones."""
