"""How long the shell waits before any model is there.

    python benchmarks/start.py [--rounds 9]

`llmcli --help` beside `transformers --help`, the claim; and what needs no torch beside `import
torch`. Whole processes, interleaved.
"""

import sys
from pathlib import Path

import common

OURS = {
    "llmcli --help": ["--help"],
    "llmcli generate --nonsense": ["generate", "--nonsense"],
    'llmcli tokenize "Once upon a time"': ["tokenize", "-q", "--ids", "Once upon a time"],
}
API = 'python -c "import llmcli"'
TORCH = 'python -c "import torch"'


def main() -> None:
    options = common.arguments(__doc__, rounds=9).parse_args()
    commands = {name: [sys.executable, "-m", "llmcli", *words] for name, words in OURS.items()}
    commands["transformers --help"] = [str(Path(sys.executable).parent / "transformers"), "--help"]
    commands[API] = common.script("import llmcli")
    commands[TORCH] = common.script("import torch")
    sides = common.measure_for(options, commands, {"llmcli generate --nonsense": 2})
    ours = sides["llmcli --help"]
    peer = "transformers --help"

    def helps() -> common.Check:
        good = all("Usage" in side.stdout for side in (ours, sides[peer]))
        return common.Check("both print their usage", good)

    rows = [common.row("llmcli --help", peer, ours, sides[peer], needed=15, check=helps)]
    rows += [common.row(name, TORCH, sides[name], sides[TORCH]) for name in (*OURS, API)]
    common.finish(options, rows)


if __name__ == "__main__":
    main()
