"""`to_dict()` gives exactly what `--json` prints."""

import json

import pytest

import llmcli
from tests.api.same import assert_same

QUESTION, CONTEXT = "Who wrote it?", "Jane Austen wrote Emma."
CALLS = {
    "generate": (
        ("Once", "-m", "gpt2-stories", "-n", "3"),
        lambda: llmcli.generate("Once", options=llmcli.Decoding(max_new_tokens=3)),
    ),
    "classify": (("A good film",), lambda: llmcli.classify("A good film")),
    "answer": ((QUESTION, "--context", CONTEXT), lambda: llmcli.answer(QUESTION, CONTEXT)),
    "translate": (
        ("I am tired.", "-f", "en", "-t", "fr"),
        lambda: llmcli.translate("I am tired.", from_lang="en", to_lang="fr"),
    ),
    "fill": (("The [MASK].",), lambda: llmcli.fill("The [MASK].")),
    "embed": (("a dog",), lambda: llmcli.embed("a dog")),
    "forward": (("Once upon",), lambda: llmcli.forward("Once upon")),
    "score": (("Once upon",), lambda: llmcli.score("Once upon")),
    "tokenize": (("Once upon",), lambda: llmcli.tokenize("Once upon")),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_result_is_the_record_that_the_command_prints(run, name):
    arguments, call = CALLS[name]
    (record,) = json.loads(run(name, *arguments, "--json").stdout)
    again = call().to_dict()
    assert_same(again, record)


def test_a_rows_other_fields_are_in_both(run, tmp_path):
    rows = [{"id": 1, "review": "good"}, {"id": 2, "review": ""}]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    printed = run("classify", "-i", path, "--column", "review", "--format", "jsonl")
    results = llmcli.classify(llmcli.rows(rows, "review"), on_error="yield")
    assert_same(
        [result.to_dict() for result in results],
        [json.loads(line) for line in printed.stdout.splitlines()],
    )
