"""Files of settings: --config, --parts, label maps, configurations of new models."""

from tests.inputs.case import Case, Write

ROWS = {"a.txt": "the cat sat\n" * 4}


def config(form: str, name: str, content: str | bytes | Write, says: str) -> Case:
    """A file for --config that is refused."""
    run = f"tokenize -m {{tiny_bert}} --config {name} the"
    return Case(form=form, files={name: content}, runs=(run,), code=3, says=says)


CASES = (
    Case(
        form="`--config`: YAML with aliases, or JSON with a byte order mark",
        files={
            "a.yaml": "tokenize: &a {verbose: false}\nembed: *a\n",
            "a.json": b'\xef\xbb\xbf{"tokenize": {"verbose": false}}',
        },
        runs=tuple(
            f"tokenize -m {{tiny_bert}} --config {name} the" for name in ("a.yaml", "a.json")
        ),
    ),
    config(
        "an alias that holds itself", "a.yaml", "a: &a [*a]\n", "has an alias that holds itself"
    ),
    config("no UTF-8", "a.yaml", b"a: \xff\n", "is not UTF-8: see byte 4"),
    config("cut off", "a.json", '{"tokenize": {', "is not JSON: expecting property name"),
    config("a list", "a.json", "[1]", "it is a list, an object was expected"),
    config("deep nesting", "a.yaml", "[" * 9000, "nests more than 64 values in one another"),
    config("a directory", "a.yaml", lambda path: path.mkdir(), "is a directory, a file was"),
    Case(
        form="a list of tasks to train on (`--parts`) that is cut off",
        files={**ROWS, "a.yaml": "- {task: masked-lm"},
        runs=("finetune --parts a.yaml -m {tiny_bert} -o out --check",),
        code=3,
        says="a.yaml is not YAML: ",
    ),
    Case(
        form="the configuration of a new model with a number for a text",
        files={**ROWS, "c.json": '{"model_type": "gpt2", "activation_function": 3}'},
        runs=("finetune --task causal-lm --train a.txt --from-scratch c.json -o out",),
        code=3,
        says="c.json: `activation_function` is 3, a text was expected; correct it",
    ),
    Case(
        form="names of labels that are no texts",
        files={"a.csv": "text,label\nthe cat,0\n", "l.json": '{"0": 1}'},
        runs=("evaluate --task classification -m {tiny_classifier} a.csv --label-map l.json",),
        code=3,
        says="l.json: `0` is 1, a text was expected",
    ),
)
