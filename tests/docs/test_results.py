"""docs/results.md lists the fields that the dataclasses have and `--json` prints."""

import json
import types
from dataclasses import fields, is_dataclass
from typing import Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
import pytest

import llmcli
from llmcli.arrays import Floats
from llmcli.spec.tasks import BenchOptions
from llmcli.system.machine import describe
from llmcli.system.measure import Machine
from llmcli.tasks.bench import BenchReport
from tests.docs.results import PAGE, PYTHON_ONLY, RECORDS, documented, page
from tests.docs.tables import TABLES
from tests.tiny_models import make_tagger

OPTIONAL = {
    *("pair", "logprobs", "trace", "tree", "predicted_tags", "capped", "source", "snippet"),
}
"""Fields that a record has only if they were asked for, or if something happened."""
SHORT = ("-n", "3", "-m", "gpt2-stories")
ARGUMENTS = {
    "llmcli generate": ("Once", *SHORT),
    "llmcli classify": ("A good film",),
    "llmcli tag": ("Anna met Bob", "--words"),
    "llmcli answer": ("Who wrote it?", "--context", "Jane Austen wrote Emma."),
    "llmcli translate": ("I am tired. Where is the station?", "-f", "en", "-t", "fr"),
    "llmcli fill": ("The [MASK] sat on the [MASK].",),
    "llmcli embed": ("a dog",),
    "llmcli embed --query": ("a cat", "a dog", "a train"),
    "llmcli forward": ("Once upon a time",),
    "llmcli score": ("Once upon a time", "--beside", "gpt2-stories"),
    "llmcli tokenize": ("Once upon a time",),
    "llmcli tokenize --decode": ("12 13",),
    "llmcli tokenize --count": ("Once upon a time",),
    "llmcli models list": (),
    "llmcli models show": ("gpt2-stories",),
    "llmcli models verify": ("gpt2-stories",),
}


def test_the_page_lists_what_the_dataclasses_have():
    """If a field is new: python -m tests.docs.results. If one is gone or has another name, the
    changelog and the version must say so, too."""
    text = PAGE.read_text("utf-8")
    assert text == page(documented(text))


def test_new_fields_get_the_present_version_and_old_ones_keep_theirs(monkeypatch):
    known = documented(PAGE.read_text("utf-8"))
    added = known.pop(("Generation", "score"))
    monkeypatch.setattr(llmcli, "__version__", "9.9.9")
    again = documented(page(known))
    assert again == {**known, ("Generation", "score"): "9.9.9"}
    assert added == "0.1.0"


@pytest.mark.parametrize("command", RECORDS)
def test_what_a_command_prints_is_as_the_page_says(run, command, tmp_path):
    words = command.split()[1:]
    if command == "llmcli tag":  # it has no starter
        tags = {"Anna": "B-PER", "Bob": "B-PER", "met": "O"}
        words += ["-m", make_tagger(tmp_path / "tagger", tags)]
    result = run(*words, *ARGUMENTS[command], "--json")
    assert result.exit_code == 0, result.stderr
    records = json.loads(result.stdout)
    assert records
    for record in records:
        assert_is(record, RECORDS[command], command)


def test_logprobs_traces_and_pairs_are_as_the_page_says(run):
    (record,) = json.loads(run("generate", "Once", *SHORT, "--logprobs", "2", "--json").stdout)
    assert_is(record, llmcli.Generation, "generate --logprobs")
    assert len(record["logprobs"]) == 3
    sampled, beams = ("--top-k", "9", "--top-p", "0.9"), ("--num-beams", "2")
    for settings in (sampled, beams):
        traced = run("generate", "Once", *SHORT, "--trace", *settings, "--json")
        (record,) = json.loads(traced.stdout)
        assert_is(record, llmcli.Generation, "generate --trace")
        assert ("tree" in record) == (settings is beams)
    (record,) = json.loads(run("classify", "good", "--text-pair", "bad", "--json").stdout)
    assert record["pair"] == "bad"


ABSENT = {"settings", "baseline", "signatures", "classes", "labels", "confusion"}
"""Fields of an evaluation that only some tasks have."""


def names_in_table(command):
    """The fields that the page lists for a command."""
    return [name for name, *_ in TABLES[command][2]]


def test_reports_are_as_the_page_says(run, tmp_path):
    data = tmp_path / "dev.jsonl"
    data.write_text('{"text": "I loved it.", "label": "positive"}\n')
    classes = ("--task", "classification", "-i", data, "--json")
    texts = ("--task", "causal-lm", "-i", data, "--baseline", "ngram", "--json")
    seen = set()
    for arguments in (classes, texts):
        (report,) = json.loads(run("evaluate", *arguments).stdout)
        names = names_in_table("llmcli evaluate")
        assert list(report) == [name for name in names if name in report or name not in ABSENT]
        seen |= {*report}
    assert ABSENT - seen == {"signatures"}
    (comparison,) = json.loads(run("compare", "bert-en", "bert-en", *classes).stdout)
    assert list(comparison) == names_in_table("llmcli compare")


def test_what_a_run_takes_and_its_data_are_as_the_page_says(run, tmp_path):
    text = tmp_path / "train.txt"
    text.write_text("Once upon a time there was a small cat. " * 99)
    training = ("finetune", "--train", text, "-m", "gpt2-stories", "--max-steps", "1")
    estimate = json.loads(run(*training, "--dry-run", "--json").stdout)
    assert {*estimate} == {*names_in_table("llmcli finetune --dry-run")}
    found = json.loads(run(*training, "--check", "--json").stdout)
    assert list(found) == names_in_table("llmcli finetune --check")
    for name in found["checks"][0]:
        assert f"`{name}`" in str(TABLES["llmcli finetune --check"])


def test_where_a_model_is_is_as_the_page_says(run):
    (record,) = json.loads(run("models", "path", "gpt2-stories", "--json").stdout)
    assert list(record) == names_in_table("llmcli models path, pull and convert")


def test_timings_are_as_the_page_says():
    options = BenchOptions()
    report = BenchReport("gpt2", "causal", options, Machine(describe(), 10.0, ()), ()).to_dict()
    assert list(report) == names_in_table("llmcli bench")
    assert all(f"`{name}`" in str(TABLES["llmcli bench"]) for name in report["machine"])


def assert_is(value, hint, where):
    """That a value of JSON is of the type that Python has."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            assert type(None) in arguments, where
            return
        (hint,) = (each for each in arguments if get_origin(each) is Literal or not is_none(each))
        assert_is(value, hint, where)
    elif origin is Literal:
        assert value in arguments, where
    elif origin is tuple:
        for item in value:
            assert_is(item, arguments[0], where)
    elif origin is np.ndarray or hint is Floats:
        assert all(isinstance(number, float) for number in value), where
    elif is_dataclass(hint):
        assert_has_the_fields(value, hint, where)
    else:
        assert isinstance(value, (float, int) if hint is float else hint), where


def assert_has_the_fields(value, kind, where):
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind) if field.name not in PYTHON_ONLY]
    if "row" in hints:
        assert isinstance(value["row"], int), where
        names = ["row", *names]
    assert [name for name in names if name in value or name not in OPTIONAL] == list(value)
    for name in {*names} & {*value} - {"row"}:
        assert_is(value[name], hints[name], f"{where}: {name}")


def is_none(hint):
    """True for the type of None."""
    return hint is type(None)
