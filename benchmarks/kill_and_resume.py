"""Kill llmcli at random moments, take its runs up again, and compare the bytes.

    python benchmarks/kill_and_resume.py --embed MINILM --translate OPUS [--classify M] [--answer M]
        [--kills 20] [--rows 2000]

Each named model's command runs over a made-up file once unbroken; then it is killed with
SIGKILL at random moments and started again with --resume until it comes through, so that the
kills are spread over all commands. Prints rows lost, rows doubled and whether the bytes are the
same; exits with 1 if anything is not as it should be. `generate` with both engines and, with the
starter model, `classify --labels` are always among the commands. Windows and batches are those of
ordinary runs, so that most kills fall inside a window, whose finished batches must be taken again.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORDS = "the cat sat on a mat and looked at the moon while one old dog ran far away".split()


def make_rows(path, count):
    draw = random.Random(0)
    with path.open("w") as file:
        for number in range(count):
            text = " ".join(draw.choices(WORDS, k=draw.randint(3, 60)))
            row = {"id": number, "question": "Where is the cat?", "context": text, "text": text}
            file.write(json.dumps(row) + "\n")


def llmcli(*words):
    return [sys.executable, "-m", "llmcli", *map(str, words), "-q"]


def commands(options):
    """Name, words and output format of each command, and how many times fewer rows it gets."""
    small = ["--batch-size", 2]
    drawn = ["generate", "-n", 8, "--temperature", 1, "--seed", 1, *small]
    yield "generate (torch)", [*drawn, "--engine", "torch"], "jsonl", 1
    yield "generate (ct2)", ["generate", "-n", 32, "--engine", "ct2"], "jsonl", 2
    yield "classify", ["classify"], "csv", 1
    yield "translate", ["translate", "-f", "en", "-t", "fr"], "jsonl", 8
    labels = ["classify", "-m", "gpt2-stories", "--labels", "good,bad"]
    yield "classify --labels", labels, "csv", 1
    if options.embed:
        yield "embed", ["embed", "-m", options.embed, *small], "npy", 1
    if options.translate:
        words = ["translate", "-m", options.translate, "--num-beams", 1, "--batch-size", 1]
        yield "translate", words, "jsonl", 8
    if options.classify:
        yield "classify", ["classify", "-m", options.classify, *small], "parquet", 1
    if options.answer:
        yield "answer", ["answer", "-m", options.answer, *small], "jsonl", 1


def kill_once(words, folder, draw):
    """Start a run, and kill it a while after it wrote something; False if it was done."""
    process = subprocess.Popen(words)
    before = written(folder)
    while process.poll() is None:
        if written(folder) > before:
            time.sleep(draw.random())
            break
        time.sleep(0.01)
    if process.poll() is not None:
        return False
    process.send_signal(signal.SIGKILL)
    process.wait()
    return True


def written(folder):
    """The size of the rows and of the outputs of batches that were written so far."""
    return sum(path.stat().st_size for path in folder.glob("out*.*") if is_kept(path))


def is_kept(path):
    return path.suffix in (".part", ".batches")


def rows_of(path):
    if path.suffix == ".jsonl":
        return [json.loads(line)["row"] for line in path.read_text().splitlines()]
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("embed", "translate", "classify", "answer"):
        parser.add_argument(f"--{name}", metavar="MODEL")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--rows", type=int, default=2000)
    options = parser.parse_args()
    draw, good = random.Random(0), True
    plan = list(commands(options))
    with tempfile.TemporaryDirectory() as folder:
        for at, (name, words, kind, slower) in enumerate(plan):
            count = options.rows // slower
            source = Path(folder, f"{at}.jsonl")
            make_rows(source, count)
            whole, target = Path(folder, f"whole{at}.{kind}"), Path(folder, f"out{at}.{kind}")
            run = [*words, "-i", source]
            subprocess.run(llmcli(*run, "-o", whole), check=True)
            wanted = (at + 1) * options.kills // len(plan) - at * options.kills // len(plan)
            kills, same = 0, True
            while kills < wanted:
                kills += kill_once(llmcli(*run, "-o", target, "--resume"), Path(folder), draw)
                if target.exists():  # it came through: compare it, and begin again
                    same &= target.read_bytes() == whole.read_bytes()
                    target.unlink()
            subprocess.run(llmcli(*run, "-o", target, "--resume"), check=True)
            same &= target.read_bytes() == whole.read_bytes()
            rows = rows_of(target)
            told = ""
            if rows is not None:
                lost = len(set(range(1, count + 1)) - set(rows))
                told = f", {lost} rows lost, {len(rows) - len(set(rows))} doubled"
            print(f"{name}: {count} rows, {kills} kills, same bytes: {same}{told}", flush=True)
            good &= same
    sys.exit(not good)


if __name__ == "__main__":
    main()
