"""How a model computes: its attention, layers, and what its predictions depend on."""
