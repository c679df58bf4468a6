"""How surprising each token of a text is to a model, and the words and sentences it is part of."""
