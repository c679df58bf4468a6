"""The options that say where results go."""

import pytest


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--json", "--format", "csv"], "--json and --format csv contradict each other"),
        (["--format", "table", "-o", "x.txt"], "--format table is for the terminal"),
        (["-o", "x.npy"], "only llmcli embed writes npy"),
        (["-o", "x"], "name it .txt .py .json .jsonl .csv .parquet, or give --format"),
    ],
)
def test_options_that_contradict_one_another_are_wrong_usage(run, words, message):
    result = run("tokenize", "hi", *words)
    assert result.exit_code == 2 and message in result.stderr


def test_json_is_short_for_the_format(run):
    words = ("tokenize", "hi")
    assert run(*words, "--json").stdout == run(*words, "--format", "json").stdout
