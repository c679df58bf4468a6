"""What the benchmarks share: whole processes side by side, checks of what they wrote, a table.

    python benchmarks/common.py OUT RESULTS.json..     merges results into OUT/results.{json,md}

How is measured. Both sides of a claim run as whole processes in one run, round by round, in an
order that turns around each round; the median of the rounds counts, and the range of the ratio
over the rounds is told. A first round, which fills the disk cache and lets llmcli convert a model,
is dropped. Time is taken outside, by the same clock for both: no program is asked how fast it was.
What is left without start-up and loading is a difference of two whole processes, for both sides
alike: the same command with much work, and with little.

Peak memory is what the kernel says of the child (wait4). Linux counts in the memory of whoever
started it, from the moment between fork and exec, so a process of a few megabytes does that.
Threads are left to each side's own choice, or to OMP_NUM_THREADS for both.
"""

import argparse
import importlib.metadata
import json
import lzma
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "shared" / "data"
MODELS = Path("/tmp/models")
PACKAGES = ("llmcli", "torch", "transformers", "ctranslate2", "tokenizers", "numpy")
ENVIRONMENT = {**os.environ, "HF_HUB_OFFLINE": "1"}
# pip leaves the peers' bytecode behind; the dropped round writes llmcli's, where it is installed
# from a checkout.
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)
EXACT = ("--dtype", "float32")
INT8 = ("--dtype", "int8")

Command = Sequence[str]


def arguments(doc: str | None, *, rounds: int = 5) -> argparse.ArgumentParser:
    """The options of every script."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--quick", action="store_true", help="a check of the script, no proof")
    parser.add_argument("--models", type=Path, default=MODELS, metavar="DIR")
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR")
    parser.add_argument("--engine", help="for llmcli; left out, llmcli chooses")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there too")
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"load average {load:.1f}: something else runs, times tell little", file=sys.stderr)
    parser.set_defaults(load=load)
    return parser


def llmcli(options: argparse.Namespace, *words: object) -> list[str]:
    """A command of llmcli's, as a user would type it."""
    engine = ["--engine", options.engine] if options.engine else []
    return [sys.executable, "-m", "llmcli", *map(str, words), *engine]


def script(code: str, *words: object, python: str | Path = sys.executable) -> list[str]:
    """A script as a whole process."""
    return [str(python), "-c", code, *map(str, words)]


# --- measuring ---


@dataclass(frozen=True)
class Run:
    """One whole process."""

    seconds: float
    peak: float
    """Megabytes (10^6 bytes) of resident memory, at the most."""
    stdout: str


class ProcessFailed(Exception):
    """A side could not do its work; says why in one line."""


LAUNCHER = """
import json, os, sys, time
report, *command = sys.argv[1:]
began = time.perf_counter()
process = os.posix_spawnp(command[0], command, os.environ)
_, status, usage = os.wait4(process, 0)
seconds = time.perf_counter() - began
with open(report, "w") as file:
    json.dump([seconds, usage.ru_maxrss, os.waitstatus_to_exitcode(status)], file)
"""


def run_once(command: Command, status: int = 0) -> Run:
    """Run a command to its end. Raises ProcessFailed with the last line of its stderr.

    status: with which it is to end.
    """
    with tempfile.TemporaryDirectory() as folder:
        report, out, err = (Path(folder, name) for name in ("report", "out", "err"))
        launcher = [sys.executable, "-S", "-c", LAUNCHER, str(report), *command]
        with out.open("wb") as stdout, err.open("wb") as stderr:
            subprocess.run(launcher, stdout=stdout, stderr=stderr, env=ENVIRONMENT)
        lines = err.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        if not report.exists():  # it could not be started
            raise ProcessFailed(lines[-1] if lines else "could not be started")
        seconds, peak, ended = json.loads(report.read_text())
        if ended != status:
            raise ProcessFailed(lines[-1] if lines else f"exit status {ended}")
        unit = 1 if sys.platform == "darwin" else 1024
        text = out.read_text(encoding="utf-8", errors="replace")
        return Run(seconds, peak * unit / 1e6, text)


@dataclass
class Side:
    """The runs of one command, in the order of the rounds."""

    runs: list[Run] = field(default_factory=list)
    error: str | None = None

    @property
    def seconds(self) -> list[float]:
        return [run.seconds for run in self.runs]

    @property
    def peak(self) -> float | None:
        return max((run.peak for run in self.runs), default=None)

    @property
    def stdout(self) -> str:
        return self.runs[-1].stdout if self.runs else ""


def measure(
    commands: Mapping[str, Command],
    rounds: int,
    *,
    warm: bool = True,
    statuses: Mapping[str, int] | None = None,
) -> dict[str, Side]:
    """Run each command once a round, interleaved; a command that fails is left out from then on.

    statuses: with which commands are to end, where it is not 0.
    """
    sides = {name: Side() for name in commands}
    for number in range(rounds + warm):
        order = list(commands) if number % 2 == 0 else list(commands)[::-1]
        for name in order:
            side = sides[name]
            if side.error is not None:
                continue
            try:
                run = run_once(commands[name], (statuses or {}).get(name, 0))
            except ProcessFailed as error:
                side.error, side.runs = str(error), []
                print(f"{name}: {error}", file=sys.stderr, flush=True)
                continue
            told = "warm-up" if warm and number == 0 else f"round {number + 1 - warm}"
            print(
                f"{told}  {name}: {run.seconds:.2f} s, {run.peak:.0f} MB",
                file=sys.stderr,
                flush=True,
            )
            if told != "warm-up":
                side.runs.append(run)
    return sides


def measure_for(
    options: argparse.Namespace,
    commands: Mapping[str, Command],
    statuses: Mapping[str, int] | None = None,
) -> dict[str, Side]:
    """Measure as the options say: --quick is one round without a warm-up."""
    rounds = 1 if options.quick else options.rounds
    return measure(commands, rounds, warm=not options.quick, statuses=statuses)


def less(long: Side, short: Side) -> Side:
    """What the long command took above the short one, round by round; its memory is the long's."""
    if long.error or short.error:
        return Side(error=long.error or short.error)
    pairs = zip(long.runs, short.runs, strict=True)
    return Side([Run(a.seconds - b.seconds, a.peak, a.stdout) for a, b in pairs])


# --- checking ---


@dataclass(frozen=True)
class Check:
    """What was compared of the outputs, and whether it is as it should be; None: not asked for."""

    told: str
    good: bool | None = None


def same_texts(ours: Sequence[str], theirs: Sequence[str], needed: float | None = 1.0) -> Check:
    """How many texts are the same; needed: the share that must be, or None."""
    if len(ours) != len(theirs):
        return Check(f"{len(ours)} texts here, {len(theirs)} there", False)
    same = sum(a.strip() == b.strip() for a, b in zip(ours, theirs, strict=True))
    good = None if needed is None else same >= needed * len(theirs)
    return Check(f"{same} of {len(theirs)} texts the same", good)


def same_words(ours: str, theirs: str, needed: float | None = 1.0) -> Check:
    """Whether one text is the same, else where it parts."""
    if ours.strip() == theirs.strip():
        return Check("same text", None if needed is None else True)
    pairs = enumerate(zip(ours.split(), theirs.split(), strict=False))
    at = next((at for at, (a, b) in pairs if a != b), "the end")
    return Check(f"texts part at word {at}", None if needed is None else False)


# --- the table ---


def row(
    claim: str,
    peer: str,
    ours: Side,
    theirs: Side,
    *,
    amount: float | None = None,
    unit: str = "s",
    needed: float | None = None,
    check: Callable[[], Check] | None = None,
    memory: bool = False,
) -> dict[str, Any]:
    """One line of the table.

    amount: of `unit`s of work that the seconds are for, which makes rates of them; the ratio is
    how many times faster llmcli is either way. check: called only if both sides ran.
    memory: llmcli must not need more of it, either.
    """
    values = [_values(side, amount) for side in (ours, theirs)]
    found: dict[str, Any] = {
        "script": Path(sys.argv[0]).stem,
        "claim": claim,
        "peer": peer,
        "unit": f"{unit}/s" if amount is not None else "s",
        "ours": statistics.median(values[0]) if values[0] else None,
        "theirs": statistics.median(values[1]) if values[1] else None,
        "ratio": None,
        "ratios": [],
        "needed": needed,
        "agrees": None,
        "memory": memory,
        "our_peak_mb": ours.peak,
        "their_peak_mb": theirs.peak,
        "rounds": min(len(ours.runs), len(theirs.runs)),
    }
    if any(value and statistics.median(value) <= 0 for value in values):
        found["outputs"] = "no result: the difference is lost in noise"
        found["holds"] = False
    elif values[0] and values[1]:
        ratios = [b / a for a, b in zip(ours.seconds, theirs.seconds, strict=True)]
        found["ratio"] = statistics.median(theirs.seconds) / statistics.median(ours.seconds)
        found["ratios"] = ratios
        checked = check() if check is not None else Check("none")
        found["outputs"] = checked.told
        found["agrees"] = checked.good
        found["holds"] = holds(found)
    else:
        side, error = ("llmcli", ours.error) if ours.error else (peer, theirs.error)
        found["outputs"] = f"not run: {side}: {error}"
        found["holds"] = None
    return found


def holds(found: Mapping[str, Any]) -> bool | None:
    """Whether a row with a ratio is as it should be; None if nothing was asked of it."""
    verdicts = [found["agrees"]]
    if found["needed"] is not None:
        verdicts.append(found["ratio"] >= found["needed"])
    peaks = found["our_peak_mb"], found["their_peak_mb"]
    if found["memory"] and None not in peaks:
        verdicts.append(peaks[0] <= peaks[1])
    known = [one for one in verdicts if one is not None]
    return all(known) if known else None


def _values(side: Side, amount: float | None) -> list[float]:
    return side.seconds if amount is None else [amount / one for one in side.seconds]


def finish(options: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    """Print the rows, write them where --json says, and exit with 1 if a claim does not hold."""
    about = {
        "date": time.strftime("%Y-%m-%d"),
        "quick": options.quick,
        "load": options.load,
        "machine": machine(),
    }
    rows = [{**one, **about} for one in rows]
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(table(rows), end="")
    sys.exit(not options.quick and any(one["holds"] is False for one in rows))


def machine() -> dict[str, Any]:
    """Where this runs, with what."""
    about = _describe()
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return {
        **about,
        "python": sys.version.split()[0],
        "versions": versions,
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
    }


def _describe() -> dict[str, Any]:
    from llmcli.system.machine import __file__ as package
    from llmcli.system.machine import describe

    command = ["git", "-C", str(Path(package).parent), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:  # no git
        return {**asdict(describe()), "commit": None}
    return {**asdict(describe()), "commit": done.stdout.strip() or None}


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows in Markdown, with the machines that they were measured on below."""
    machines: list[Any] = []
    lines = [
        "| claim | peer | llmcli | peer | ratio (range) | needed | holds | outputs "
        "| peak MB, llmcli | peak MB, peer | rounds | date | on |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in rows:
        if one["machine"] not in machines:
            machines.append(one["machine"])
        holds = {True: "yes", False: "**no**", None: ""}[one["holds"]]
        ratio = ""
        if one["ratio"] is not None:
            ratio = f"{one['ratio']:.2f} ({min(one['ratios']):.2f}-{max(one['ratios']):.2f})"
        cells = [
            one["claim"],
            one["peer"],
            _number(one["ours"], one["unit"]),
            _number(one["theirs"], one["unit"]),
            ratio,
            "" if one["needed"] is None else f"{one['needed']:g}",
            "quick" if one["quick"] else holds,
            one["outputs"],
            _number(one["our_peak_mb"]),
            _number(one["their_peak_mb"]),
            str(one["rounds"]),
            one["date"],
            str(machines.index(one["machine"]) + 1),
        ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    lines.append("")
    lines += [f"{at}. {_told(one)}" for at, one in enumerate(machines, 1)]
    return "\n".join(lines) + "\n"


def _number(value: float | None, unit: str | None = None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if unit is None else f"{value:.3g} {unit}"


def _told(about: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {what}" for name, what in about["versions"].items())
    flags = " ".join(about["instructions"]) or "no special instructions"
    memory = f"{about['memory'] / 1e9:.0f} GB" if about["memory"] else "unknown memory"
    threads = about["omp_num_threads"]
    if about["commit"]:
        versions = versions.replace(", ", f" at {about['commit']}, ", 1)
    return (
        f"{about['cpu']}, {about['cores']} cores, {flags}, {memory}; Python {about['python']}, "
        f"{versions}" + (f"; OMP_NUM_THREADS={threads}" if threads else "")
    )


# --- models and texts ---


def starter(name: str) -> Path:
    """The folder of a model that comes with the package that the child processes import."""
    code = "import llmcli; print(llmcli.__path__[0])"
    return Path(run_once(script(code)).stdout.strip(), "starter", name)


GPT2 = """
import shutil, sys, torch
from transformers import GPT2Config, GPT2LMHeadModel
tokenizer, folder = sys.argv[1:]
torch.manual_seed(0)
GPT2LMHeadModel(GPT2Config()).save_pretrained(folder)
for name in ("tokenizer.json", "tokenizer_config.json"):
    shutil.copy(f"{tokenizer}/{name}", folder)
"""


def gpt2_124m(models: Path) -> Path:
    """A folder with GPT-2 of 124M parameters: `gpt2` if it is there, else random weights.

    The random ones are drawn once, from the same seed, and kept as `gpt2-random`. With weights
    that no one trained, greedy text is a poor proof: most of it repeats. It tells the speed.
    """
    if (models / "gpt2" / "model.safetensors").exists():
        return models / "gpt2"
    folder = models / "gpt2-random"
    if not (folder / "model.safetensors").exists():
        run_once(script(GPT2, models / "gpt2-tokenizer", folder))
    return folder


def compressed_lines(path: Path) -> list[str]:
    """The lines of a text file that may be compressed by xz."""
    opener = lzma.open if path.suffix == ".xz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file]


def write_rows(path: Path, texts: Sequence[str], **columns: Any) -> Path:
    """A .jsonl file with a field `text`."""
    with path.open("w", encoding="utf-8") as file:
        for text in texts:
            file.write(json.dumps({"text": text, **columns}, ensure_ascii=False) + "\n")
    return path


def read_column(path: Path, name: str) -> list[Any]:
    """A field of a .jsonl file; empty if the file is not there."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as file:  # JSON may hold other line ends, which are none here
        return [json.loads(line)[name] for line in file]


def pairs(path: str | Path) -> list[tuple[str, list[str]]]:
    """Each first text of a .tsv[.xz] file, once, with all its second texts."""
    found: dict[str, list[str]] = {}
    for line in compressed_lines(Path(path)):
        source, target = line.split("\t")[:2]
        found.setdefault(source, []).append(target)
    return list(found.items())


def evenly(found: Sequence[Any], count: int) -> list[Any]:
    """So many of them, from the first to the last."""
    step = max(1, len(found) // max(1, count))
    return list(found[::step][:count])


def merge(folder: Path, sources: Sequence[Path]) -> None:
    """Put new rows into results.json in place of older ones of the same scripts; write the table.

    Rows of scripts that did not run now stay, with their own date and machine.
    """
    kept = folder / "results.json"
    rows = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else []
    new = [one for path in sources for one in json.loads(path.read_text(encoding="utf-8"))]
    names = {one["script"] for one in new}
    rows = [one for one in rows if one["script"] not in names] + new
    kept.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    text = "# llmcli and its peers\n\nWritten by `benchmarks/run`; common.py says how.\n\n"
    (folder / "results.md").write_text(text + table(rows), encoding="utf-8")


if __name__ == "__main__":
    merge(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
