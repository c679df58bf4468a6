"""Metrics by kind: pure functions of expected and predicted values, without torch or a model."""
