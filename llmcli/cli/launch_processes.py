"""Starts one command in several processes on this machine, which train together."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from llmcli.errors import OutOfMemory
from llmcli.system import signals
from llmcli.system.processes import environment

PAUSE = 0.1  # seconds between two looks at the processes
PATIENCE = 20.0  # seconds that the others have to end once one has failed

Process = subprocess.Popen[bytes]


def launch(arguments: list[str], count: int) -> tuple[int, str]:
    """Run `llmcli ARGUMENTS` in `count` processes; returns the exit code and an error to print.

    The first process prints its own messages. The error is that of another one, where the first
    had none. Ctrl-C and SIGTERM go to all of them; when one fails, the others are ended.
    """
    logs: list[IO[bytes]] = [tempfile.TemporaryFile() for _ in range(count - 1)]
    port = _free_port()
    processes = [_start(arguments, number, port, logs) for number in range(count)]
    with _signals_sent_to(processes):
        _wait(processes)
    codes = [process.wait() for process in processes]
    failed = 0
    if codes[0] in (0, -signal.SIGKILL) and any(codes[1:]):
        failed = next(number for number, code in enumerate(codes) if number and code)
    if codes[failed] < 0:
        name = signal.Signals(-codes[failed]).name
        return OutOfMemory.exit_code, (
            f"Error: process {failed} of {count} was ended by {name}: memory may have run out"
        )
    if failed == 0:
        return codes[0], ""
    logs[failed - 1].seek(0)
    return codes[failed], logs[failed - 1].read().decode(errors="replace")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _start(arguments: list[str], number: int, port: int, logs: Sequence[IO[bytes]]) -> Process:
    """Start process `number`; all but the first write their messages to a log."""
    return subprocess.Popen(
        [sys.executable, "-m", "llmcli", *arguments],
        env=environment(number, len(logs) + 1, port, os.cpu_count() or 1),
        stdout=subprocess.DEVNULL if number else None,
        stderr=logs[number - 1] if number else None,
        start_new_session=True,  # so that Ctrl-C comes from here, once
    )


@contextmanager
def _signals_sent_to(processes: Sequence[Process]) -> Iterator[None]:
    """Pass Ctrl-C and SIGTERM on to all processes; whichever still runs at the end is killed."""

    def forward(number: int) -> None:
        for process in processes:
            if process.poll() is None:
                process.send_signal(number)

    try:
        with signals.asking(forward, lambda: True):
            yield
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()


def _wait(processes: Sequence[Process]) -> None:
    """Until all have ended, or one has failed and the others had time to."""
    deadline = None
    while any(process.poll() is None for process in processes):
        if deadline is None and any(process.poll() for process in processes):
            deadline = time.monotonic() + PATIENCE
        if deadline is not None and time.monotonic() > deadline:
            for process in processes:
                process.kill()
            return
        time.sleep(PAUSE)
