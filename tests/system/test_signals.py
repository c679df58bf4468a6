"""Signals end a process within a second: real ones, sent to real processes."""

import signal
import subprocess
import sys
import time

import pytest

from llmcli.system import signals

BEGIN = (
    "import hashlib, os, signal, sys, threading, time\n"
    "from llmcli.system import signals\n"
    "signals.take_over()\n"
    "def ready(): print('ready', flush=True)\n"
    "def ready_soon(): threading.Timer(0.2, ready).start()  # when the main thread is at work\n"
    "def native(): hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)  # holds the main thread\n"
)


def run(code, *sent, pause=0.0):
    """Send signals once the code is ready; its exit code, stderr and seconds after the first."""
    with subprocess.Popen(
        [sys.executable, "-c", BEGIN + code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "ready\n"
        began = time.monotonic()
        for number in sent:
            process.send_signal(number)
            time.sleep(pause)
        _, errors = process.communicate(timeout=30)
    return process.returncode, errors, time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_native_code_does_not_hold_the_process(number):
    code = "with signals.last_words(lambda: 'out.part has 3 rows'):\n    ready_soon()\n    native()"
    status, errors, seconds = run(code, number)
    assert (status, errors) == (128 + number, "out.part has 3 rows\n")
    assert seconds < 2


def test_neither_does_a_library_that_catches_everything():
    code = "ready_soon()\nwhile True:\n    try: time.sleep(9)\n    except BaseException: pass"
    status, errors, _ = run(code, signal.SIGINT, signal.SIGINT)
    assert (status, errors) == (130, "")


def test_files_are_closed_on_the_way_out_and_a_second_signal_does_not_disturb_that():
    code = (
        "try:\n    ready()\n    time.sleep(9)\nfinally:\n"
        "    time.sleep(0.2)\n    sys.stderr.write('closed')\n"
        "    os._exit(128 + signals.received())"
    )
    assert run(code, signal.SIGINT, signal.SIGTERM, pause=0.05)[:2] == (130, "closed")


def test_the_first_signal_can_ask_and_the_second_ends():
    code = (
        "asked = []\n"
        "with signals.asking(asked.append, lambda: not asked):\n"
        "    ready()\n"
        "    while not asked: time.sleep(0.01)\n"
        "    sys.stderr.write(str(asked))\n"
        "    {}"
    )
    assert run(code.format("os._exit(0)"), signal.SIGTERM)[:2] == (0, "[15]")
    status, errors, _ = run(code.format("native()"), signal.SIGTERM, signal.SIGTERM, pause=0.5)
    assert (status, errors) == (143, "[15]")


def test_a_signal_that_the_parent_ignores_stays_ignored():
    code = (
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\nsignals.take_over()\n"
        "ready()\ntime.sleep(0.3)\nos._exit(5)"
    )
    assert run(code, signal.SIGHUP)[0] == 5


def test_a_signal_to_a_fork_does_not_end_its_parent():
    code = (
        "child = os.fork()\n"
        "if child == 0:\n    ready()\n    time.sleep(9)\n    os._exit(3)\n"
        "time.sleep(0.5)\n"
        "os.kill(child, signal.SIGTERM)\n"
        "ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n"
        "time.sleep(1)\nos._exit(0 if ended == -15 else 1)"
    )
    assert run(code)[0] == 0


def test_importing_llmcli_takes_no_signal():
    before = [signal.getsignal(number) for number in signals.NUMBERS]
    from llmcli.cli import main  # noqa: F401

    assert [signal.getsignal(number) for number in signals.NUMBERS] == before
    assert signals.received() is None
