"""A table without rows gives an output with the columns that rows would have had."""

import shlex

import pytest

from tests.inputs.case import READERS


@pytest.mark.parametrize(
    "command", [name for name in READERS if name not in ("tokenize", "answer")]
)
def test_a_table_of_a_header_gives_the_columns(command, run, request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "none.csv").write_text("id,text\n")
    (tmp_path / "one.csv").write_text("id,text\n1,the [MASK]\n")
    line = READERS[command]
    name = line[line.index("{") + 1 : line.index("}")]
    words = shlex.split(line.replace(f"{{{name}}}", str(request.getfixturevalue(name))))
    headers = []
    for file in ("one", "none"):
        result = run(*words, "-i", f"{file}.csv", "-o", f"{file}-out.csv", "-q")
        assert result.exit_code == 0, result.output
        headers.append((tmp_path / f"{file}-out.csv").read_text("utf-8").splitlines())
    assert headers[1] == headers[0][:1]
