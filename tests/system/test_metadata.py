"""Hostile and damaged files of metadata: each ends in one line, none in a hang or a traceback."""

import math
import os
from pathlib import Path

import pytest

from llmcli.errors import InputError, ModelUnsuitable
from llmcli.system.metadata import Metadata
from llmcli.system.shapes import (
    FLAG,
    NUMBER,
    OBJECT,
    TEXT,
    WHOLE,
    AnyOf,
    Between,
    Choice,
    ListOf,
    MapOf,
    Object,
    Shape,
)

SETTINGS = Object(
    {
        "width": Between(1),
        "size": WHOLE,
        "labels": MapOf(TEXT, has_numbers=True),
        "rope": Object({"factor": NUMBER}),
        "ids": AnyOf(WHOLE, ListOf(WHOLE)),
        "side": Choice("left", "right"),
        "rate": Between(0, 1, is_whole=False),
        "used": FLAG,
    }
)
ENTRIES = ListOf(Object({"path": TEXT}, needs=("path",)))


@pytest.fixture
def json_file(tmp_path):
    def write(contents: str | bytes) -> Path:
        path = tmp_path / "a.json"
        path.write_bytes(contents.encode() if isinstance(contents, str) else contents)
        return path

    return write


def fault(path: Path, shape: Shape = OBJECT) -> str:
    """What is said about a file, without its path."""
    with pytest.raises(InputError) as caught:
        Metadata(path).json(shape)
    message = str(caught.value)
    assert message.count("\n") == 0 and len(message) < 300
    assert message.startswith(str(path)) and message.endswith("; correct it")
    return message[len(str(path)) :].removesuffix("; correct it").strip(": ")


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ("", "is not JSON: it is empty"),
        ("{", "is not JSON: expecting property name enclosed in double quotes at line 1, column 2"),
        ('{"a": 1', "is not JSON: expecting ',' delimiter at line 1, column 8"),
        ("[1]", "it is a list, an object was expected"),
        ("null", "it is null, an object was expected"),
        ('"cat"', "it is the text 'cat', an object was expected"),
        ("[" * 200_000, "it nests too deeply"),
        ('{"a":' * 100 + "1" + "}" * 100, "it nests more than 64 lists and objects in one another"),
        ('{"a": %s}' % ("7" * 5000), "it holds a whole number of 5,000 digits"),
        ('{"a": "\0"}', "is not JSON: invalid control character at at line 1, column 8"),
        ('{"a": "x\\ud800"}', "is not JSON: it holds half of a surrogate pair, \\ud800"),
        (b'{"a": "\xff"}', "is not UTF-8: see byte 8"),
        ("{}".encode("utf-16"), "is not UTF-8: see byte 1"),
    ],
)
def test_damaged_json_is_one_line(json_file, contents, words):
    assert fault(json_file(contents)) == words


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ('{"size": "2"}', "`size` is the text '2', a whole number was expected"),
        ('{"size": true}', "`size` is true, a whole number was expected"),
        ('{"size": 2.5}', "`size` is 2.5, a whole number was expected"),
        ('{"width": 0}', "`width` is 0, a whole number of at least 1 was expected"),
        ('{"rate": 2}', "`rate` is 2, a number from 0 to 1 was expected"),
        ('{"rate": NaN}', "`rate` is nan, a number from 0 to 1 was expected"),
        ('{"used": 1}', "`used` is 1, true or false was expected"),
        ('{"side": "up"}', "`side` is the text 'up', 'left' or 'right' was expected"),
        ('{"rope": {"factor": []}}', "`rope.factor` is a list, a number was expected"),
        ('{"labels": {"0": "a", "1": 2}}', "`labels.1` is 2, a text was expected"),
        ('{"labels": {"x": "a"}}', "`labels` has the key 'x', a whole number was expected"),
        ('{"labels": ["a"]}', "`labels` is a list, an object was expected"),
        ('{"ids": "x"}', "`ids` is the text 'x', a whole number or a list was expected"),
        ('{"ids": [1, {}]}', "`ids[1]` is an object, a whole number was expected"),
    ],
)
def test_a_wrong_type_names_the_path_of_its_key(json_file, contents, words):
    assert fault(json_file(contents), SETTINGS) == words


def test_lists_of_objects_name_the_entry(json_file):
    path = json_file('[{"path": "a"}, {"name": "b"}]')
    assert fault(path, ENTRIES) == "`[1].path` is missing"
    path = json_file('[{"path": {}}]')
    assert fault(path, ENTRIES) == "`[0].path` is an object, a text was expected"


def test_sound_values_are_read_and_unknown_keys_pass(json_file):
    path = json_file('{"a": Infinity, "b": {"__float__": "-Infinity"}, "c": "\\ud83d\\ude00"}')
    assert Metadata(path).json() == {"a": math.inf, "b": -math.inf, "c": "😀"}
    path = json_file('{"width": 1, "width": 3, "other": [], "rope": {"factor": null}, "ids": [1]}')
    settings = Metadata(path).json(SETTINGS)
    assert settings["width"] == 3  # the last of two counts


def test_infinity_as_transformers_writes_it_is_read_by_both(tmp_path):
    from transformers import AutoConfig, GPT2Config

    GPT2Config(summary_first_dropout=math.inf).save_pretrained(tmp_path)
    assert "__float__" in (tmp_path / "config.json").read_text()
    settings = Metadata(tmp_path / "config.json", ModelUnsuitable).json()
    config = AutoConfig.from_pretrained(tmp_path)
    assert settings["summary_first_dropout"] == config.summary_first_dropout == math.inf


def test_a_byte_order_mark_is_read_in_a_users_file_alone(json_file):
    path = json_file(b'\xef\xbb\xbf{"a": 1}')
    assert Metadata(path).json() == {"a": 1}
    with pytest.raises(ModelUnsuitable, match="is damaged: it begins with a byte order mark"):
        Metadata(path, ModelUnsuitable).json()  # transformers cannot read it either


@pytest.mark.skipif(os.name == "nt", reason="no named pipes, no devices")
def test_what_is_not_a_regular_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    assert fault(tmp_path / "pipe") == "is a named pipe, a file was expected"
    assert fault(tmp_path / "zero") == "is a device, a file was expected"
    assert fault(tmp_path) == "is a directory, a file was expected"
    for name, reason in (("loop", "symbolic links"), ("none", "No such file"), ("a\0b", "null")):
        with pytest.raises(InputError, match=f"cannot read .*{reason}"):
            Metadata(tmp_path / name).json()


def test_a_file_above_the_limit_is_refused(tmp_path):
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(17 << 20)  # a hole, which takes no space
    assert fault(tmp_path / "huge.json") == "has more than 16 MB, the most that is read"


def test_lines_of_json_name_the_line_and_leave_out_an_incomplete_last_one(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"width": 1}\n{"width": 2}\n{"wid')
    assert [line["width"] for line in Metadata(path).json_lines(SETTINGS)] == [1, 2]
    path.write_text('{"width": 1}\n{"width": []}\n')
    with pytest.raises(InputError, match=r"a.jsonl:2: `width` is a list, a whole number of"):
        list(Metadata(path).json_lines(SETTINGS))


LAUGHS = "a: &a [x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &a [*a]", "has an alias that holds itself"),
        ("&a {b: *a}", "has an alias that holds itself"),
        (LAUGHS, "expands to more than 100,000 values"),
        (LAUGHS.replace("[x]", "{k: 1}").replace("[", "{<<: [").replace("]", "]}"), "expands to"),
        ("[" * 100, "nests more than 64 values in one another"),
        ("- " * 500_000, "nests more than 64 values"),
        ("? " * 500_000, "nests more than 64 values"),
        ("[" * 500_000, "nests more than 64 values"),
        ("[" * 70 + "]" * 70, "nests more than 64 values"),
        ("a: " + "7" * 5000, "is not YAML: a value does not fit its tag"),
        ("a: 2024-13-01", "is not YAML: a value does not fit its tag .month"),
        ("a: !!timestamp x", "is not YAML: a value does not fit its tag"),
        ("a: !!bool x", "is not YAML"),
        (
            "!!python/object/apply:os.system [exit]",
            "is not YAML: could not determine a constructor",
        ),
        ("a: [", "is not YAML: expected the node content, .* at line 1, column 5"),
        ("a: 1\n--- b", "is not YAML: "),
        ("? [b]\n: 1", "is not YAML: found unhashable key"),
        ("a: \0", "is not YAML: "),
    ],
)
def test_hostile_yaml_is_one_line(tmp_path, text, words):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=f"^{path} ({words})") as caught:
        Metadata(path).yaml()
    assert "\n" not in str(caught.value)


def test_sound_yaml_is_read_with_its_aliases(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: &a {k: 1}\nb: *a\nc: {<<: *a, l: 2}\n")
    assert Metadata(path).yaml() == {"a": {"k": 1}, "b": {"k": 1}, "c": {"k": 1, "l": 2}}
    path.write_text("")
    assert Metadata(path).yaml() is None
