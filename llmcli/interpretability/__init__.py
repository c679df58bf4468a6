"""How a model arrives at its output: attention, layers, interventions, and pictures of them."""
