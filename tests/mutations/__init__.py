"""Damaged and hostile model folders: every value and every file of six kinds of folder changed.

`folders` makes sound ones, `mutate` changes them, `references` says what other libraries answer
from a changed folder, `judge` runs a command on it and says whether the result may stand.
benchmarks/mutations.py runs all cases; the test here runs a sample of them.
"""
