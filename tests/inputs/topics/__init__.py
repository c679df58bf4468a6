"""A file for each topic; tests/inputs/__init__.py describes how to add one."""
