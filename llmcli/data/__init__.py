"""Rows in, records out: readers and writers of data files, and output files that can be resumed."""
