"""Joint runs: several tasks learnt on one body."""
