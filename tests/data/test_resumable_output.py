"""FILE.part and its journal, without a command around them."""

import json

import pytest

from llmcli.data.resumable_output import Part
from llmcli.errors import InputError, UsageError

RUN = {"llmcli": "classify", "--top": 3}


def interrupted(target, *records, identity=RUN):
    part = Part(target, identity, resume=False)
    part.remember({"seed": 5})
    for record in records:
        part.write(record)
    assert part.leave() is bool(records)
    return part


def test_a_resumed_part_keeps_all_rows_but_the_last_and_what_was_drawn(tmp_path):
    target = tmp_path / "out.jsonl"
    records = [{"row": 1}, {"row": 1}, {"row": 2, "error": "x"}, {"row": 3, "overflow": "split"}]
    interrupted(target, *records, {"row": 4})
    part = Part(target, RUN, resume=True)
    assert (part.after, part.drawn) == (3, {"seed": 5})
    assert (part.done.total, part.done.failed, part.done.overflowed) == (3, 1, 1)
    part.write({"row": 4, "text": "once"})
    part.finish("jsonl", str)
    lines = target.read_text().splitlines()
    assert [json.loads(line) for line in lines] == [*records, {"row": 4, "text": "once"}]
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


def test_an_empty_part_leaves_nothing(tmp_path):
    interrupted(tmp_path / "out.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_an_identity_cannot_be_resumed(tmp_path):
    part = interrupted(tmp_path / "out.jsonl", {"row": 1}, identity=None)
    assert not part.can_be_resumed


@pytest.mark.parametrize(
    ("identity", "change"),
    [
        ({**RUN, "--top": 4}, "--top was 3 and is 4 now"),
        ({"llmcli": "classify"}, "--top was 3 and is not given now"),
        ({**RUN, "--top": ""}, "--top was 3 and is not given now"),
        ({**RUN, "model": "a"}, "the model has changed since"),
    ],
)
def test_another_run_is_refused_and_the_part_kept(tmp_path, identity, change):
    target = tmp_path / "out.jsonl"
    interrupted(target, {"row": 1})
    with pytest.raises(InputError, match=change):
        Part(target, identity, resume=True)
    assert (tmp_path / "out.jsonl.part").exists()


@pytest.mark.parametrize("content", ["", "[]", "{", '"text"', "null"])
def test_a_journal_that_is_none_is_damaged(tmp_path, content):
    target = tmp_path / "out.jsonl"
    interrupted(target, {"row": 1})
    (tmp_path / "out.jsonl.part.json").write_text(content)
    with pytest.raises(InputError, match="missing or damaged; `restart` in place of"):
        Part(target, RUN, resume=True)


@pytest.mark.parametrize(
    ("identity", "cure"),
    [
        (RUN, "`resume` continues that run, `restart` starts over"),
        (None, ": `restart` starts over"),
    ],
)
def test_finished_rows_are_dropped_only_if_that_is_asked_for(tmp_path, identity, cure):
    target = tmp_path / "out.jsonl"
    interrupted(target, {"row": 1}, {"row": 2})
    with pytest.raises(UsageError, match=f"holds 2 finished rows of an earlier run.*{cure}"):
        Part(target, identity, resume=False)
    assert len((tmp_path / "out.jsonl.part").read_text().splitlines()) == 2
    part = Part(target, identity, resume=False, restart=True)
    assert not part.leave() and list(tmp_path.iterdir()) == []


def test_half_a_row_is_no_finished_row(tmp_path):
    (tmp_path / "out.jsonl.part").write_text('{"row": 1, "te')
    assert not Part(tmp_path / "out.jsonl", RUN, resume=False).leave()


def test_a_file_that_only_has_the_name_of_a_part_is_kept(tmp_path):
    (tmp_path / "out.jsonl.part").write_text("a download\n")
    with pytest.raises(UsageError, match="is another file: move it away"):
        Part(tmp_path / "out.jsonl", RUN, resume=False)
    assert (tmp_path / "out.jsonl.part").read_text() == "a download\n"
