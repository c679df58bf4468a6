"""Values of options: lists of words."""

import pytest


def test_options_with_a_list_add_up(run):
    words = ("fill", "-q", "The girl said that [MASK] was tired.", "--json")
    assert run(*words, "--targets", "he", "--targets", "she").stdout == (
        run(*words, "--targets", "he,she").stdout
    )


def test_a_word_in_two_lists_is_refused(run):
    result = run("fill", "-q", "A [MASK].", "--targets", "he", "--targets", "she,he")
    assert result.exit_code == 2
    assert "'he' is given twice" in result.stderr


def test_a_list_in_the_environment_keeps_its_blanks(run, monkeypatch, tiny_gpt2):
    monkeypatch.setenv("LLMCLI_CLASSIFY_LABELS", "very good,bad")
    result = run("classify", "-q", "-m", tiny_gpt2, "hello", "--format", "csv")
    assert result.exit_code == 0, result.stderr
    assert "very good" in result.stdout


@pytest.mark.parametrize("columns", [("source", "target"), ("source,target",)])
def test_fields_may_be_named_together_or_one_by_one(run, tmp_path, columns):
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"source": "I am tired.", "target": "Je suis las."}\n' * 4)
    given = [word for column in columns for word in ("--column", column)]
    result = run(
        *("finetune", "--task", "translation", "-m", "marian-en-fr-zh", "--train", rows, *given),
        *("--to-lang", "fr", "--check"),
    )
    assert result.exit_code == 0, result.stderr


def test_one_field_for_a_task_that_reads_two_is_one_line(run, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"source": "I am tired.", "target": "Je suis las."}\n')
    result = run(
        *("finetune", "--task", "translation", "-m", "marian-en-fr-zh", "--train", rows),
        *("--column", "source", "-o", tmp_path / "out"),
    )
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == (
        "Error: --column 'source' is one field, but the task needs 2, such as source,target"
    )
