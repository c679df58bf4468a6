"""How good predictions are: metrics, intervals, slices, n-grams."""
