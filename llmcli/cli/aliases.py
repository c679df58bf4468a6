"""Names of other programs that mean exactly the same here, though --help does not list them.

What means something else has a hint in cli/hints.py, which names the right command or flag.
"""

from collections.abc import Callable, Iterable
from functools import partial

COMMANDS: dict[str, tuple[str, ...]] = {
    # ollama, llm, transformers, hf
    "list": ("models", "list"),
    "ls": ("models", "list"),
    "show": ("models", "show"),
    "pull": ("models", "pull"),
    "download": ("models", "pull"),
    "rm": ("models", "rm"),
    "remove": ("models", "rm"),
    "version": ("--version",),
    "prompt": ("generate",),
    "complete": ("generate",),
    # litgpt, LLaMA-Factory, spaCy
    "train": ("finetune",),
    "fine-tune": ("finetune",),
    "eval": ("evaluate",),
    "benchmark": ("bench",),
    "perplexity": ("evaluate", "--task", "causal-lm"),
    # the tasks of transformers' pipelines, and their short names
    "text-generation": ("generate",),
    "text-classification": ("classify",),
    "sentiment-analysis": ("classify",),
    "sentiment": ("classify",),
    "token-classification": ("tag",),
    "ner": ("tag",),
    "question-answering": ("answer",),
    "qa": ("answer",),
    "translation": ("translate",),
    "fill-mask": ("fill",),
    "feature-extraction": ("embed",),
}
"""What stands for the first word of a command line."""

SPELLINGS: dict[str, tuple[str, ...]] = {
    "n-predict": ("max-new-tokens",),  # llama.cpp
    "predict": ("max-new-tokens",),  # llama.cpp
    "num-predict": ("max-new-tokens",),  # ollama
    "repeat-penalty": ("repetition-penalty",),  # llama.cpp, ollama
    "beam-size": ("num-beams",),  # CTranslate2
    "system-prompt": ("system",),  # llama.cpp, mlx-lm
    "draft-model": ("assist",),  # mlx-lm
    "model-draft": ("assist",),  # llama.cpp
    "assistant-model": ("assist",),  # transformers
    "model-name-or-path": ("model",),  # transformers
    "pretrained-model-name-or-path": ("model",),
    "model-id": ("model",),
    "model-name": ("model",),
    "torch-dtype": ("dtype",),  # transformers
    "local-files-only": ("offline",),
    "top-k": ("top",),  # transformers' pipelines; a flag of its own where text is generated
    "candidate-labels": ("labels",),
    "aggregation-strategy": ("aggregation",),
    "source-lang": ("from-lang",),
    "src-lang": ("from-lang",),
    "target-lang": ("to-lang",),
    "tgt-lang": ("to-lang",),
    "text-column": ("column",),
    "text-column-name": ("column",),
    "dataset-text-field": ("column",),  # trl
    "label-column-name": ("label-column",),
    # transformers' training scripts, trl and peft
    "train-file": ("train",),
    "validation-file": ("eval",),
    "eval-file": ("eval",),
    "valid-file": ("eval",),
    "num-train-epochs": ("epochs",),
    "num-epochs": ("epochs",),
    "per-device-train-batch-size": ("batch-size",),
    "grad-accumulation-steps": ("gradient-accumulation-steps",),  # mlx-lm
    "max-seq-length": ("block-size",),
    "mlm-probability": ("mask-fraction",),
    "warmup-ratio": ("warmup",),
    "adam-beta2": ("beta2",),
    "label-smoothing-factor": ("label-smoothing",),
    "logging-steps": ("log-steps",),
    "early-stopping-patience": ("early-stopping",),
    "metric-for-best-model": ("best-metric",),
    "source-prefix": ("prefix",),
    "use-peft": ("lora",),
    "lora-r": ("lora-rank",),
    "lora-target-modules": ("lora-targets",),
    "lora-target": ("lora-targets",),
    "nproc-per-node": ("nproc",),  # torchrun
}
"""Flags that stand for the first of these that a command has."""

OF_A_FOLDER = {"output-dir": "output", "out-dir": "output"}
"""The same for a command whose output is a folder, not a file."""
OF_A_FILE = {"output-file": "output", "outfile": "output", "input-file": "input"}
"""The same for a command that reads and writes files of rows."""

LLAMA_CPP = {
    "-ngl": "--n-gpu-layers",
    "-hf": "--hf-repo",
    "-sys": "--system-prompt",
    "-md": "--model-draft",
    "-cnv": "--conversation",
    "-fa": "--flash-attn",
}
"""Its flags of several letters with one dash, which would be read as several flags."""


def expanded(words: list[str]) -> list[str]:
    """A command line with the command of another program replaced; `help CMD` is CMD --help.

    >>> expanded(["pull", "gpt2"]), expanded(["help", "models", "rm"])
    (['models', 'pull', 'gpt2'], ['models', 'rm', '--help'])
    """
    if not words:
        return words
    name = words[0].replace("_", "-")
    if name == "help":
        return [*expanded(words[1:]), "--help"]
    rest = [LLAMA_CPP.get(word, word) for word in words[1:]]
    return [*COMMANDS.get(name, words[:1]), *rest]


def speller(names: Iterable[str]) -> Callable[[str], str]:
    """The function that spells flags as a command with flags of these names does."""
    return partial(canonical, frozenset(names))


def canonical(names: frozenset[str], name: str) -> str:
    """The spelling of a flag that a command uses; both without dashes in front.

    names: the command's flags.

    >>> canonical(frozenset(["top-k", "repetition-penalty"]), "repeat_penalty")
    'repetition-penalty'
    """
    name = name.replace("_", "-")
    if name in names:
        return name
    more = OF_A_FOLDER if "train" in names else OF_A_FILE
    targets = SPELLINGS.get(name) or (more.get(name, name),)
    return next((target for target in targets if target in names), name)
