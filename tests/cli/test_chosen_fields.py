"""--fields, and what else a record has or does not have."""

import csv
import json

import pytest

ROWS = [{"id": 7, "q": "the cat"}, {"id": 8, "q": ""}, {"id": 9, "q": "a dog"}]


@pytest.fixture
def call(run, tmp_path, tiny_classifier):
    """call(...): classify three rows, the second of which fails."""
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))

    def invoke(*words):
        return run("classify", "-m", tiny_classifier, "-i", path, "--column", "q", *words)

    return invoke


@pytest.mark.parametrize("to_file", [True, False])
def test_csv_has_these_columns_in_this_order(call, tmp_path, to_file):
    out = ("-o", tmp_path / "out.csv") if to_file else ("--format", "csv")
    result = call("--fields", "label,id", *out)
    text = (tmp_path / "out.csv").read_text() if to_file else result.stdout
    lines = list(csv.reader(text.splitlines()))
    assert lines[0] == ["label", "id"] and [line[1] for line in lines[1:]] == ["7", "8", "9"]
    assert lines[2] == ["", "8"] and result.exit_code == 1


@pytest.mark.parametrize("to_file", [True, False])
def test_json_keeps_the_error_of_a_failed_row(call, tmp_path, to_file):
    out = ("-o", tmp_path / "out.jsonl") if to_file else ("--format", "jsonl")
    result = call("--fields", "score,id", *out)
    text = (tmp_path / "out.jsonl").read_text() if to_file else result.stdout
    first, second, _ = map(json.loads, text.splitlines())
    assert list(first) == ["score", "id"]
    assert second == {"score": None, "id": 8, "error": "the text is empty"}


def test_text_has_tabs_between_the_fields(call):
    first, second, _ = call("--fields", "id,q,label", "-q").stdout.splitlines()
    assert first.split("\t")[:2] == ["7", "the cat"] and second.startswith("[row 2: ")


def test_parquet_and_table_have_these_columns_too(call, tmp_path):
    from pyarrow import parquet

    call("--fields", "label,id", "-o", tmp_path / "out.parquet")
    assert parquet.read_table(tmp_path / "out.parquet").column_names == ["label", "id"]
    table = call("--fields", "label,id", "--format", "table", "-q").stdout
    assert table.split()[:2] == ["label", "id"]


@pytest.mark.parametrize("words", [("--format", "csv"), ("-o", "out.jsonl"), ("--format", "text")])
def test_an_unknown_field_is_refused_with_those_that_exist(call, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    result = call("--fields", "label,lable", *words)
    assert result.exit_code == 2 and "no field 'lable'" in result.stderr
    assert "'id', 'q', 'row'" in result.stderr and not (tmp_path / "out.jsonl").exists()


def test_one_record_and_other_commands_have_fields_too(run, tmp_path):
    result = run("models", "list", "--fields", "bytes,name", "--format", "csv")
    assert result.stdout.splitlines()[0] == "bytes,name"
    assert run("embed", "a", "--fields", "id", "-o", tmp_path / "out.npy").exit_code == 2


def test_a_text_is_not_repeated_beside_its_column(call, run, tmp_path, tiny_gpt2, tiny_classifier):
    record = json.loads(call("--format", "jsonl").stdout.splitlines()[0])
    assert list(record)[:4] == ["id", "q", "row", "label"]
    assert "the cat" in call("--fields", "text", "-q").stdout
    (tmp_path / "in.jsonl").write_text('{"question": "the cat", "b": "a dog"}\n')
    words = ("-i", tmp_path / "in.jsonl", "--column", "question", "--format", "jsonl")
    record = json.loads(run("generate", "-m", tiny_gpt2, *words, "-n", 2).stdout)
    assert "prompt" not in record and record["question"] == "the cat" and "text" in record
    record = json.loads(run("classify", "-m", tiny_classifier, *words, "--column", "b").stdout)
    assert "text" not in record and "pair" not in record and record["b"] == "a dog"


def test_a_table_is_narrow(run, tmp_path, tiny_encoder):
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": "the cat " * 500, "x": 0.123456789}))
    words = ("-m", tiny_encoder, "-i", tmp_path / "in.jsonl", "--format", "table", "-q")
    table = run("embed", *words).stdout
    assert max(map(len, table.splitlines())) < 300
    assert "0.1235" in table and "8 in all]" in table


def test_vectors_are_float32_of_one_size_in_parquet(run, tmp_path, tiny_encoder):
    import pyarrow
    from pyarrow import parquet

    (tmp_path / "in.txt").write_text("the cat\n\na dog\n")
    words = ("-m", tiny_encoder, "-i", tmp_path / "in.txt")
    run("embed", *words, "-o", tmp_path / "out.parquet")
    column = parquet.read_table(tmp_path / "out.parquet").column("embedding")
    assert column.type == pyarrow.list_(pyarrow.float32(), 8)
    run("embed", *words, "-o", tmp_path / "out.jsonl")
    lines = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert column.to_pylist() == [
        None if "error" in record else pytest.approx(record["embedding"]) for record in lines
    ]
