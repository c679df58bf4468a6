"""Delimiters and quotes in tables."""

from tests.inputs.case import Case, every_command

CASES = (
    Case(
        form="`.csv`: a header, then a row a line, fields separated by commas",
        files={"a.csv": 'id,text\n1,the [MASK]\n2,"the cat, [MASK]"\n'},
        runs=every_command("a.csv"),
        texts=("the [MASK]", "the cat, [MASK]"),
    ),
)
