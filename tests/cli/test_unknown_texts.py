"""Every command says that a model cannot read a text: a note, and `unknown` in the record."""

import json

import pyarrow.parquet
import pytest

import llmcli
from llmcli.spec import Decoding

NOTE = "is unknown to the model's vocabulary"
ZH = "我们明天要去看电影"
COMMANDS = {
    "classify": ["classify", ZH],
    "embed": ["embed", ZH],
    "answer": ["answer", "What?", "--context", ZH],
    "fill": ["fill", f"{ZH}[MASK]"],
    "generate": ["generate", "-n", "2", ZH],
    "translate": ["translate", "-f", "zh", "-t", "en", "魑魍魉饕餮"],
    "forward": ["forward", ZH],
    "score": ["score", ZH],
    "tokenize": ["tokenize", ZH],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_text_that_cannot_be_read(run, name):
    result = run(*COMMANDS[name], "--json")
    assert result.exit_code == 0
    (record,) = json.loads(result.stdout)
    assert record["unknown"] == 1.0
    assert result.stderr.count(f"100% of the text {NOTE}") == 1
    assert "by -m]" in result.stderr
    assert list(record)[-1] == "unknown"


@pytest.mark.parametrize("name", ["classify", "generate", "forward"])
def test_a_text_that_can_be_read(run, name):
    result = run(name, *(["-n", "2"] if name == "generate" else []), "I like it.", "--json")
    (record,) = json.loads(result.stdout)
    assert "unknown" not in record and "vocabulary" not in result.stderr


@pytest.mark.parametrize("name", ["generate", "classify"])
def test_the_note_comes_with_text_for_a_person_too(run, name):
    result = run(*COMMANDS[name])
    assert NOTE in result.stderr and NOTE not in result.stdout
    assert NOTE not in run(*COMMANDS[name], "-q").stderr


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_file_gets_one_note_and_a_column(run, tmp_path, form):
    (tmp_path / "in.txt").write_text(f"{ZH}\nI like it.\n{ZH}!\n")
    out = tmp_path / f"out.{form}"
    result = run("classify", "-i", tmp_path / "in.txt", "-o", out)
    note = "2 of 3 texts are mostly unknown to the model's vocabulary"
    assert result.stderr.count(note) == 1
    if form == "parquet":
        assert pyarrow.parquet.read_table(out)["unknown"].to_pylist() == [1.0, None, 0.9]
    else:
        assert out.read_text().count("0.9") >= 1 and "unknown" in out.read_text()


def test_tagged_texts_say_so(run, tmp_path):
    from tests.tiny_models import make_bert

    model = make_bert(tmp_path, "TokenClassification", num_labels=3)
    (record,) = json.loads(run("tag", "-m", model, ZH, "--json").stdout)
    assert record["unknown"] == 1.0


def test_ranked_texts_say_so(run, tmp_path):
    (tmp_path / "in.txt").write_text(f"{ZH}\nI like it.\n")
    result = run("embed", "-i", tmp_path / "in.txt", "--query", "films", "--json")
    by_text = {record["text"]: record.get("unknown") for record in json.loads(result.stdout)}
    assert by_text == {ZH: 1.0, "I like it.": None}
    assert "1 of 2 texts is mostly unknown" in result.stderr


def labelled(tmp_path, texts):
    rows = [{"text": text, "label": ["negative", "positive"][at % 2]} for at, text in texts]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def test_evaluate_and_compare_say_so(run, tmp_path):
    path = labelled(tmp_path, enumerate([ZH, "good", "bad", ZH]))
    result = run("evaluate", "--task", "classification", "-i", path, "--json")
    assert json.loads(result.stdout)[0]["settings"]["unknown_texts"] == 2
    assert "bert-en: 2 of 4 texts are mostly unknown" in result.stderr
    result = run("compare", "bert-en", "bert-en", "--task", "classification", "-i", path)
    assert "bert-en: 2 of 4 texts are mostly unknown" in result.stderr


def test_training_and_its_check_say_so(run, tmp_path, tiny_classifier):
    path = labelled(tmp_path, enumerate([ZH, "the cat sat"] * 8))
    words = ["finetune", "--task", "classification", "-m", tiny_classifier, "--train", path]
    words += ["--eval-fraction", "0", "-o", tmp_path / "out"]
    result = run(*words, "--max-steps", "1", "--device", "cpu")
    assert result.exit_code == 0, result.stderr
    assert "8 of 16 texts are mostly unknown" in result.stderr
    result = run(*words, "--check", "--json")
    (check,) = json.loads(result.stdout)["checks"]
    (finding,) = [each for each in check["findings"] if each["kind"] == "unreadable_texts"]
    assert finding["count"] == 8 and not finding["is_problem"]


def test_a_check_of_training_text_finds_what_cannot_be_read(run, tmp_path):
    (tmp_path / "a.jsonl").write_text("\n".join([json.dumps({"text": ZH * 20})] * 4))
    words = ["finetune", "-m", "gpt2-stories", "--train", tmp_path / "a.jsonl", "-o"]
    result = run(*words, tmp_path / "out", "--check", "--block-size", "16")
    assert "problem: 4 training texts are mostly unknown" in " ".join(result.output.split())


def test_the_python_api_says_so_in_the_notes():
    result = llmcli.classify(ZH)
    assert result.unknown == 1.0 and NOTE in result.notes[-1]
    one, other = llmcli.generate([ZH, "Once"], options=Decoding(max_new_tokens=2))
    assert (one.unknown, other.unknown) == (1.0, None)
