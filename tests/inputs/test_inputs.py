"""Every case of every topic, as the user would run it."""

import json
import re
import shlex

import pytest

from tests.inputs.page import all_topics

RUNS = [
    pytest.param(case, line, id=f"{heading}: {case.form}: {line.split()[0]}")
    for heading, cases in all_topics().items()
    for case in cases
    for line in case.runs
]
TEXTS = ("prompt", "question", "text")
"""Fields of a record that may hold the text of its row; the first that it has does."""


@pytest.mark.parametrize(("case", "line"), RUNS)
def test_an_input_is_read_or_refused(case, line, run, request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in case.files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if callable(content):
            content(path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    filled = re.sub(r"\{(\w+)\}", lambda match: str(request.getfixturevalue(match[1])), line)
    result = run(*shlex.split(filled), input=case.stdin)
    if case.code == 0 and result.exit_code == 1 and "--check" in line.split():  # findings
        assert json.loads(result.stdout)["checks"][0]["problems"] == []
    else:
        assert result.exit_code == case.code, result.output
    assert case.says in " ".join(result.output.split())
    if case.code > 1:
        assert result.stdout == ""
        assert len(re.findall("^Error", result.stderr, re.MULTILINE)) == 1
    if case.texts is not None:
        expected = list(case.texts)
        texts = texts_of(json.loads(result.stdout))
        assert texts == (len(expected) if isinstance(texts, int) else expected)


def texts_of(printed):
    """The texts of records; of a report, how many rows were read."""
    if isinstance(printed, dict):
        return sum(file["rows"] - file["unusable"] for file in printed["checks"][0]["files"])
    if len(printed) == 1 and "metrics" in printed[0]:
        return printed[0]["rows"]
    return [next((record[name] for name in TEXTS if name in record), None) for record in printed]
