"""The machine: processor, memory, file locks, hashes; which optional packages are installed."""
