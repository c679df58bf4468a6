"""The steps of the tour, a file each: its numbers, and what it shows of them."""
