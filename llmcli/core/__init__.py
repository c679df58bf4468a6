"""What the tasks share: hub, loading, devices, decoding, token streams, data files, training."""
