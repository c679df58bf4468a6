"""The machine: processor, memory, locks, hashes."""
