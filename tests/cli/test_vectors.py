"""Vectors that embed wrote are searched, by the model that made them alone."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

import llmcli
from tests.tiny_models import MORE_WORDS, WORDS, make_bert, scaled

TEXTS = ["the cat sat", "a dog ran", "this is good", "", "where is the dog"]
QUERIES = ["who sat ?", "is a dog good ?"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_bert(tmp_path_factory.mktemp("vectors") / "mine", "", WORDS + MORE_WORDS)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.jsonl"
    rows = [{"id": f"n{at}", "text": text} for at, text in enumerate(TEXTS)]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture(params=["npy", "parquet"])
def stored(run, request, source, model, tmp_path):
    """The vectors of the texts; one of them is empty, and has none."""
    path = tmp_path / f"out.{request.param}"
    result = run("embed", "-q", "-m", model, "--pooling", "cls", "-i", source, "-o", path)
    assert result.exit_code == 1
    return path


def ranked(run, *args):
    result = run("embed", "--json", *args)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def both(queries):
    return [word for query in queries for word in ("--query", query)]


def test_stored_vectors_give_the_ranking_of_the_texts(run, stored, source, model):
    words = [*both(QUERIES), "--top", "3"]
    given = run("embed", "--json", "-m", model, "--pooling", "cls", "-i", source, *words)
    expected = [record for record in json.loads(given.stdout) if "error" not in record]
    found = ranked(run, "-i", stored, *words)  # model and pooling are those of the file
    assert [record["query"] for record in found] == [QUERIES[0]] * 3 + [QUERIES[1]] * 3
    assert [record["rank"] for record in found] == [1, 2, 3, 1, 2, 3]
    for record, other in zip(found, expected, strict=True):
        assert record["similarity"] == pytest.approx(other.pop("similarity"), abs=1e-6)
        assert record == {**other, "similarity": record["similarity"]}
    assert found[0]["id"] in {"n0", "n1", "n2", "n4"}


def test_the_model_that_made_the_vectors_is_taken_and_said(run, stored, model):
    result = run("embed", "-i", stored, "--query", "cat")
    assert f"{model}: the model that made {stored}" in result.stderr.replace("\n", " ")
    assert run("embed", "-i", stored, "--query", "cat", "-m", model).exit_code == 0


def test_vectors_of_another_model_are_refused(run, stored, model, tmp_path):
    other = scaled(shutil.copytree(model, tmp_path / "other"), 2.0)
    result = run("embed", "-i", stored, "--query", "cat", "-m", other)
    assert result.exit_code == 3
    assert f"was made by {model}, not by {other}: name that -m" in result.stderr
    result = run("embed", "-i", stored, "--query", "cat", "--pooling", "mean")
    assert result.exit_code == 3 and "was made with --pooling cls, not mean" in result.stderr


def test_a_model_that_was_changed_since_is_refused(run, source, tmp_path):
    model = make_bert(tmp_path / "mine", "", WORDS + MORE_WORDS)
    run("embed", "-m", model, "-i", source, "-o", tmp_path / "out.npy")
    scaled(model, 2.0)
    result = run("embed", "-i", tmp_path / "out.npy", "--query", "cat")
    assert result.exit_code == 3 and "before it was changed" in result.stderr


def test_vectors_without_their_origin_are_compared_by_size(run, model, tmp_path):
    np.save(tmp_path / "a.npy", np.eye(8, dtype=np.float32))
    result = run("embed", "-m", model, "-i", tmp_path / "a.npy", "--query", "cat", "--top", "2")
    assert "does not say which model made it" in result.stderr
    lines = result.stdout.splitlines()
    assert len(lines) == 2 and all("\trow " in line for line in lines)
    np.save(tmp_path / "b.npy", np.eye(7))
    result = run("embed", "-m", model, "-i", tmp_path / "b.npy", "--query", "cat")
    assert result.exit_code == 3 and "vectors of 7 numbers, and" in result.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.zeros(3), "no vectors (N, D)"),
        (np.array([["a"]]), "no vectors (N, D)"),
        (np.array([[1, 2]]), "no vectors (N, D)"),
        (b"not an array", "cannot read"),
    ],
)
def test_files_that_hold_no_vectors_are_refused(run, tmp_path, content, message):
    path = tmp_path / "a.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content)
    result = run("embed", "-i", path, "--query", "cat")
    assert result.exit_code == 3 and message in result.stderr


def test_rows_of_another_array_are_refused(run, source, model, tmp_path):
    path = tmp_path / "out.npy"
    run("embed", "-q", "-m", model, "-i", source, "-o", path)
    np.save(path, np.eye(8, dtype=np.float32))
    result = run("embed", "-i", path, "--query", "cat")
    assert result.exit_code == 3 and "they are not of the same run" in result.stderr


def test_a_parquet_file_without_vectors_is_read_as_texts(run, model, tmp_path):
    table = pyarrow.table({"text": ["the cat", "a dog"], "embedding": ["x", "y"]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    records = ranked(run, "-m", model, "-i", tmp_path / "a.parquet", "--query", "cat")
    assert {record["text"] for record in records} == {"the cat", "a dog"}


def test_vectors_of_several_sizes_are_refused(run, model, tmp_path):
    table = pyarrow.table({"text": ["the cat", "a dog"], "embedding": [[1.0], [1.0, 2.0]]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    result = run("embed", "-m", model, "-i", tmp_path / "a.parquet", "--query", "cat")
    assert result.exit_code == 3 and "vectors of several lengths" in result.stderr


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.txt", "\n".join(QUERIES)),
        ("q.csv", "id,query\n" + "\n".join(f"{at},{q}" for at, q in enumerate(QUERIES))),
        ("q.jsonl", "\n".join(json.dumps({"query": query}) for query in QUERIES)),
    ],
)
def test_queries_come_from_a_file_too(run, stored, tmp_path, name, content):
    (tmp_path / name).write_text(content)
    expected = ranked(run, "-i", stored, *both(QUERIES))
    assert ranked(run, "-i", stored, "--query-file", tmp_path / name) == expected


def test_a_query_that_fails_is_named(run, stored, tmp_path):
    result = run("embed", "-i", stored, *both(["cat", " "]))
    assert result.exit_code == 3 and "--query ' ': the text is empty" in result.stderr
    (tmp_path / "q.jsonl").write_text('{"q": "cat"}')
    result = run("embed", "-i", stored, "--query-file", tmp_path / "q.jsonl")
    assert result.exit_code == 3 and "--query-file: line 1" in result.stderr


def test_several_queries_are_shown_before_their_texts(run, model):
    result = run("embed", "-q", "-m", model, "the cat", *both(QUERIES))
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == QUERIES
    assert [line.split("\t")[2] for line in result.stdout.splitlines()] == ["the cat", "the cat"]


def test_options_without_effect_are_refused(run, stored, model):
    result = run("embed", "-m", model, "a dog", "--top", "3")
    assert result.exit_code == 2 and "--top goes with --query" in result.stderr
    result = run("classify", "-i", "a.npy")
    assert result.exit_code == 3 and "holds vectors, not texts" in result.stderr


def test_a_limit_holds_for_vectors_too(run, stored):
    found = ranked(run, "-i", stored, "--query", "cat", "--limit", "2")
    assert {record["id"] for record in found} == {"n0", "n1"}


def test_a_query_that_the_model_cannot_read_is_named(run, stored):
    result = run("embed", "-i", stored, "--query", "电影")
    assert "100% of the query '电影' is unknown" in result.stderr


def test_the_python_api_searches_texts_and_files(run, stored, model):
    texts = [text for text in TEXTS if text]
    of_texts = llmcli.search(
        texts, QUERIES, model=str(model), options=llmcli.EmbedOptions(pooling="cls")
    )
    of_file = llmcli.search(Path(stored), QUERIES)
    assert [result.text for result in of_texts] == [result.text for result in of_file]
    assert [result.query for result in of_file] == [QUERIES[0]] * 4 + [QUERIES[1]] * 4
    assert any("the model that made" in note for note in of_file[0].notes)
    with pytest.raises(llmcli.InputError, match="no file of vectors"):
        llmcli.search(Path("a.txt"), "cat")
    with pytest.raises(llmcli.UsageError):
        llmcli.search(texts, [])
