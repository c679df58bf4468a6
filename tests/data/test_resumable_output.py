"""FILE.part and its journal, without a command around them."""

import json
import os

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


JOURNAL = "out.jsonl.part.journal"


@pytest.mark.parametrize("kept", [0, 17, 40])
def test_a_journal_without_its_beginning_is_damaged(tmp_path, kept):
    target = tmp_path / "out.jsonl"
    interrupted(target, {"row": 1})
    os.truncate(tmp_path / JOURNAL, kept)
    with pytest.raises(InputError, match="says how it was made, is damaged; `restart` in place"):
        Part(target, RUN, resume=True)
    assert not Part(target, RUN, resume=False, restart=True).leave()


@pytest.mark.parametrize("content", ["[]", "{", '"text"', "null", "\0" * 50])
def test_a_file_that_only_has_the_name_of_a_journal_is_kept(tmp_path, content):
    target = tmp_path / "out.jsonl"
    interrupted(target, {"row": 1})
    (tmp_path / JOURNAL).write_text(content)
    for settings in ({"resume": True}, {"resume": False, "restart": True}, {"resume": False}):
        with pytest.raises(InputError, match="is not a journal of llmcli: move it away"):
            Part(target, RUN, **settings)
    assert (tmp_path / JOURNAL).read_text() == content


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
    interrupted(tmp_path / "out.jsonl", {"row": 1})
    os.truncate(tmp_path / "out.jsonl.part", 6)
    assert not Part(tmp_path / "out.jsonl", RUN, resume=False).leave()


def test_a_file_that_only_has_the_name_of_a_part_is_kept(tmp_path):
    (tmp_path / "out.jsonl.part").write_text("a download\n")
    with pytest.raises(InputError, match="is another file: move it away"):
        Part(tmp_path / "out.jsonl", RUN, resume=False)
    assert (tmp_path / "out.jsonl.part").read_text() == "a download\n"


ROWS = [{"row": number, "text": "a" * number} for number in range(1, 51)]


def damage(kind, part, journal):
    """Change the files of an interrupted run as another program, or a failing disk, might."""
    lines = part.read_bytes().splitlines(keepends=True)
    changed = {
        "a row is lost": [*lines[:20], *lines[21:]],
        "a row comes twice": [*lines[:20], lines[19], *lines[20:]],
        "two rows change places": [*lines[:20], lines[21], lines[20], *lines[22:]],
        "a row is edited": [*lines[:20], lines[20].replace(b"a", b"b", 1), *lines[21:]],
        "a row is added": [*lines, b'{"row": 51, "text": "x"}\n'],
        "the end is lost": [*lines[:20], lines[20][:7]],
        "the middle is zeros": [*lines[:20], b"\0" * len(lines[20]), *lines[21:]],
        "there is nothing": [],
    }
    if kind in changed:
        part.write_bytes(b"".join(changed[kind]))
        return
    content = journal.read_bytes().splitlines(keepends=True)
    marks = next(at for at, line in enumerate(content) if b'"rows"' in line)
    if kind == "the journal lost its marks":
        content = content[:marks]
    elif kind == "the journal has other marks":
        content[marks] = content[marks].replace(b"[1, ", b"[2, ", 1)
    elif kind == "the journal lost a line before its marks":
        del content[marks - 1]
    elif kind == "the journal has bytes behind it":
        content.append(b"\xff\0 {}\n")
    journal.write_bytes(b"".join(content))


DAMAGES = [
    *("a row is lost", "a row comes twice", "two rows change places", "a row is edited"),
    *("a row is added", "the end is lost", "the middle is zeros", "there is nothing"),
    *("the journal lost its marks", "the journal has other marks"),
    *("the journal lost a line before its marks", "the journal has bytes behind it"),
]


@pytest.mark.parametrize("form", ["jsonl", "csv", "text", "json", "parquet"])
@pytest.mark.parametrize("kind", DAMAGES)
def test_whatever_was_damaged_is_computed_again(tmp_path, kind, form):
    target, expected = tmp_path / "out", tmp_path / "whole"
    whole = Part(expected, RUN, resume=False)
    for row in ROWS:
        whole.write(row)
    whole.finish(form, lambda record: record["text"])
    interrupted(target, *ROWS[:40])
    damage(kind, tmp_path / "out.part", tmp_path / "out.part.journal")
    part = Part(target, RUN, resume=True)
    for row in ROWS[part.after :]:
        part.write(row)
    part.finish(form, lambda record: record["text"])
    assert target.read_bytes() == expected.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "whole"]


def test_a_part_that_is_changed_while_it_is_written_never_becomes_the_file(tmp_path):
    target, path = tmp_path / "out.jsonl", tmp_path / "out.jsonl.part"
    changes = [
        lambda: path.write_text(path.read_text() + "{}\n"),
        lambda: os.truncate(path, 3),
        lambda: path.write_bytes(path.read_bytes().replace(b"aa", b"bb")),
        lambda: path.unlink(),
        lambda: path.write_text('{"row": 1}\n') and path.rename(tmp_path / "moved"),
    ]
    for change in changes:
        part = Part(target, RUN, resume=True)
        for row in ROWS[part.after : 10]:
            part.write(row)
        change()
        with pytest.raises(InputError, match="was changed by another program"):
            part.finish("jsonl", str)
        part.leave()
        assert not target.exists()
    part = Part(target, RUN, resume=True)
    for row in ROWS[part.after :]:
        part.write(row)
    part.finish("jsonl", str)
    assert [json.loads(line) for line in target.read_text().splitlines()] == ROWS


def test_a_row_is_not_added_to_a_part_that_was_changed(tmp_path):
    part = Part(tmp_path / "out.jsonl", RUN, resume=False)
    part.write({"row": 1})
    (tmp_path / "out.jsonl.part").write_text("")
    with pytest.raises(InputError, match="changed by another program"):
        part.write({"row": 2})
    part.leave()
