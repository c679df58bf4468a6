import json
import os
import stat

import pytest

from llmcli.chat import store
from llmcli.errors import InputError
from tests.chat.test_conversation import said, spoken


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LLMCLI_DATA", str(tmp_path))
    return tmp_path / "chats"


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_a_conversation_is_kept_for_its_user_alone(folder):
    conversation, path = spoken("你好", "Hello!", system="be kind"), store.new_path()
    store.save(conversation, path, "tiny")
    assert said(store.load(path)) == said(conversation)
    assert (path.parent, mode(path), mode(folder)) == (folder, 0o600, 0o700)
    assert "你好" in path.read_text("utf-8") and json.loads(path.read_bytes())["model"] == "tiny"


def test_a_file_that_others_could_read_becomes_private_when_it_is_written_over(tmp_path):
    path = tmp_path / "talk.json"
    path.write_text("{}")
    path.chmod(0o644)
    store.save(spoken("a"), path, "tiny")
    assert mode(path) == 0o600


def test_the_conversation_that_was_saved_last_is_found(folder):
    with pytest.raises(InputError, match="no conversation to continue"):
        store.newest_path()
    for age, name in ((1, "b"), (3, "a"), (2, "c")):
        store.save(spoken(name), store.path_of(name), "tiny")
        os.utime(store.path_of(name), (100 - age, 100 - age))
    assert store.newest_path().name == "b.json"


def test_names_lie_in_the_folder_and_paths_where_they_say(folder, tmp_path):
    assert store.path_of("trip") == folder / "trip.json"
    assert store.path_of(f"{tmp_path}/trip") == tmp_path / "trip"
    assert store.new_path() != store.path_of("trip")


def test_a_second_conversation_of_one_second_has_another_name(monkeypatch):
    monkeypatch.setattr("time.strftime", lambda form: "2026-01-01-000000")
    store.save(spoken("a"), store.new_path(), "tiny")
    assert store.new_path().name == "2026-01-01-000000-2.json"


def test_a_file_that_is_not_there_or_no_conversation_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.json: there is no such conversation"):
        store.load(tmp_path / "nowhere.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(InputError, match=r"bad.json"):
        store.load(tmp_path / "bad.json")
