"""The transcripts of README.md: run them, compare them, write them anew.

    python -m tests.readme        rewrites the output below each `$ llmcli` line

A transcript is a ```console block: a line `$ command`, then what it prints, stdout and stderr
together. They run in an empty folder. A block that names one of the models below needs it: they
are looked for in the folder that LLMCLI_MODELS names, and the block is left out without them.

    minilm          sentence-transformers/all-MiniLM-L6-v2, without its modules.json
    opus-mt-en-fr   Helsinki-NLP/opus-mt-en-fr, converted to safetensors
    my-sentiment    minilm, fine-tuned on the sentence polarity data set
    my-squad        minilm, fine-tuned on 5,000 questions of SQuAD
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)


MODELS = ("minilm", "opus-mt-en-fr", "my-sentiment", "my-squad")


def models():
    """Folders of the models that are at hand, by name."""
    folder = os.environ.get("LLMCLI_MODELS")
    found = {name: Path(folder).resolve() / name for name in MODELS} if folder else {}
    return {name: path for name, path in found.items() if path.is_dir()}


def can_run(block):
    """True where all models that a block names are at hand."""
    named = {name for name in MODELS if f"-m {name} " in block}
    return named <= set(models())


def transcripts(text):
    """Yield (command, output) for each command of each block that can be run."""
    for block in filter(can_run, BLOCK.findall(text)):
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
        for name, path in models().items():
            Path(folder, name).symlink_to(path)
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
        if not can_run(match[1]):
            return match[0]
        commands = [line for line in match[1].splitlines() if line.startswith("$ ")]
        return "```console\n" + "".join(f"{line}\n{next(outputs)}" for line in commands) + "```"

    README.write_text(BLOCK.sub(renew, text))


if __name__ == "__main__":
    main()
