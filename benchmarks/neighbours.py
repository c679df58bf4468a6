"""One prompt on torch beside busy neighbours, and a training, against the same without them.

    python benchmarks/neighbours.py [--neighbours 2] [--tokens 60] [--spins 1000 300000]

Each side is a whole process of llmcli's. A neighbour is a process that computes all the time; it
runs for as long as the command does. With as many neighbours as cores, half of the processor is
left: twice the time is what a program takes whose threads lose nothing by waiting for one another.
--spins runs the same with other values of GOMP_SPINCOUNT, which llmcli sets where the user does
not: how long a thread of OpenMP spins before it sleeps (libgomp's own: 300000). The text must be
that of the idle side.
"""

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import common

BESIDE = """
import os, subprocess, sys, tempfile

count, spins, *command = sys.argv[1:]
folder = tempfile.TemporaryDirectory()
command = [word.replace("NEW", folder.name + "/model") for word in command]
if spins:
    os.environ["GOMP_SPINCOUNT"] = spins
work = [sys.executable, "-S", "-c", "while True: pass"]
neighbours = [subprocess.Popen(work) for _ in range(int(count))]
try:
    code = subprocess.run(command).returncode
finally:
    for process in neighbours:
        process.kill()
        process.wait()
sys.exit(code)
"""
TEXT = "One day, a girl named Lily went to the park with her mother and saw a big dog."
STORY = "One day, a girl named {} went to the park with her mother and saw a big dog."
PEER = "the same, idle"


def main() -> None:
    parser = common.arguments(__doc__)
    parser.add_argument("--neighbours", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=60)
    parser.add_argument("--steps", type=int, default=8, help="of the training; 0: none")
    parser.add_argument("--spins", nargs="*", default=[], help="values of GOMP_SPINCOUNT to add")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        common.finish(options, measured(options, Path(folder)))


def measured(options, folder: Path) -> list[dict]:
    """A row for each work and each way to wait."""
    works = {name: command for name, command in works_of(options, folder).items() if command}
    spins = ["", *options.spins]
    commands = {
        name(work, spin, count): common.script(BESIDE, count, spin, *command)
        for work, command in works.items()
        for spin in spins
        for count in (0, options.neighbours)
    }
    sides = common.measure_for(options, commands)
    rows = []
    for work in works:
        for spin in spins:
            busy, idle = (sides[name(work, spin, count)] for count in (options.neighbours, 0))

            def check(busy=busy, idle=idle, work=work) -> common.Check:
                if work == "finetune":
                    return common.Check("none")
                said, expected = (json.loads(side.stdout)[0]["text"] for side in (busy, idle))
                return common.same_words(said, expected)

            claim = name(work, spin, options.neighbours)
            needed = 0.5 if work != "finetune" and not spin else None
            rows.append(common.row(claim, PEER, busy, idle, needed=needed, check=check))
    return rows


def works_of(options, folder: Path) -> dict[str, list[str] | None]:
    """One prompt, and a short training, both on torch."""
    tokens, steps = (4, 1) if options.quick else (options.tokens, options.steps)
    model = common.gpt2_124m(options.models)
    names = [f"Lily{number}" for number in range(64)]
    stories = common.write_rows(folder / "stories.jsonl", [STORY.format(each) for each in names])
    engine = [] if options.engine else ["--engine", "torch"]
    prompt = ("generate", TEXT, "-m", model, "-n", tokens, "--json", "-q", *engine)
    training = ("finetune", stories, "-m", model, "-o", "NEW", "--max-steps", steps, "-q")
    return {
        "one prompt": common.llmcli(options, *prompt),
        "finetune": common.llmcli(replaced(options), *training) if steps else None,
    }


def replaced(options):
    """The options for a command that has no --engine."""
    return argparse.Namespace(**{**vars(options), "engine": None})


def name(work: str, spin: str, count: int) -> str:
    """What is measured, in words."""
    waiting = f", GOMP_SPINCOUNT={spin}" if spin else ""
    return f"{work} on torch{waiting}, {count} busy neighbours" if count else f"{work}{waiting}"


if __name__ == "__main__":
    main()
