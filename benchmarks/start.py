"""How long the shell waits before any model is there.

    python benchmarks/start.py [--rounds 9]

`llmcli --help` beside `transformers --help` and beside Python itself, which does nothing: the
claims; and what needs no torch beside `import torch`. Then each command that runs a model, on one
text. Whole processes, interleaved.
"""

import sys
from pathlib import Path

import common

LIGHT = {
    "llmcli --help": ["--help"],
    "llmcli generate --nonsense": ["generate", "--nonsense"],
    "llmcli models list": ["models", "list"],
    'llmcli tokenize "Once upon a time"': ["tokenize", "-q", "--ids", "Once upon a time"],
}
"""What runs no model, and has no engine."""
ONE_TEXT = {
    "llmcli classify, one text": ["classify", "-q", "What a wonderful film!"],
    "llmcli translate, one sentence": ["translate", "-q", "-f", "en", "-t", "fr", "A cat sleeps."],
    "llmcli generate, one token": ["generate", "-q", "-n", 1, "Once upon a time"],
}
LARGE = ("generate", "-q", "-n", 1, "Once upon a time", "--dtype")
API = 'python -c "import llmcli"'
WRONG = "llmcli generate --nonsense"
TORCH = 'python -c "import torch"'
PYTHON = "python -c ''"
SLOWER = 2.5  # times that --help may take as long as Python itself


def main() -> None:
    options = common.arguments(__doc__, rounds=9).parse_args()
    gpt2 = common.gpt2_124m(options.models)
    large = {f"llmcli generate, GPT-2 124M, {kind}": [*LARGE, kind] for kind in ("float32", "int8")}
    running = ONE_TEXT | {name: [*words, "-m", gpt2] for name, words in large.items()}
    commands = {name: [sys.executable, "-m", "llmcli", *words] for name, words in LIGHT.items()}
    commands |= {name: common.llmcli(options, *words) for name, words in running.items()}
    commands[PYTHON] = common.script("")
    commands["transformers --help"] = [str(Path(sys.executable).parent / "transformers"), "--help"]
    commands[API] = common.script("import llmcli")
    commands[TORCH] = common.script("import torch")
    sides = common.measure_for(options, commands, {WRONG: 2})
    help_side = sides["llmcli --help"]
    peer = "transformers --help"

    def helps() -> common.Check:
        good = all("Usage" in side.stdout for side in (help_side, sides[peer]))
        return common.Check("both print their usage", good)

    rows = [common.row("llmcli --help", peer, help_side, sides[peer], needed=15, check=helps)]
    python = sides[PYTHON]
    rows.append(common.row("llmcli --help", PYTHON, help_side, python, needed=1 / SLOWER))
    rows += [common.row(name, TORCH, sides[name], sides[TORCH]) for name in (*LIGHT, *running, API)]
    common.finish(options, rows)


if __name__ == "__main__":
    main()
