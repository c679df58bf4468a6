"""JSON."""

from tests.inputs.case import Case, every_command, some_commands, with_file

ARRAY = '[\n{"text": "the [MASK]"},\n{"text": "it sat [MASK]", "id": 7}\n]\n'
LINES = '{"text": "the [MASK]"}\n\n{"text": "it sat [MASK]", "id": 7}\n'
PRETTY = '{\n  "text": "the [MASK]"\n}\n{\n  "text": "it sat [MASK]",\n  "id": 7\n}\n'
TEXTS = ("the [MASK]", "it sat [MASK]")
LABELLED = '[{"text": "a good cat", "label": "sad"}, {"text": "a bad dog", "label": "glad"}]'

CASES = (
    Case(
        form="`.jsonl`: an object a line",
        files={"a.jsonl": LINES},
        runs=every_command("a.jsonl"),
        texts=TEXTS,
    ),
    Case(
        form="`.json`: an array, as `-o x.json` writes it",
        files={"a.json": ARRAY},
        runs=every_command("a.json"),
        texts=TEXTS,
    ),
    Case(
        form="`.json`: an array on one line, as pandas writes it",
        files={"a.json": ARRAY.replace("\n", "")},
        runs=some_commands("a.json"),
        texts=TEXTS,
    ),
    Case(
        form="`.json`: an object a line",
        files={"a.json": LINES},
        runs=some_commands("a.json"),
        texts=TEXTS,
    ),
    Case(
        form="`.json`: objects over several lines, one after another",
        files={"a.json": PRETTY},
        runs=some_commands("a.json"),
        texts=TEXTS,
    ),
    Case(
        form="`.json`: a single object over several lines",
        files={"a.json": '{\n  "text": "the cat"\n}\n'},
        runs=some_commands("a.json"),
        texts=("the cat",),
    ),
    Case(
        form="`.json`: several objects on one line",
        files={"a.json": '{"text": "the"} {"text": "cat"}'},
        runs=some_commands("a.json"),
        texts=("the", "cat"),
    ),
    Case(
        form="`.jsonl` that holds an array",
        files={"a.jsonl": ARRAY},
        runs=some_commands("a.jsonl"),
        texts=TEXTS,
    ),
    Case(
        form="`.jsonl` with objects over several lines",
        files={"a.jsonl": PRETTY},
        runs=some_commands("a.jsonl"),
        texts=TEXTS,
    ),
    Case(
        form="`.ndjson`; a name that says nothing, with `--input-format`",
        files={"a.ndjson": LINES, "data": LINES},
        runs=(*some_commands("a.ndjson"), *some_commands("data", "--input-format jsonl")),
        texts=TEXTS,
    ),
    Case(
        form="JSON on stdin, with `--input-format`",
        files={},
        stdin=ARRAY,
        runs=tuple(
            with_file(command, "-", f"--input-format {name}")
            for command in ("tokenize", "evaluate", "finetune")
            for name in ("json", "jsonl")
        ),
        texts=TEXTS,
    ),
    Case(
        form="labels in a `.json` array",
        files={"a.json": LABELLED},
        runs=(
            "finetune --task classification -m {tiny_encoder} --check --json -q --train a.json",
            "evaluate --task classification -m {tiny_classifier} --json -q -i a.json",
        ),
        texts=("a good cat", "a bad dog"),
    ),
    Case(
        form="an empty array; an empty `.jsonl` or `.txt`: no rows",
        files={"a.json": "[]\n", "a.jsonl": "", "a.txt": ""},
        runs=tuple(with_file("tokenize", name) for name in ("a.json", "a.jsonl", "a.txt")),
        texts=(),
        remark="no rows come out",
    ),
    Case(
        form="a line that is not JSON",
        files={"a.jsonl": '{"text": "the"}\n{\'text\': "cat"}\n{"text": "sat"}\n'},
        runs=(with_file("tokenize", "a.jsonl"),),
        code=1,
        says="not JSON: Expecting property name",
    ),
    Case(
        form="a broken element of an array; the line is named",
        files={"a.json": '[\n{"text": "the"},\n{"text": cat}\n]\n'},
        runs=(with_file("classify", "a.json", "-o out.jsonl"),),
        code=3,
        says="a.json is not JSON: line 3: Expecting value",
    ),
    Case(
        form="an array that is cut off",
        files={"a.json": '[\n{"text": "the"},\n{"text": "cat"}\n'},
        runs=(with_file("classify", "a.json", "-o out.jsonl"),),
        code=3,
        says="a.json is not JSON: line 4",
    ),
    Case(
        form="an object with the same field twice",
        files={"a.jsonl": '{"text": "the", "text": "cat"}\n'},
        runs=(with_file("tokenize", "a.jsonl"),),
        code=1,
        says="the field 'text' comes twice",
    ),
    Case(
        form="a table by columns, as pandas writes it by default",
        files={"a.json": '{"text": {"0": "the", "1": "cat"}}'},
        runs=(with_file("tokenize", "a.json"),),
        code=1,
        says="use to_json(orient='records', lines=True)",
    ),
    Case(
        form="all rows inside one object",
        files={"a.json": '{"rows": [{"text": "the"}, {"text": "cat"}]}'},
        runs=(with_file("tokenize", "a.json"),),
        code=1,
        says="'rows' is a list of 2 objects: write that list alone to a file",
    ),
    Case(
        form="a number or null as text, read as in `.csv`",
        files={"a.jsonl": '{"text": 1.50}\n{"text": 7}\n', "a.csv": "id,text\n1,1.5\n2,7\n"},
        runs=(with_file("tokenize", "a.jsonl"), with_file("tokenize", "a.csv")),
        texts=("1.5", "7"),
    ),
)
