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
from types import FrameType
from typing import IO

from llmcli.system.processes import environment

PAUSE = 0.1  # seconds between two looks at the processes
PATIENCE = 20.0  # seconds that the others have to end once one has failed

Process = subprocess.Popen[bytes]


def launch(arguments: list[str], count: int) -> tuple[int, str]:
    """Run `llmcli ARGUMENTS` in `count` processes; returns the exit code and an error to print.

    The first process prints its own messages. The error is that of another one, where the first
    had none. Ctrl-C goes to all of them; when one fails, the others are ended.
    """
    logs: list[IO[bytes]] = [tempfile.TemporaryFile() for _ in range(count - 1)]
    port = _free_port()
    processes = [_start(arguments, number, port, logs) for number in range(count)]
    with _sigint_sent_to(processes):
        _wait(processes)
    codes = [process.wait() for process in processes]
    if codes[0] in (0, -signal.SIGTERM) and any(codes[1:]):
        failed = next(number for number, code in enumerate(codes) if number and code)
        logs[failed - 1].seek(0)
        return abs(codes[failed]), logs[failed - 1].read().decode(errors="replace")
    return abs(codes[0]), ""


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
def _sigint_sent_to(processes: Sequence[Process]) -> Iterator[None]:
    """Pass Ctrl-C on to all processes; whichever still runs at the end is killed."""

    def forward(number: int, frame: FrameType | None) -> None:
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, forward)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
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
                if process.poll() is None:
                    process.terminate()
            time.sleep(1)
            return
        time.sleep(PAUSE)
