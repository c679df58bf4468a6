"""Hashes of model files, remembered until a file changes."""

import hashlib
import os
import time

from llmcli.system import hashes
from llmcli.system.hashes import known_hash


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_hash_of_a_large_file_is_remembered_until_it_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("LLMCLI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hashes, "LARGE", 8)
    path = tmp_path / "weights"
    path.write_bytes(b"0123456789")
    before = path.stat()
    monkeypatch.setattr(time, "time", lambda: before.st_ctime + 60)
    first = known_hash(path)
    assert first == sha256(path)
    with monkeypatch.context() as reading:
        reading.setattr(hashes, "hash_file", lambda path: "read again")
        assert known_hash(path) == first
    path.write_bytes(b"9876543210")  # of the same size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert known_hash(path) == sha256(path) != first


def test_a_file_that_has_just_changed_is_hashed_each_time(tmp_path, monkeypatch):
    monkeypatch.setenv("LLMCLI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hashes, "LARGE", 8)
    path = tmp_path / "weights"
    path.write_bytes(b"0123456789")
    assert known_hash(path) == sha256(path)
    assert not (tmp_path / "cache").exists()
