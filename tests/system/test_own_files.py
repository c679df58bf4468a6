"""Files of our own beside those of others: made exclusively, never through a link."""

import os
import stat

import pytest

from llmcli.errors import InputError
from llmcli.system import own_files
from llmcli.system.locks import locked

VICTIM = b"somebody's work\n"


@pytest.fixture
def victim(tmp_path):
    path = tmp_path / "victim"
    path.write_bytes(VICTIM)
    return path


def obstacles(victim):
    """What may stand where a file of our own is made: how to make it, and what it is called."""
    return {
        "link": (lambda path: path.symlink_to(victim), "a link"),
        "dangling link": (lambda path: path.symlink_to(victim.parent / "none"), "a link"),
        "hard link": (lambda path: os.link(victim, path), "several names"),
        "pipe": (os.mkfifo, "a pipe"),
        "folder": (os.mkdir, "a folder"),
    }


KINDS = ("link", "dangling link", "hard link", "pipe", "folder")


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_else_is_opened_or_written_over(tmp_path, victim, kind):
    make, words = obstacles(victim)[kind]
    path = tmp_path / "ours"
    make(path)
    with pytest.raises(FileExistsError):
        own_files.create(path)
    with pytest.raises(InputError, match=f"is .*{words}.*: move it away"):
        own_files.open_own(path)
    with pytest.raises(InputError, match=words), locked(path, "locked"):
        pass
    assert victim.read_bytes() == VICTIM and not (tmp_path / "none").exists()


@pytest.mark.parametrize("ending", [".part", ".part.journal"])
@pytest.mark.parametrize("kind", [*KINDS, "file"])
def test_a_command_refuses_what_stands_beside_its_output(run, tmp_path, victim, kind, ending):
    beside = tmp_path / f"out.jsonl{ending}"
    if kind == "file":
        beside.write_bytes(VICTIM)
    else:
        obstacles(victim)[kind][0](beside)
    before = beside.lstat()[:7]  # without times: looking where a link leads is no change
    (tmp_path / "in.txt").write_text("the cat\n")
    for more in ([], ["--restart"], ["--resume"]):
        result = run("tokenize", "-i", tmp_path / "in.txt", "-o", tmp_path / "out.jsonl", *more)
        assert result.exit_code in (2, 3), result.output
        if result.exit_code == 3:
            assert "move it away" in result.stderr
    assert beside.lstat()[:7] == before and victim.read_bytes() == VICTIM
    assert not (tmp_path / "out.jsonl").exists()


def test_other_names_that_a_run_once_used_are_nobodys_concern(run, tmp_path, victim):
    (tmp_path / "out.csv.new").symlink_to(victim)
    os.mkfifo(tmp_path / "out.csv.part.pending")
    (tmp_path / "in.txt").write_text("the cat\n")
    assert run("tokenize", "-i", tmp_path / "in.txt", "-o", tmp_path / "out.csv").exit_code == 0
    assert victim.read_bytes() == VICTIM


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.parquet"])
def test_an_output_keeps_the_mode_of_the_file_that_it_replaces(run, tmp_path, name):
    path = tmp_path / name
    (tmp_path / "in.txt").write_text("the cat\n")
    for mode in (0o600, 0o664, 0o755):
        path.write_text("old")
        path.chmod(mode)
        assert run("tokenize", "-i", tmp_path / "in.txt", "-o", path).exit_code == 0
        assert stat.S_IMODE(path.stat().st_mode) == mode
    path.unlink()
    assert run("tokenize", "-i", tmp_path / "in.txt", "-o", path).exit_code == 0
    umask = os.umask(0o022)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_an_output_through_a_link_is_written_where_the_link_leads(run, tmp_path):
    (tmp_path / "in.txt").write_text("the cat\n")
    (tmp_path / "folder").mkdir()
    link, target = tmp_path / "link.jsonl", tmp_path / "folder" / "target.jsonl"
    link.symlink_to(target)
    assert run("tokenize", "-i", tmp_path / "in.txt", "-o", link).exit_code == 0
    assert link.is_symlink() and target.is_file()
    loop = tmp_path / "loop.jsonl"
    loop.symlink_to(loop)
    result = run("tokenize", "-i", tmp_path / "in.txt", "-o", loop)
    assert result.exit_code == 3 and "leads to itself" in result.stderr


def test_a_replaced_file_is_whole_or_untouched(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(VICTIM)
    with pytest.raises(ValueError), own_files.replacing(path) as file:
        file.write(b"half")
        raise ValueError
    assert path.read_bytes() == VICTIM and [*tmp_path.iterdir()] == [path]
    with own_files.replacing(path) as file:
        file.write(b"whole")
    assert path.read_bytes() == b"whole" and [*tmp_path.iterdir()] == [path]


def test_a_folder_is_made_in_place_of_an_unfinished_one_alone(tmp_path, victim):
    folder = tmp_path / "unfinished"
    own_files.make_folder(folder)
    (folder / "a").write_text("")
    own_files.make_folder(folder)
    assert not [*folder.iterdir()]
    (tmp_path / "link").symlink_to(folder)
    for path in (tmp_path / "link", victim):
        with pytest.raises(InputError, match="not a folder that llmcli made"):
            own_files.make_folder(path)
    assert folder.is_dir() and victim.read_bytes() == VICTIM
