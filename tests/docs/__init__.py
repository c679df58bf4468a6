"""The documentation: its transcripts are run, its references generated, its site built.

python -m tests.docs        rewrites all of it from the program itself
"""
