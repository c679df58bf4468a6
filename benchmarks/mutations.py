"""Change every value and every file of a model's folder, and count what llmcli makes of it.

    python benchmarks/mutations.py [--kind causal] [--file config.json] [--share 0.1] [--failures F]

Six kinds of folder, tiny models of random weights: a causal one (on both engines), a masked one,
an encoder-decoder, one of sentence-transformers, an adapter, and what finetune writes (its result,
and a checkpoint to resume from). In each, every value of every metadata file is replaced in turn
by each of 13 hostile ones and deleted, and every file is cut, emptied, removed, made a directory,
a FIFO, or a link. A case is held where the command
- ends with the sound model's answer, or with the one that transformers (peft,
  sentence-transformers) gives from the same folder, or
- refuses in one line with a documented exit code,
and touches no file outside. All else is a failure: a traceback, another answer, more lines, a
command that does not end. Writes a table to mutations.md beside this file, unless only a part ran;
--failures FILE: each failure as a line of JSON. Exits with 1 if there is one. The cases run in
this program's processes (--processes) one after another; tests/mutations/ holds how. Of kinds whose
cases take seconds each, a part is drawn, always the same one.
"""

import argparse
import json
import os
import queue
import random
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).resolve().parent
os.environ["OMP_NUM_THREADS"] = "1"  # one way to add, in every process
sys.path.insert(0, str(HERE.parent))
from tests.mutations.folders import KINDS, make_all  # noqa: E402
from tests.mutations.judge import GOOD  # noqa: E402
from tests.mutations.mutate import mutations  # noqa: E402

LIMIT = 30  # seconds for one case; the slowest sound one takes 2
NO_END = "did not end"
DIED = "the process died"
HEAD = """# Mutated model folders

`python benchmarks/mutations.py`: every value of every metadata file of a folder replaced by
hostile ones and deleted, every file damaged, {count:,} cases. Held: the sound model's answer, the
answer that transformers (peft, sentence-transformers) gives from the same folder, or a refusal in
one line with a documented exit code; no file outside is touched.
"""


class Worker:
    """A process that judges cases of one kind; started again when it died or was stopped."""

    def __init__(self, work: Path, kind: str) -> None:
        self.work, self.kind, self.process = work, kind, None

    def judge(self, number: int) -> tuple[str, str]:
        """The verdict on one case."""
        if self.process is None:
            self._start()
        assert self.process is not None
        try:
            self.process.stdin.write(f"{number}\n")
            self.process.stdin.flush()
            verdict = self._line()
        except BrokenPipeError:
            verdict = (DIED, "")
        if verdict[0] in (NO_END, DIED):
            self.stop()
        return verdict

    def _start(self) -> None:
        environment = {
            **os.environ,
            "HF_HUB_OFFLINE": "1",
            "LLMCLI_CACHE": str(self.work / "cache"),
            "XDG_CONFIG_HOME": str(self.work / "no-config"),
            "PYTHONPATH": str(HERE.parent),
        }
        command = [sys.executable, "-m", "tests.mutations.worker", str(self.work), self.kind]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
            start_new_session=True,
        )
        ready = self._line()
        if ready[0] != "ready":
            sys.exit(f"{self.kind}: no sound answer: {ready}")

    def _line(self) -> tuple[str, str]:
        if not select.select([self.process.stdout], [], [], LIMIT)[0]:
            return NO_END, f"after {LIMIT} s"
        line = self.process.stdout.readline()
        if line:
            return tuple(json.loads(line))
        code = self.process.wait()
        return DIED, f"exit status {code}"

    def stop(self) -> None:
        """End the process, and those that it has started."""
        if self.process is not None:
            with suppress(ProcessLookupError):  # it has died
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


def main() -> None:
    """Run the cases, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", action="append", help="only this kind")
    parser.add_argument("--file", help="only cases of files whose name ends so")
    parser.add_argument("--share", type=float, default=1.0, help="of what a whole run takes")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--failures", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        os.environ["LLMCLI_CACHE"] = str(work / "cache")
        make_all(work / "sound")
        names = [kind.name for kind in KINDS if kind.name in (options.kind or kind.name)]
        counts, failures = {}, []
        for name in names:
            counts[name] = _campaign(work, name, options, failures)
            print(name, dict(counts[name]), file=sys.stderr, flush=True)
    if options.failures:
        options.failures.write_text("".join(json.dumps(one) + "\n" for one in failures))
    table = _table(counts)
    print(table)
    if options.share == 1 and not options.kind and not options.file:
        total = sum(sum(counter.values()) for counter in counts.values())
        (HERE / "mutations.md").write_text(HEAD.format(count=total) + "\n" + table)
    sys.exit(bool(failures))


def _campaign(work, name, options, failures):
    """Judge the cases of one kind in a few processes; a count of each verdict."""
    kind = next(kind for kind in KINDS if kind.name == name)
    cases = list(mutations(work / "sound" / kind.folder))
    draw, share = random.Random(0), options.share * kind.share
    waiting = queue.SimpleQueue()
    for number, case in enumerate(cases):
        if (not options.file or case.file.endswith(options.file)) and draw.random() < share:
            waiting.put(number)
    counter, seconds = Counter(), []

    def work_off():
        worker = Worker(work, name)
        while True:
            try:
                number = waiting.get_nowait()
            except queue.Empty:
                break
            began = time.monotonic()
            verdict, why = worker.judge(number)
            seconds.append(time.monotonic() - began)
            counter[verdict] += 1
            if verdict not in GOOD:
                failures.append([name, str(cases[number]), verdict, why])
        worker.stop()

    threads = [threading.Thread(target=work_off) for _ in range(options.processes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{name}: {len(seconds)} cases, {sum(seconds):.0f} s in all", file=sys.stderr)
    return counter


def _table(counts):
    verdicts = [*GOOD, *sorted({each for counter in counts.values() for each in counter} - {*GOOD})]
    lines = [
        "| kind | cases | " + " | ".join(verdicts) + " |",
        "|---" * (2 + len(verdicts)) + "|",
    ]
    for name, counter in counts.items():
        cells = [name, f"{sum(counter.values()):,}", *(f"{counter[each]:,}" for each in verdicts)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
