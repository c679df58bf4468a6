"""The command line: parse, call one task, write its records."""
