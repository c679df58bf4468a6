"""Real faults of the system against llmcli: streams, limits, disks, signals; writes faults.md.

    python benchmarks/faults.py [--only streams|limits|disks|signals] [--moments 40]

Each case runs the program as a shell would. It holds if the exit code is the expected one, stderr
has at most one line that is no note in brackets, there is no traceback and, for a signal, the
process ends within a second. Full and read-only disks are mounted where rights allow (root), else
left out, which the table says. Exits with 1 if a case does not hold.
"""

import argparse
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

LLMCLI = [sys.executable, "-m", "llmcli"]
TEXT = "the cat sat on a mat and looked at the moon while an old dog ran far away"
COMMANDS = [
    "--help",
    "--version",
    "generate --help",
    "models list",
    "models rm no-such-model",
    "generate hi -n 3",
    "tokenize hi",
    "classify good",
    "embed hi --json",
    "translate hello -t fr",
    "fill 'a [MASK] sat'",
    "forward hi",
    "evaluate few.txt",
    "compare a.csv b.csv",
    "finetune few.txt --check -q",
]
LIMITED = [COMMANDS[at] for at in (0, 3, 5, 6, 7, 14)]  # those that differ in what they load
MB = 1 << 20


@dataclass
class Case:
    """A fault, the commands that met it, and what came of it."""

    fault: str
    expected: str
    seen: dict[str, list[str]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, name, code, errors, allowed, seconds=0.0):
        """Count a run of a command. allowed: the exit codes that are right."""
        self.seen.setdefault(str(code), []).append(name)
        lines = [line for line in errors.splitlines() if line and not line.startswith("[")]
        usage = [line for line in lines if line.startswith(("Usage:", "Try '"))]
        if code not in allowed or "Traceback" in errors or len(lines) - len(usage) > 1:
            self.failures.append(f"{name}: {code}: {errors.strip()[-300:]}")
        elif seconds > 1:
            self.failures.append(f"{name}: {seconds:.1f} s after the signal")

    def row(self):
        """A row of the table."""
        seen = ", ".join(f"{code} ({len(names)})" for code, names in sorted(self.seen.items()))
        return f"| {self.fault} | {self.expected} | {seen} | {len(self.failures)} |"


def shell(command, folder, **more):
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=300, **more
    )
    return done.returncode, done.stderr


def program(words):
    return f"{sys.executable} -m llmcli {words}"


def streams(folder):
    """Streams that are full, closed or not what they seem."""
    unwritten = {7, 2, 3, 4}
    faults = [
        ("stdout is /dev/full", "> /dev/full", "7, or its own failure", unwritten),
        ("stdout is closed", ">&-", "3, or its own failure", {2, 3, 4}),
        ("stderr is /dev/full", "2> /dev/full", "as without", {0, 2, 3, 4}),
        ("stderr is closed", "2>&-", "as without", {0, 2, 3, 4}),
        ("stdin is closed", "<&-", "as without", {0, 2, 3, 4}),
        ("all three are closed", "<&- >&- 2>&-", "3, or its own failure", {2, 3, 4}),
        ("stdout is a pipe that is closed", "| true; exit ${PIPESTATUS[0]}", "0", {0, 2, 3, 4}),
    ]
    for fault, redirection, expected, allowed in faults:
        case = Case(fault, expected)
        for words in COMMANDS:
            case.add(words, *shell(f"{program(words)} {redirection}", folder), allowed)
        yield case
    case = Case("stderr is closed, finetune", "0, and a model")
    words = "finetune rows.txt -q --from-scratch tiny.json -o model --max-steps 2"
    case.add(words, *shell(f"{program(words)} 2>&-", folder), {0})
    if not (folder / "model" / "model.safetensors").exists():
        case.failures.append("no model was written")
    yield case


def limits(folder):
    """Limits of the process: memory, open files, the size of a file."""
    kinds = [
        ("address space", resource.RLIMIT_AS, (100, 150, 250, 400, 600, 1000, 1500, 3000)),
        ("data", resource.RLIMIT_DATA, (100, 200, 400, 800)),
    ]
    for name, kind, sizes in kinds:
        for size in sizes:
            case = Case(f"{name} of {size} MB", "0 or 6")
            run_limited(case, kind, size * MB, LIMITED, folder, {0, 6, 3, 4})
            yield case
    for count in (5, 6, 8, 16, 32):
        case = Case(f"{count} open files", "0 or 6")
        run_limited(case, resource.RLIMIT_NOFILE, count, LIMITED, folder, {0, 6, 3, 4})
        yield case
    case = Case("files of at most 2 kB", "7")
    written = ["tokenize -i rows.txt -o limited.jsonl", "embed -i rows.txt -o limited.npy"]
    run_limited(case, resource.RLIMIT_FSIZE, 2000, written, folder, {7})
    yield case


def run_limited(case, kind, value, commands, folder, allowed):
    for words in commands:
        done = shell(
            f"exec {program(words)} > /dev/null",
            folder,
            preexec_fn=lambda: resource.setrlimit(kind, (value, value)),
        )
        case.add(words, *done, allowed)


@contextmanager
def mounted(folder, options):
    """Mount a tmpfs; yields None without the right to."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def disks(folder):
    """Disks that are full or read-only, folders that are missing."""
    outputs = ["tokenize -i rows.txt -o {}/o.jsonl", "embed -i rows.txt -o {}/o.npy"]
    outputs += ["finetune rows.txt -q --from-scratch tiny.json --max-steps 1 -o {}/m"]
    for fault, options, expected, allowed in (
        ("the output's disk is full", "size=16k", "7", {7}),
        ("the output's disk is read-only", "ro,size=1m", "3", {3}),
    ):
        with mounted(folder / options.replace(",", "-"), options) as disk:
            case = Case(fault, expected if disk else "left out: no right to mount")
            for words in outputs if disk else ():
                case.add(words, *shell(program(words.format(disk)), folder), allowed)
            yield case
    places = [
        ("TMPDIR is missing", "TMPDIR=/nowhere", "generate hi -n 3", {0}),
        ("HOME is unset", "env -u HOME", "generate hi -n 3", {0}),
        ("HOME is no folder", "HOME=/dev/null", "generate hi -n 3", {0, 3}),
        ("the cache is no folder", "LLMCLI_CACHE=/dev/null", "generate hi -n 3", {0, 3}),
        ("the cache is /dev/full", "LLMCLI_CACHE=/dev/full", "models list", {0, 3}),
        ("LANG=C, PYTHONIOENCODING=ascii", "LANG=C PYTHONIOENCODING=ascii", "tokenize 月", {0}),
    ]
    for fault, variables, words, allowed in places:
        case = Case(fault, " or ".join(map(str, sorted(allowed))))
        case.add(words, *shell(f"{variables} {program(words)}", folder), allowed)
        yield case


SIGNALLED = {
    "--help": 0.5,
    "generate hi -n 400": 3,
    "generate -i rows.txt -n 60 -o g.jsonl --restart": 6,
    "translate -i rows.txt -t fr -o t.jsonl --restart": 6,
    "classify -i rows.txt -o c.jsonl --restart": 6,
    "embed -i rows.txt -o e.npy --restart": 6,
    "finetune rows.txt --from-scratch tiny.json -o tuned": 10,
    "tokenize -": 2,
}


def signals(folder, moments):
    """Ctrl-C and SIGTERM at moments that are spread over the run of each command."""
    each = max(1, moments // len(SIGNALLED))
    for words, longest in SIGNALLED.items():
        case = Case(f"a signal during `{words}`", "130 or 143, or 0 at its end; within a second")
        for at in range(each):
            number = (signal.SIGINT, signal.SIGTERM)[at % 2]
            pause = 0.4 + longest * at / each
            code, errors, seconds = signalled(words, folder, pause, number)
            slow = 0 if "finetune" in words else seconds  # it saves a checkpoint
            case.add(f"{words} ({pause:.1f} s)", code, errors, {0, 128 + number}, slow)
        yield case


def signalled(words, folder, pause, number):
    """Start a command, and send a signal after some seconds."""
    shutil.rmtree(folder / "tuned", ignore_errors=True)
    with subprocess.Popen(
        [*LLMCLI, *words.split()],
        cwd=folder,
        stdin=subprocess.PIPE if words.endswith("-") else subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        time.sleep(pause)
        began = time.monotonic()
        process.send_signal(number)
        process.wait(timeout=120)
        seconds = time.monotonic() - began
        errors = process.stderr.read()
    if "finetune" in words:  # its progress and its words about the checkpoint
        errors = errors if "Traceback" in errors else ""
    return process.returncode, errors, seconds


def prepare(folder):
    """The files that the commands read."""
    lines = [f"{number} {TEXT[number % 30 :]}" for number in range(2000)]
    (folder / "rows.txt").write_text("\n".join(lines) + "\n")
    (folder / "few.txt").write_text("\n".join(lines[:20]) + "\n")
    settings = '{"model_type": "gpt2", "n_layer": 1, "n_head": 1, "n_embd": 16, "n_positions": 32}'
    (folder / "tiny.json").write_text(settings)
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text("label,predicted\na,a\nb,a\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=["streams", "limits", "disks", "signals"])
    parser.add_argument("--moments", type=int, default=40)
    options = parser.parse_args()
    rows, failures = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        for kind in (streams, limits, disks, signals):
            if options.only not in (None, kind.__name__):
                continue
            for case in kind(folder, options.moments) if kind is signals else kind(folder):
                rows.append(case.row())
                failures += case.failures
                print(case.row(), *case.failures, sep="\n    ", flush=True)
    write_table(rows)
    sys.exit(1 if failures else 0)


HEAD = """# Faults

Written by `benchmarks/faults.py`, which says what a case is; a later run replaces its own rows.
Python itself, before any code of llmcli, refuses a folder as stdin (exit code 1).

| fault | expected exit code | observed (commands) | do not hold |
|---|---|---|---|
"""


def write_table(rows):
    """Add rows to faults.md, in the place of earlier ones of the same faults."""
    path = Path(__file__).with_suffix(".md")
    before = path.read_text(encoding="utf-8").removeprefix(HEAD) if path.exists() else ""
    table = {row.split("|")[1]: row for row in [*before.splitlines(), *rows]}
    path.write_text(HEAD + "\n".join(table.values()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
