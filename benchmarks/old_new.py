"""No command is slower than it was: the same commands by another tree and by this one.

    python benchmarks/old_new.py OLD_TREE [--only NAME ..] [--rounds 2] [--minutes 10] [--full]

OLD_TREE is another checkout, such as that of `git archive COMMIT | tar -x -C TREE`. The commands
are llmcli's own of the other scripts here, with fewer rows; --full takes as many as they do. Both
trees run each command as a whole process, in turns; each has a cache of its own, in which the first
round, which is dropped, converts and measures what it wants. The speed must be 0.97 of the old one
or more, the outputs must be the same: texts and labels in float32, cosines of 0.999 and more. Of
int8 and bfloat16, which may round otherwise, the share is told. No new command is begun after
--minutes; what was not run says so.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common
import encode
import prompts

NEEDED = 0.97
HERE = Path(__file__).resolve().parent.parent
SHORT = 1.5  # seconds of a command that is run in more rounds
TEXT = "One day, a girl named Lily went to the park with her mother and saw a big dog."
REPEATS = "def add(first, second):\n    return first + second\n\n\n" * 6


@dataclass(frozen=True)
class Command:
    """A command of llmcli's."""

    words: tuple[object, ...]
    output: str = ""
    """The suffix of the file that it writes; empty: it prints."""
    field: str = ""
    """Of a record, that must be the same; empty: all that is printed."""
    is_exact: bool = True
    """Computed in float32."""
    status: int = 0


def commands(options: argparse.Namespace, folder: Path) -> dict[str, Command]:
    """Every command by its name; the files that they read are written into `folder`."""
    models, data, full = options.models, options.data, options.full
    gpt2, marian = common.gpt2_124m(models), models / "opus-mt-en-fr"

    def rows(name: str, texts: list[str], **columns: Any) -> Path:
        return common.write_rows(folder / f"{name}.jsonl", texts, **columns)

    many = rows("prompts", prompts.prompts(data, 200 if full else 24))
    reviews = rows("reviews", encode.reviews(data, 600 if full else 60))
    stories = rows("stories", prompts.prompts(data, 1000 if full else 60))
    pairs = common.evenly(common.pairs(data / "tatoeba" / "eng-fra.tsv.xz"), 300 if full else 24)
    lines = rows("lines", [source for source, _ in pairs])
    train = folder / "train.jsonl"
    shown = common.compressed_lines(data / "imdb" / "reviews-4k.jsonl.xz")[: 64 if full else 16]
    train.write_text("\n".join(shown) + "\n", encoding="utf-8")
    cut = encode.CUT
    found = {
        "help": Command(("--help",)),
        "usage error": Command(("generate", "--nonsense"), status=2),
        "tokenize": Command(("tokenize", "-q", "--ids", TEXT)),
        "one shot, starter": Command(("generate", TEXT, "-n", 20, "-q")),
        "one shot, GPT-2 124M": Command(("generate", TEXT, "-m", gpt2, "-n", 20, "-q")),
        "one shot, GPT-2 124M, int8": Command(
            ("generate", TEXT, "-m", gpt2, "-n", 20, "-q", *common.INT8), is_exact=False
        ),
        "one prompt on torch": Command(
            ("generate", TEXT, "-m", gpt2, "-n", 60, "-q", "--engine", "torch")
        ),
        "one prompt on torch that repeats": Command(
            ("generate", REPEATS, "-m", gpt2, "-n", 60, "-q", "--engine", "torch")
        ),
        "one prompt sampled": Command(
            ("generate", TEXT, "-m", gpt2, "-n", 40, "-q", "--temperature", 0.8, "--seed", 1)
        ),
    }
    for name, dtype in (("float32", common.EXACT), ("int8", common.INT8)):
        exact = name == "float32"
        words = ("generate", "-m", gpt2, "-i", many, "-n", 32 if full else 16, *dtype)
        found[f"prompts, {name}"] = Command(words, ".jsonl", "text", exact)
        words = ("translate", "-m", marian, "-i", lines, "--num-beams", 4, *dtype)
        found[f"translate, {name}"] = Command(words, ".jsonl", "translation", exact)
    words = ("generate", "-m", gpt2, "-i", many, "-n", 16, "--engine", "torch", *common.EXACT)
    found["prompts on torch"] = Command(words, ".jsonl", "text")
    for name, dtype in (("auto", ()), ("float32", common.EXACT), ("int8", common.INT8)):
        exact = name != "int8"
        words = ("classify", "-m", models / "polarity", "-i", reviews, *cut, *dtype)
        found[f"classify, {name}"] = Command(words, ".jsonl", "label", exact)
        words = ("embed", "-m", models / "minilm", "-i", reviews, *cut, "--pooling", "mean", *dtype)
        found[f"embed, {name}"] = Command(words, ".npy", is_exact=exact)
    found |= {
        "score": Command(("score", "-i", stories), ".jsonl", "perplexity"),
        "fill": Command(("fill", "The [MASK] sat on the mat.", "-q")),
        "answer": Command(("answer", "Who sat?", "--context", "The cat sat.", "-q")),
    }
    for task, model in (("classification", models / "minilm"), ("causal-lm", "gpt2-stories")):
        words = ("finetune", "-m", model, "--task", task, "--train", train, "--epochs", 1)
        more = ("--eval-fraction", 0, "--save-steps", 10**6, "--batch-size", 8)
        columns = ("--label-column", "s") if task == "classification" else ()
        found[f"finetune, {task}"] = Command((*words, *more, *columns), "folder")
    return found


def of_tree(tree: Path, cache: Path, command: Command, target: Path | None) -> list[str]:
    """The command line that runs a command with the code of a tree."""
    words = ["env", f"PYTHONPATH={tree}", f"LLMCLI_CACHE={cache}", sys.executable, "-m", "llmcli"]
    words += map(str, command.words)
    if target is None:
        return words
    words += ["-o", str(target), "-q"]
    if command.output != "folder":
        return words
    return ["bash", "-c", 'rm -rf "$0" && exec "$@"', str(target), *words]


def compared(
    options: argparse.Namespace, folder: Path, name: str, command: Command
) -> dict[str, Any]:
    """The row of one command."""
    sides, targets, lines = {}, {}, {}
    for side, tree in (("old", options.old), ("new", HERE)):
        target = folder / f"{side}{command.output}" if command.output else None
        targets[side] = target
        lines[side] = of_tree(tree, folder / f"cache-{side}", command, target)
    statuses = dict.fromkeys(lines, command.status)
    sides = common.measure(lines, 1, statuses=statuses)  # after a round that is dropped
    rounds = options.rounds
    if all(side.runs and side.runs[0].seconds < SHORT for side in sides.values()):
        rounds = 4 * rounds
    more = common.measure(lines, rounds - 1, warm=False, statuses=statuses)
    for side in sides:
        sides[side].runs += more[side].runs
        sides[side].error = sides[side].error or more[side].error

    def check() -> common.Check:
        return same(command, *((sides[side].stdout, targets[side]) for side in ("new", "old")))

    return common.row(name, "the old tree", sides["new"], sides["old"], needed=NEEDED, check=check)


def same(
    command: Command, ours: tuple[str, Path | None], theirs: tuple[str, Path | None]
) -> common.Check:
    """Whether two outputs are what they should be to one another."""
    (said, path), (expected, before) = ours, theirs
    needed = 1.0 if command.is_exact else None
    if path is None or before is None:
        return (
            common.Check("not compared")
            if command.status
            else common.same_words(said, expected, needed)
        )
    if command.output == ".npy":
        least, count = encode.least_cosine(path, before)
        good = least >= 0.999 if command.is_exact else None
        return common.Check(f"{count} vectors, smallest cosine {least:.6f}", good)
    if command.output == "folder":
        losses = [_last_loss(folder) for folder in (path, before)]
        good = abs(losses[0] - losses[1]) <= 0.1 * losses[1]
        return common.Check(f"last losses {losses[0]:.3f} and {losses[1]:.3f}", good)
    values = [_values(file, command.field) for file in (path, before)]
    return common.same_texts(*values, needed)


def _values(path: Path, field: str) -> list[str]:
    return [json.dumps(value, sort_keys=True) for value in common.read_column(path, field)]


def _last_loss(folder: Path) -> float:
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    losses = [record["loss"] for record in map(json.loads, lines) if "loss" in record]
    return float(losses[-1])


def measured(options: argparse.Namespace, folder: Path, began: float) -> Iterator[dict[str, Any]]:
    """The rows of all commands; each is printed as soon as it is known."""
    for name, command in commands(options, folder).items():
        if options.only and name not in options.only:
            continue
        if time.perf_counter() - began > 60 * options.minutes:
            side = common.Side(error=f"not begun after {options.minutes:g} minutes")
            yield common.row(name, "the old tree", side, side)
            continue
        row = compared(options, folder, name, command)
        ratio = row["ratio"] or 0.0
        print(f"== {name}: {ratio:.2f}, {row['outputs']}", file=sys.stderr, flush=True)
        yield row


def main() -> None:
    parser = common.arguments(__doc__, rounds=2)
    parser.add_argument("old", type=Path, metavar="OLD_TREE")
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--full", action="store_true", help="as many rows as the other scripts")
    options = parser.parse_args()
    if not (options.old / "llmcli").is_dir():
        parser.error(f"{options.old} holds no llmcli")
    options.old = options.old.resolve()
    os.environ.pop("LLMCLI_CALIBRATION", None)
    began = time.perf_counter()
    options.models, options.data = options.models.resolve(), options.data.resolve()
    options.json = options.json and options.json.resolve()
    with tempfile.TemporaryDirectory() as temporary:
        os.chdir(temporary)  # Python looks for modules in the current folder first
        rows = list(measured(options, Path(temporary), began))
    common.finish(options, rows)


if __name__ == "__main__":
    main()
