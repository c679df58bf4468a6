"""What is read and what is refused, as data: one test runs all cases, and one page lists them.

A topic is a file in `topics/`: `labels.py`, `encodings.py`. It has a docstring, whose first line
is the heading on the page, and a tuple `CASES`; nothing has to be registered.

    \"\"\"Labels.\"\"\"

    from tests.inputs.case import Case

    CASES = (
        Case(
            form="labels that are numbers written in two ways: 1 and 1.0",
            files={"a.csv": "text,label\\ngood,1\\nbad,0.0\\n"},
            runs=("finetune --task classification -m {tiny_classifier} --train a.csv --check",),
            says="2 labels",
        ),
    )

`form` describes the input in plain words, for the reader of the page. `files` are written to an
empty folder, in which each line of `runs` runs; a name in braces is a fixture of `conftest.py`.
What must come out: `texts`, the texts of the rows in order (with --json); `says`, a part of what
is printed on stdout or stderr; `code`, the exit code. A refused file has a code from 2 on, and
its message is then one line; a code of 1 says that a row is refused.
`every_command("a.csv")` in `case.py` gives a run for each command that reads rows.

`python -m tests.docs --references` writes the table in docs/what-is-read.md from the cases. So
topics import nothing heavy: a file that pandas writes is a function in `files`, which gets the
path. Cases run in this process on tiny models: 0.1 s each is the aim.
"""
