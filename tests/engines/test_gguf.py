"""The cache of unpacked GGUF files: made once, by whoever is first, and never in the way."""

import os
import subprocess
import sys

import pytest

from llmcli.engines import gguf as unpacking
from llmcli.engines.gguf import unpack
from llmcli.errors import ModelUnsuitable
from llmcli.models import hub
from llmcli.models.unpacked import CACHE, unpacked_files
from llmcli.spec import ModelSpec

gguf = pytest.importorskip("gguf")

from tests.gguf_files import write_model  # noqa: E402  needs gguf

Q4_1 = gguf.GGMLQuantizationType.Q4_1


@pytest.fixture(scope="module")
def file(bpe, tmp_path_factory):
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    write_model(path, "llama", bpe, [Q4_1])
    return path


def notes_of(path, **how):
    notes = []
    unpack(ModelSpec(str(path)), notes.append, **how)
    return notes


def is_unpacked(path):
    return hub.resolve(ModelSpec(str(path))).unpacked_from == path


def test_it_is_unpacked_once_and_again_only_if_it_changes(file, bpe, tmp_path):
    path = tmp_path / "a.gguf"
    path.write_bytes(file.read_bytes())
    assert notes_of(path) == [f"unpacking {path}: once, 2 MB in the cache"]
    assert (is_unpacked(path), notes_of(path)) == (True, [])
    (known,) = unpacked_files()
    assert (known.model_id, known.file, known.dtype) == (str(path), str(path), "float32")
    os.utime(path, (1, 1))  # its contents are the same
    assert len(notes_of(path)) == 1 and unpacked_files() == [known]
    write_model(path, "llama", bpe, [gguf.GGMLQuantizationType.Q8_0])
    notes_of(path)
    assert len(unpacked_files()) == 2


def test_a_changed_folder_is_not_used(file):
    notes_of(file)
    weights = hub.resolve(ModelSpec(str(file))).folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert not is_unpacked(file)
    assert notes_of(file) and is_unpacked(file)


def test_both_engines_write_the_same_text_from_it(run, file):
    """Grouped queries, tied embeddings; int8 runs too."""
    words = ["generate", "the cat", "-n", 8, "-m", file, "-q"]
    expected = run(*words, "--engine", "torch")
    assert expected.exit_code == 0 and expected.output
    assert run(*words, "--engine", "ct2").output == expected.output
    assert run(*words, "--engine", "ct2", "--dtype", "int8").exit_code == 0
    listed = run("models", "list", "--format", "jsonl").stdout
    assert listed.count('"gguf"') == 1 and listed.count('"ct2"') == 2
    assert run("models", "rm", file, "-y").exit_code == 0
    listed = run("models", "list", "--format", "jsonl").stdout
    assert '"gguf"' not in listed and '"ct2"' not in listed
    assert run("models", "rm", file, "-y").exit_code == 4


def test_without_room_it_is_read_as_before(run, file, monkeypatch):
    words = ["generate", "the cat", "-n", 4, "-m", file]
    monkeypatch.setattr(unpacking, "_room", lambda: 1_000_000)
    slow = run(*words)
    assert "2 MB unpacked" in slow.stderr and "has room for 1 MB: its GGUF file" in slow.stderr
    monkeypatch.undo()
    assert slow.stdout and run(*words).stdout == slow.stdout


def test_a_large_file_is_unpacked_on_request(file, monkeypatch):
    monkeypatch.setattr(unpacking, "LARGE", 1_000_000)
    (note,) = notes_of(file)
    assert "llmcli models convert" in note and not is_unpacked(file)
    assert notes_of(file, is_asked=True) and is_unpacked(file)


def test_a_cache_that_cannot_be_written_is_said_and_the_file_is_read(run, file, monkeypatch):
    monkeypatch.setenv("LLMCLI_CACHE", str(file))  # no folder
    result = run("generate", "the cat", "-n", 4, "-m", file)
    assert result.exit_code == 0 and result.stdout
    assert "cannot store the converted model in" in result.stderr
    assert "its GGUF file is read at each start" in result.stderr


def test_a_disk_that_fills_up_leaves_nothing(file, monkeypatch):
    def fail(*ignored):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("llmcli.engines.pytorch.gguf_unpacking.write_safetensors", fail)
    notes = notes_of(file)
    assert "No space left on device" in notes[1] and not is_unpacked(file)
    assert [path.name for path in CACHE.folder.iterdir()] == ["known"]


def test_two_that_unpack_at_once_end_well(file, monkeypatch):
    unpack_into = unpacking.unpack_into

    def and_another_meanwhile(checkpoint, folder, unwritable):
        monkeypatch.setattr(unpacking, "unpack_into", unpack_into)
        unpacking.unpack(ModelSpec(str(file)))
        unpack_into(checkpoint, folder, unwritable)

    monkeypatch.setattr(unpacking, "unpack_into", and_another_meanwhile)
    notes_of(file)
    assert is_unpacked(file) and len(unpacked_files()) == 1
    assert not list(CACHE.folder.glob(".making-*"))


def test_a_process_of_its_own_does_it_where_torch_is_not_loaded(file):
    code = (
        "import sys\n"
        "from llmcli.engines.gguf import unpack\n"
        "from llmcli.models import hub\n"
        "from llmcli.spec import ModelSpec\n"
        "unpack(ModelSpec(sys.argv[1]))\n"
        "print(hub.resolve(ModelSpec(sys.argv[1])).unpacked_from, 'torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True)
    assert done.stdout.splitlines() == [f"{file} False"], done.stderr


def test_an_architecture_that_transformers_does_not_know_is_one_line(bpe, tmp_path):
    path = tmp_path / "a.gguf"
    write_model(path, "llama", bpe, [Q4_1])
    path.write_bytes(path.read_bytes().replace(b"llama", b"lxama"))
    with pytest.raises(ModelUnsuitable, match="lxama is not supported"):
        unpack(ModelSpec(str(path)))
