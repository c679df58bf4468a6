"""What runs a model: the interface, the choice of an engine, the timing."""
