"""Why rows failed, and --max-errors."""

import json

import pytest

COMMANDS = ("tokenize", "forward", "generate")


@pytest.fixture
def rows(tmp_path):
    """A file of 200 rows: the rows 2, 5, 8 and so on have no text."""
    path = tmp_path / "in.jsonl"
    lines = [{"id": n} if n % 3 == 2 else {"id": n, "text": "cat"} for n in range(1, 201)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_the_message_says_why_the_first_rows_failed(run, rows, tiny_gpt2):
    result = run("tokenize", "-m", tiny_gpt2, "-i", rows, "-o", rows.with_name("out.jsonl"))
    reason = "(no field 'text'; it has 'id')"
    shown = ", ".join(f"{rows}:{number} {reason}" for number in (2, 5, 8))
    assert result.exit_code == 1
    assert f"67 of 200 rows failed: {shown} and 64 more; each says why" in result.stderr


@pytest.mark.parametrize(("limit", "at"), [("0", 2), ("2", 8), ("30%", 101), ("0%", 101)])
@pytest.mark.parametrize("command", ["tokenize", "forward"])
def test_a_run_stops_when_too_many_rows_failed(run, rows, tiny_gpt2, command, limit, at):
    out = rows.with_name("out.jsonl")
    result = run(command, "-m", tiny_gpt2, "-i", rows, "-o", out, "--max-errors", limit, "-q")
    assert result.exit_code == 1 and f"stopped at --max-errors {limit}: " in result.stderr
    records = list(map(json.loads, out.with_name("out.jsonl.part").read_text().splitlines()))
    assert [record["row"] for record in records] == list(range(1, at + 1))


def test_a_stopped_run_can_be_resumed(run, rows, tiny_classifier):
    out = rows.with_name("out.jsonl")
    words = ("classify", "-m", tiny_classifier, "-i", rows, "-o", out)
    assert run(*words, "--max-errors", 3).exit_code == 1
    result = run(*words, "--max-errors", "40%", "--resume")
    assert "67 of 200 rows failed: " in result.stderr and f"{rows}:2 (no field" in result.stderr
    assert len(out.read_text().splitlines()) == 200


def test_as_many_as_are_allowed_do_not_stop_it(run, rows, tiny_gpt2):
    words = ("tokenize", "-m", tiny_gpt2, "-i", rows, "--format", "jsonl", "--max-errors")
    for limit in ("67", "100%"):
        result = run(*words, limit)
        assert len(result.stdout.splitlines()) == 200 and "stopped" not in result.stderr


def test_evaluate_stops_too(run, rows, tiny_classifier):
    lines = [{"text": "" if n % 2 else "cat", "label": "sad"} for n in range(20)]
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines))
    words = ("evaluate", "--task", "classification", "-m", tiny_classifier, "-i", rows)
    result = run(*words)
    assert f"10 of 20 rows failed: {rows}:2 (the text is empty)" in result.stderr
    result = run(*words, "--max-errors", 2)
    assert result.exit_code == 1 and "stopped at --max-errors 2" in result.stderr


@pytest.mark.parametrize("value", ["-1", "101%", "many", "5.5", "nan%", "%"])
def test_other_limits_are_refused(run, value):
    result = run("tokenize", "a", "--max-errors", value)
    assert result.exit_code == 2 and "neither a number of rows nor a share" in result.stderr
