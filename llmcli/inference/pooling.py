"""Pooling of token states into one vector per text, and its settings in a checkpoint.

Embedding checkpoints list their steps in modules.json, in the format of sentence-transformers:
the transformer, a pooling, and optionally linear layers and a normalization.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from llmcli.arrays import Floats, Integers
from llmcli.errors import ModelUnsuitable
from llmcli.models.checkpoint import Checkpoint, pickle_refused, read_json
from llmcli.models.safetensors import Tensors

Step = Callable[[Floats], Floats]

# The names in sentence-transformers, in the order in which it concatenates several poolings.
MODES = {
    "cls_token": "cls",
    "max_tokens": "max",
    "mean_tokens": "mean",
    "mean_sqrt_len_tokens": "mean_sqrt_len",
    "weightedmean_tokens": "weighted_mean",
    "lasttoken": "last",
}


@dataclass(frozen=True, slots=True)
class Pooling:
    """How a checkpoint turns a text into one vector."""

    modes: tuple[str, ...] = ("mean",)
    """Pooling modes, as `pool` takes them; the results of several are concatenated."""
    normalize: bool = False
    """Whether vectors are scaled to length 1."""
    steps: tuple[Step, ...] = ()
    """Linear layers with their activations, applied after the pooling."""
    max_length: int | None = None
    """Maximum input length in tokens; it may be less than the number of positions."""
    lowercase: bool = False
    """Whether texts are converted to lower case first."""
    prompts: tuple[tuple[str, str], ...] = ()
    """Pairs of a use, such as query or document, and the prefix that its texts get."""
    default_prompt: str | None = None
    """The use whose prompt applies where no other does."""
    include_prompt: bool = True
    """Whether the tokens of the prompt are pooled with those of the text."""
    is_own: bool = False
    """Whether the checkpoint has a modules.json; without one, mean pooling is the default."""

    def prompt(self, *uses: str) -> str:
        """The prompt of the first of these uses that has one, else the default prompt, else ""."""
        by_use = dict(self.prompts)
        candidates = [by_use[use] for use in (*uses, self.default_prompt or "") if use in by_use]
        return candidates[0] if candidates else ""


def read_pooling(checkpoint: Checkpoint) -> Pooling:
    """Read modules.json and the files that it refers to.

    Raises ModelUnsuitable for an unknown step or a damaged or missing file.
    """
    folder = checkpoint.folder
    if not (folder / "modules.json").is_file():
        return Pooling()
    modes: tuple[str, ...] = ()
    steps: list[Step] = []
    normalize, include_prompt = False, True
    for module in _modules(checkpoint):
        kind, path = str(module.get("type")).rpartition(".")[2], folder / str(module.get("path"))
        if kind == "Pooling":
            modes = _modes(checkpoint, path)
            include_prompt = _read_if_present(path / "config.json", checkpoint).get(
                "include_prompt", True
            )
        elif kind == "Dense":
            steps.append(_dense(checkpoint, path))
        elif kind == "Normalize":
            normalize = True
        elif kind != "Transformer":
            raise ModelUnsuitable(
                f"{checkpoint.model_id} needs a step that is unknown here: {kind}"
            )
    limits = _read_if_present(folder / "sentence_bert_config.json", checkpoint)
    prompts = _read_if_present(folder / "config_sentence_transformers.json", checkpoint)
    return Pooling(
        modes=modes or ("mean",),
        normalize=normalize,
        steps=tuple(steps),
        max_length=limits.get("max_seq_length"),
        lowercase=bool(limits.get("do_lower_case")),
        prompts=tuple((prompts.get("prompts") or {}).items()),
        default_prompt=prompts.get("default_prompt_name"),
        include_prompt=bool(include_prompt),
        is_own=True,
    )


def _modules(checkpoint: Checkpoint) -> list[dict[str, Any]]:
    """The entries of modules.json, which is a list; all other configuration files are objects."""
    path = checkpoint.folder / "modules.json"
    try:
        modules = json.loads(path.read_text(encoding="utf-8"))
        return [dict(module) for module in modules]
    except (OSError, ValueError, TypeError) as error:
        raise ModelUnsuitable(f"{path} is damaged: {error}") from None


def _read_if_present(path: Path, checkpoint: Checkpoint) -> dict[str, Any]:
    return read_json(checkpoint, path) if path.is_file() else {}


def _modes(checkpoint: Checkpoint, path: Path) -> tuple[str, ...]:
    config = read_json(checkpoint, path / "config.json")
    name = config.get("pooling_mode")  # newer files have one name instead of a switch per mode
    if isinstance(name, str):
        return (MODES.get(f"{name}_tokens", MODES.get(name, name)),)
    return tuple(mode for key, mode in MODES.items() if config.get(f"pooling_mode_{key}"))


def _dense(checkpoint: Checkpoint, path: Path) -> Step:
    config = read_json(checkpoint, path / "config.json")
    weights = path / "model.safetensors"
    if not weights.is_file():
        if (path / "pytorch_model.bin").is_file():
            raise pickle_refused(checkpoint.model_id, f"{path.name}/pytorch_model.bin")
        raise ModelUnsuitable(f"{checkpoint.model_id} is only half there: {weights} is missing")
    name = str(config.get("activation_function", "Identity")).rpartition(".")[2]
    activations: dict[str, Step] = {
        "Identity": lambda x: x,
        "Tanh": np.tanh,
        "ReLU": lambda x: np.maximum(x, 0),
    }
    if name not in activations:
        raise ModelUnsuitable(f"{checkpoint.model_id} needs a step that is unknown here: {name}")
    tensors = Tensors([weights])
    matrix = tensors["linear.weight"].T
    bias = tensors["linear.bias"] if "linear.bias" in tensors else 0.0

    def step(vectors: Floats) -> Floats:
        """Apply the layer to vectors (B, D); returns (B, E)."""
        return activations[name](vectors @ matrix + bias)

    return step


def pool(hidden: Floats, mask: Integers, mode: str) -> Floats:
    """Pool token states hidden (B, T, D) with mask (B, T) into one vector per text, (B, D).

    mode: mean over all tokens, special ones included; cls: the first token; last: the last token;
    max: the maximum of each dimension; mean_sqrt_len: the sum divided by the square root of the
    number of tokens; weighted_mean: the n-th token has the weight n.
    Source: the definitions of sentence-transformers. Raises ModelUnsuitable for an unknown mode.
    """
    if mode in ("cls", "last"):
        position = 0 if mode == "cls" else mask.sum(-1) - 1
        selected: Floats = hidden[np.arange(len(hidden)), position]
        return selected
    if mode == "max":
        maximum: Floats = np.where(mask[:, :, None] == 0, -np.inf, hidden).max(1)
        return maximum
    weights = mask.astype(np.float32)  # (B, T)
    if mode == "weighted_mean":
        weights = weights * np.arange(1, mask.shape[1] + 1, dtype=np.float32)
    elif mode not in ("mean", "mean_sqrt_len"):
        raise ModelUnsuitable(f"the model pools by {mode!r}, unknown here: choose `pooling`")
    total = (weights[:, None] @ hidden)[:, 0]  # (B, D)
    count = np.maximum(weights.sum(1, keepdims=True), 1e-9)  # (B, 1)
    mean: Floats = total / (np.sqrt(count) if mode == "mean_sqrt_len" else count)
    return mean
