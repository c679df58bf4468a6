"""Limits on memory and open files: one line in place of an abort of a native library."""

import re
import resource
import subprocess
import sys

import pytest

from llmcli.errors import OutOfMemory
from llmcli.system import limits


def run(kind, value, *words):
    """Run llmcli under a limit."""
    return subprocess.run(
        [sys.executable, "-m", "llmcli", *words],
        preexec_fn=lambda: resource.setrlimit(kind, (value, value)),
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("kind", [resource.RLIMIT_AS, resource.RLIMIT_DATA])
def test_too_little_memory_is_one_line_before_a_library_loads(kind):
    done = run(kind, 150 << 20, "generate", "hi", "-q", "-n", "2")
    assert done.returncode == 6 and done.stdout == ""
    assert re.match("Error: out of memory: (numpy|transformers) needs ", done.stderr)
    assert done.stderr.count("\n") == 1


def test_what_needs_no_library_works_in_little_memory():
    done = run(resource.RLIMIT_AS, 100 << 20, "--help")
    assert (done.returncode, done.stderr) == (0, "")


def test_few_open_files_are_enough():
    done = run(resource.RLIMIT_NOFILE, 6, "tokenize", "hi", "--ids", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "72 73\n", "")


def test_a_file_that_would_exceed_its_limit_is_a_full_disk(tmp_path):
    text = "the cat sat on the mat and looked at the moon " * 20
    words = ["tokenize", text, "-q", "-o", str(tmp_path / "out.jsonl")]
    done = run(resource.RLIMIT_FSIZE, 2000, *words)
    assert done.returncode == 7, done.stderr
    assert "File too large" in done.stderr and done.stderr.count("\n") <= 2


def test_the_need_of_a_library_is_compared_with_what_is_left(monkeypatch):
    monkeypatch.setattr(limits, "_limits", lambda: (500 << 20, None))
    monkeypatch.setattr(limits, "_used", lambda: (300 << 20, 100 << 20))
    monkeypatch.setattr(limits, "_cores", lambda: 2)
    limits.require_room("x", limits.Need(180, 10))
    with pytest.raises(OutOfMemory, match=r"x needs 201 MB.* of 500 MB leaves 200 MB"):
        limits.require_room("x", limits.Need(181, 10))
    monkeypatch.setattr(limits, "_limits", lambda: (None, 300 << 20))
    with pytest.raises(OutOfMemory, match="leaves 200 MB"):
        limits.require_room("x", limits.Need(181, 10))


def test_there_is_no_gate_without_a_limit(monkeypatch):
    finders = list(sys.meta_path)
    monkeypatch.setattr(limits, "_limits", lambda: (None, None))
    limits.guard_imports()
    assert sys.meta_path == finders
