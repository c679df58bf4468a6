"""A process that has imported the libraries, and forks for each call of `llmcli`.

Most of a short command's time is the import of torch and transformers. The tests of the
transcripts run them in forks of one process that did it once; `python -m tests.docs`, which writes
the transcripts, runs whole processes. So the tests also compare the two.
"""

import contextlib
import importlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

LIBRARIES = (
    "transformers.models.auto.modeling_auto",
    "transformers.models.gpt2.modeling_gpt2",
    "transformers.models.bert.modeling_bert",
    "transformers.models.marian.modeling_marian",
    "transformers.trainer",
    "accelerate",
    "ctranslate2",
    "tokenizers",
    "rich.console",
    "safetensors.torch",
)
CLIENT = """#!{python} -IS
import array, json, os, socket, sys
call = {{"arguments": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [b"."], [0, 1, 2])
    server.sendall(json.dumps(call).encode())
    server.shutdown(socket.SHUT_WR)
    code = server.recv(1)
sys.exit(code[0] if code else 1)
"""


@contextlib.contextmanager
def preloaded(folder: Path, environment: dict[str, str]) -> Iterator[Path]:
    """Start the process, with this environment; give a folder with an `llmcli` that calls it."""
    address = folder / "socket"
    programs = folder / "bin"
    programs.mkdir()
    client = programs / "llmcli"
    client.write_text(CLIENT.format(python=sys.executable, address=str(address)))
    client.chmod(0o755)
    server = subprocess.Popen([sys.executable, "-m", __name__, str(address)], env=environment)
    try:
        while not address.exists():
            if server.poll() is not None:
                raise RuntimeError(f"the process ended with {server.returncode}")
            time.sleep(0.05)
        yield programs
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(programs)


def serve(address: str) -> None:
    """Import the libraries, then fork for each call."""
    for name in LIBRARIES:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    waiting = f"{address}.new"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(waiting)
        server.listen(16)
        os.rename(waiting, address)
        while True:
            call, _ = server.accept()
            with call:
                if os.fork() == 0:
                    server.close()
                    os._exit(answer(call))


def answer(call: socket.socket) -> int:
    """Run one call in a fork of its own, and send its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(call, 1, 3)
    with call.makefile("rb") as file:
        request = json.load(file)
    child = os.fork()
    if child == 0:
        call.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        be_llmcli(request["arguments"], request["folder"], request["environment"])
    for stream in streams:
        os.close(stream)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    call.sendall(bytes([code if code >= 0 else 128 - code]))
    return 0


def be_llmcli(arguments: list[str], folder: str, environment: dict[str, str]) -> None:
    """Run the program as the shell would."""
    from llmcli.cli.main import run_program

    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["llmcli", *arguments]
    code = 1
    try:
        run_program()
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])
