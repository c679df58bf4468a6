"""Wrong use of evaluate and compare: one line and its exit code."""

import json
import shlex

import pytest

from tests.cli.test_wrong_use import INPUT, NOT_FOUND, UNSUITABLE, USAGE, assert_one_line

CLASS = "evaluate --task classification"
LM = "evaluate --task causal-lm"
QA = "evaluate --task question-answering"
EMBED = "evaluate --task embedding -m {tiny_encoder}"


@pytest.mark.parametrize(
    ("words", "code", "telling"),
    [
        ("evaluate -i -", USAGE, "--task"),
        ("evaluate --task chess -i {rows}", USAGE, "'chess' is not one of"),
        (f"{CLASS} -m x", USAGE, "no data: give --input FILE, or --predictions FILE"),
        ("evaluate --task token-classification -i {rows}", USAGE, "no starter model does this"),
        ("evaluate --task token-classification -m x --offline -i {rows}", NOT_FOUND, "x is not"),
        (f"{LM} --predictions {{rows}}", USAGE, "perplexity needs the model"),
        (f"{LM}", USAGE, "no data"),
        (f"{LM} -i {{text}} --by level", USAGE, "is one text, without columns"),
        (f"{LM} -i {{text}} --block-size 4096", USAGE, "more than the 512 tokens"),
        (f"{LM} -i {{text}} --block-size 8 --stride 8", USAGE, "without context"),
        (f"{LM} -i {{text}} --baseline bigram", USAGE, "'bigram' is not"),
        (f"{LM} -i {{text}} --baseline-train {{text}}", USAGE, "goes with --baseline ngram"),
        (f"{LM} -i - --baseline ngram --baseline-train -", USAGE, "cannot both read stdin"),
        (f"{LM} -i {{empty}}", INPUT, "no row could be evaluated"),
        (f"{LM} -i {{latin}}", INPUT, "is not UTF-8 text"),
        (f"{LM} -i nowhere.txt", INPUT, "cannot read nowhere.txt"),
        (f"{LM} -m {{tiny_classifier}} -i {{text}}", UNSUITABLE, "needs a causal language model"),
        (f"{CLASS} -m x -i {{rows}} --stride 4", USAGE, "--stride goes with --task causal-lm"),
        (f"{CLASS} -m x -i {{rows}} --characters", USAGE, "goes with --task question-answering"),
        (f"{CLASS} -m x -i {{rows}} -t fr", USAGE, "--to-lang goes with --task translation"),
        (f"{QA} -m x -i {{rows}} --label-map a=b", USAGE, "goes with --task classification"),
        (f"{CLASS} -m x -i {{rows}} --label-map ab", USAGE, "write it as 0=negative"),
        (f"{CLASS} -m x -i {{rows}} --label-map a=b,a=c", USAGE, "write it as 0=negative"),
        (f"{CLASS} -m x -i {{rows}} --format csv", USAGE, "'csv' is not one of"),
        (f"{CLASS} -m x -i {{rows}} -o a.csv", USAGE, "name it .txt"),
        (f"{CLASS} -m x -i {{rows}} --bootstrap -1", USAGE, "--bootstrap"),
        (f"{CLASS} -m {{tiny_classifier}} -i nowhere.csv", INPUT, "cannot read nowhere.csv"),
        (f"{CLASS} -m {{tiny_classifier}} -i {{rows}} --by moon", INPUT, "--by moon: no such"),
        (f"{CLASS} -m {{tiny_classifier}} -i {{rows}}", INPUT, "is none of the model's"),
        (f"{CLASS} -m {{tiny_classifier}} -i {{texts}}", INPUT, "no field 'label'"),
        (f"{CLASS} -m {{tiny_gpt2}} -i {{rows}}", UNSUITABLE, "this needs a text classifier"),
        (f"{CLASS} -m nobody/nothing --offline -i {{rows}}", NOT_FOUND, "nobody/nothing"),
        (f"{CLASS} -m x --predictions {{rows}}", USAGE, "loads no model: leave out -m"),
        (f"{CLASS} --predictions nowhere.jsonl", INPUT, "cannot read nowhere.jsonl"),
        (f"{CLASS} --predictions {{list}}", INPUT, "row 1: not a JSON object but int"),
        (f"{CLASS} --predictions {{broken}}", INPUT, "is not JSON"),
        (f"{CLASS} --predictions {{rows}}", INPUT, "name it by --label-column"),
        (f"{CLASS} --predictions {{rows}} --prediction-column p", INPUT, "--prediction-column"),
        (f"{QA} --predictions {{rows}} --prediction-column text", INPUT, "no field 'answers'"),
        (f"{QA} -m {{tiny_reader}} -i {{broken}}", INPUT, "is not JSON"),
        (f"{QA} -m {{tiny_reader}} -i {{rows}}", INPUT, "no field 'question'"),
        (f"{EMBED} -i {{rows}}", INPUT, "no field 'query'"),
        (f"{EMBED} -i {{rows}} --column text", USAGE, "name two fields by --column"),
        (f"{EMBED} -i {{rows}} --by label", USAGE, "does not go with retrieval"),
        (
            f"{EMBED} -i {{rows}} --column text --column text --label-column label",
            INPUT,
            "'label' is not a number but 'happy'",
        ),
        ("compare a b --by c --task classification -i {rows}", USAGE, "No such option"),
        ("compare a b -m c --task classification -i {rows}", USAGE, "No such option"),
        ("compare a --task classification -i {rows}", USAGE, "Missing argument 'B'"),
        ("compare a b --task classification -i -", USAGE, "give a file"),
        ("compare {rows} {rows} --task classification", INPUT, "name it by --label-column"),
        ("compare {tiny_gpt2} nobody/none --task causal-lm --offline -i {text}", NOT_FOUND, "none"),
        (
            "compare {saved} {other} --task classification",
            INPUT,
            "line 1 is 'a' for the first and 'b' for the second",
        ),
        ("compare {saved} {far} --task classification", INPUT, "no row in common"),
    ],
)
def test_wrong_use_is_one_line(run, request, tmp_path, words, code, telling):
    def record(row, gold):
        return json.dumps({"row": row, "text": "hi", "label": "a", "input_label": gold})

    contents = {
        "rows.jsonl": json.dumps({"text": "a dog", "label": "happy"}),
        "texts.jsonl": json.dumps({"text": "a dog"}),
        "text.txt": "Once upon a time.",
        "empty.txt": "",
        "list.json": "[1, 2]",
        "broken.json": "[",
        "saved.jsonl": record(1, "a"),
        "other.jsonl": record(1, "b"),
        "far.jsonl": record(2, "a"),
    }
    places = {"{latin}": tmp_path / "latin.txt"}
    places["{latin}"].write_bytes("caf\u00e9".encode("latin-1"))
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
        places[f"{{{name.split('.')[0]}}}"] = tmp_path / name
    for name in ("classifier", "gpt2", "encoder", "reader"):
        if f"{{tiny_{name}}}" in words:
            places[f"{{tiny_{name}}}"] = request.getfixturevalue(f"tiny_{name}")
    for name, place in places.items():
        words = words.replace(name, str(place))
    assert_one_line(run(*shlex.split(words), "-q"), code, telling)
