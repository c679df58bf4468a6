"""The work itself: plain values in, frozen dataclasses out. No click, no rich, no printing."""
