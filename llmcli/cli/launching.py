"""One run in several processes on this machine: the same command, started several times."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from types import FrameType
from typing import IO

import click

from llmcli.training.distributed import environment

PAUSE = 0.1  # seconds between two looks at the processes
PATIENCE = 20.0  # seconds that the others have to end once one has failed


def launch(arguments: list[str], count: int) -> int:
    """Run `llmcli ARGUMENTS` in `count` processes; returns the exit code.

    The first one speaks. What the others say is told only where the first had nothing to say.
    Ctrl-C goes to all of them; when one fails, the others are ended.
    """
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    said: list[IO[bytes]] = [tempfile.TemporaryFile() for _ in range(count - 1)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "llmcli", *arguments],
            env=environment(number, count, port, os.cpu_count() or 1),
            stdout=None if number == 0 else subprocess.DEVNULL,
            stderr=None if number == 0 else said[number - 1],
            start_new_session=True,  # so that Ctrl-C comes from here, once
        )
        for number in range(count)
    ]

    def forward(number: int, frame: FrameType | None) -> None:
        for one in processes:
            if one.poll() is None:
                one.send_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, forward)
    try:
        _wait(processes)
    finally:
        signal.signal(signal.SIGINT, before)
        for one in processes:
            if one.poll() is None:
                one.kill()
    codes = [one.wait() for one in processes]
    if codes[0] in (0, -signal.SIGTERM) and any(codes[1:]):
        at = next(number for number, code in enumerate(codes) if number and code)
        said[at - 1].seek(0)
        click.echo(said[at - 1].read().decode(errors="replace"), nl=False, err=True)
        return abs(codes[at])
    return abs(codes[0])


def _wait(processes: list["subprocess.Popen[bytes]"]) -> None:
    """Until all have ended, or one has failed and the others had time to."""
    deadline = None
    while any(one.poll() is None for one in processes):
        if deadline is None and any(one.poll() for one in processes):
            deadline = time.monotonic() + PATIENCE
        if deadline is not None and time.monotonic() > deadline:
            for one in processes:
                if one.poll() is None:
                    one.terminate()
            time.sleep(1)
            return
        time.sleep(PAUSE)
