"""How long the shell waits for llmcli's own work, beside `import torch`, in one run.

    python benchmarks/startup.py [--runs 9]

Whole processes, interleaved; prints the median of each and its ratio to `import torch`.
"""

import argparse
import statistics
import subprocess
import sys
import time

COMMANDS = {
    'python -c "import torch"': [sys.executable, "-c", "import torch"],
    "llmcli --help": [sys.executable, "-m", "llmcli", "--help"],
    "llmcli generate --nonsense": [sys.executable, "-m", "llmcli", "generate", "--nonsense"],
    'llmcli tokenize "Once upon a time"': [
        *(sys.executable, "-m", "llmcli", "tokenize", "-q", "--ids", "Once upon a time")
    ],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    seconds = {name: [] for name in COMMANDS}
    for _ in range(options.runs + 1):  # the first one fills the disk cache, and is dropped
        for name, command in COMMANDS.items():
            began = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            seconds[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(times[1:]) for name, times in seconds.items()}
    torch = medians['python -c "import torch"']
    for name, median in medians.items():
        print(f"{median:7.3f} s  {median / torch:6.3f} of import torch  {name}")


if __name__ == "__main__":
    main()
