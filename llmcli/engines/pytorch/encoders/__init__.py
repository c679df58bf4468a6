"""Encoders like BERT on a CPU, computed by layers written for that in place of the model's own."""
