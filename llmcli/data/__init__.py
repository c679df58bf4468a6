"""Rows in (files and their columns), records out (writers, Parquet, resumable outputs)."""
