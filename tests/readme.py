"""The transcripts of README.md: run them, compare them, write them anew.

    python -m tests.readme        rewrites the output below each `$ llmcli` line

A transcript is a ```console block: a line `$ command`, then what it prints, stdout and stderr
together. They run in an empty folder, with the starters alone.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)


def transcripts(text):
    """Yield (command, output) for each command of each block."""
    for block in BLOCK.findall(text):
        parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
        for part in parts:
            command, _, output = part.partition("\n")
            yield command, output


def run_in_folder(commands):
    """Run commands one after another in one new folder; return what each prints."""
    environment = {**os.environ, "COLUMNS": "100", "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": ""}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    with tempfile.TemporaryDirectory() as folder:
        environment["HF_HOME"] = f"{folder}/hf"
        environment["LLMCLI_CACHE"] = f"{folder}/llmcli"
        for command in commands:
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            yield done.stdout


def main():
    """Write the outputs of all transcripts into README.md."""
    text = README.read_text()
    outputs = iter(list(run_in_folder([command for command, _ in transcripts(text)])))

    def renew(match):
        commands = [line for line in match[1].splitlines() if line.startswith("$ ")]
        return "```console\n" + "".join(f"{line}\n{next(outputs)}" for line in commands) + "```"

    README.write_text(BLOCK.sub(renew, text))


if __name__ == "__main__":
    main()
