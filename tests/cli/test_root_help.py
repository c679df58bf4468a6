"""The help of the root command: click's text, without click."""

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from llmcli.cli.main import main
from llmcli.cli.root_help import COMPLETION, help_text, is_asked_for


@pytest.mark.parametrize(
    ("columns", "width"),  # click leaves two columns free, and fills 50 to 98
    [(20, 50), (52, 50), (63, 61), (71, 69), (80, 78), (99, 97), (100, 98), (200, 98)],
)
def test_the_help_is_that_of_click(columns, width):
    result = CliRunner().invoke(main, ["-h"], prog_name="llmcli", terminal_width=width)
    assert result.exit_code == 0
    assert help_text(columns) == result.output


def test_only_the_flag_alone_asks_for_it(monkeypatch):
    assert is_asked_for(["--help"]) and is_asked_for(["-h"])
    assert not is_asked_for([]) and not is_asked_for(["generate", "--help"])
    assert not is_asked_for(["help"])
    monkeypatch.setenv(COMPLETION, "bash_complete")
    assert not is_asked_for(["--help"])


def test_it_imports_little():
    """Neither click nor what click imports: the start takes little more than that of Python."""
    code = (
        "import atexit, os, runpy, sys\n"
        "leave = os._exit\n"
        "def end(status):\n"
        "    few = {'click', 'typing', 'inspect', 'pathlib', 'threading', 'ctypes', 'json'}\n"
        "    os.write(2, ' '.join(sorted(few & set(sys.modules))).encode())\n"
        "    leave(status)\n"
        "os._exit = end\n"
        "sys.argv = ['llmcli', '--help']\n"
        "runpy.run_module('llmcli', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, env=os.environ)
    assert done.returncode == 0 and done.stdout.startswith(b"Usage: llmcli")
    assert done.stderr == b""
