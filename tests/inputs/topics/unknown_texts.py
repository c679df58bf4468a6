"""Texts that the model cannot read."""

from tests.inputs.case import Case

ROWS = {"a.csv": "text,label\nthe cat,sad\n看电影,mad\n"}

CASES = (
    Case(
        form="texts in a script that the vocabulary does not have",
        files={"a.txt": "the cat\n看电影\n"},
        runs=(
            "classify -m {tiny_classifier} -i a.txt --json",
            "embed -m {tiny_encoder} -i a.txt --json",
            "tokenize -m {tiny_classifier} -i a.txt --json",
        ),
        says="1 of 2 texts is mostly unknown to the model's vocabulary",
        remark="A line on stderr says so, and the field `unknown` of the record.",
    ),
    Case(
        form="the same where a model is evaluated",
        files=ROWS,
        runs=("evaluate -m {tiny_classifier} --task classification -i a.csv",),
        says="1 of 2 texts is mostly unknown",
    ),
)
