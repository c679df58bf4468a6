"""The work of a model on rows: batches, encoding, pooling, prompts, spans, gaps."""
