"""The public Python API: a file for each function. `import llmcli` offers them all.

Functions take texts and return results as dataclasses; they print nothing. A single text gives a
single result, or raises. An iterable of texts gives an iterator of results in the same order, made
in batches as they are asked for. What was chosen for the user (a small model, a shorter text)
is in the results' `notes`, and goes to the logger `llmcli`.
"""
