"""Which library multiplies is chosen before CTranslate2 is loaded."""

import os
import subprocess
import sys

import pytest

from llmcli.engines.ct2.library import VARIABLE, choose_library


@pytest.fixture(autouse=True)
def unloaded(monkeypatch):
    monkeypatch.delitem(sys.modules, "ctranslate2", raising=False)
    monkeypatch.delenv(VARIABLE, raising=False)
    yield
    os.environ.pop(VARIABLE, None)


@pytest.mark.parametrize(
    ("dtype", "reads_file", "setting"),
    [("float32", False, "0"), ("float32", True, None), ("int8", False, None), ("int8", True, None)],
)
def test_one_text_in_float32_is_computed_without_mkl(dtype, reads_file, setting):
    choose_library(dtype, reads_file=reads_file)
    assert os.environ.get(VARIABLE) == setting


def test_a_setting_of_the_user_stays(monkeypatch):
    monkeypatch.setenv(VARIABLE, "1")
    choose_library("float32", reads_file=False)
    assert os.environ[VARIABLE] == "1"


def test_nothing_is_set_once_the_library_is_loaded(monkeypatch):
    monkeypatch.setitem(sys.modules, "ctranslate2", os)
    choose_library("float32", reads_file=False)
    assert VARIABLE not in os.environ


def test_both_libraries_give_the_same_greedy_text(tiny_gpt2, tmp_path):
    def text(setting):
        command = (sys.executable, "-m", "llmcli", "generate", "-m", str(tiny_gpt2), "-n", "8", "a")
        environment = {**os.environ, VARIABLE: setting, "LLMCLI_ENGINE": "ct2"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert text("0") == text("1")
