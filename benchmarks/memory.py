"""The peak memory of llmcli on files of any size.

    python benchmarks/memory.py MODEL [--rows 1000 100000] [--megabytes 200]

`llmcli embed` with MODEL over made-up files: --rows short texts, then a file of --megabytes
with rows of 100 kB, cut to what the model takes. Prints the peak resident memory of each run
and what it is above the run with one row; exits with 1 if the last of --rows needs more than
1.1 times the first, or the large file more than 1 GB above one row.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORDS = "the cat sat on a mat and looked at the moon while one old dog ran far away".split()


def make_file(path, rows, words):
    draw = random.Random(0)
    with path.open("w") as file:
        for _ in range(rows):
            file.write(" ".join(draw.choices(WORDS, k=draw.randint(words // 10 + 1, words))) + "\n")


def peak(model, source, target):
    """Megabytes of resident memory at the most, and seconds."""
    words = ["embed", "-m", model, "-i", source, "-o", target, "-q", "--on-overflow", "truncate"]
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "llmcli", *map(str, words)])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"llmcli failed on {source}")
    return usage.ru_maxrss / 1024, time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--rows", type=int, nargs="*", default=[1000, 100_000])
    parser.add_argument("--megabytes", type=int, default=200)
    options = parser.parse_args()
    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.txt"), Path(folder, "out.jsonl")
        for rows in (1, *options.rows):
            make_file(source, rows, 40)
            peaks[rows], seconds = peak(options.model, source, target)
            size = source.stat().st_size / 1e6
            print(
                f"{rows:,} rows, {size:.1f} MB: peak {peaks[rows]:.0f} MB, {seconds:.0f} s",
                flush=True,
            )
        rows = options.megabytes * 10
        make_file(source, rows, 46_000)
        large, seconds = peak(options.model, source, target)
        size = source.stat().st_size / 1e6
    print(f"{rows:,} rows, {size:.0f} MB: peak {large:.0f} MB, {seconds:.0f} s")
    ratio = peaks[options.rows[-1]] / peaks[options.rows[0]]
    print(f"{options.rows[-1]:,} rows need {ratio:.2f} times the memory of {options.rows[0]:,}")
    print(f"the {size:.0f} MB file needs {large - peaks[1]:.0f} MB more than one row")
    sys.exit(ratio > 1.1 or large - peaks[1] > 1000)


if __name__ == "__main__":
    main()
