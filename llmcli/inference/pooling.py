"""From the states of a text's tokens to one vector: what a checkpoint says of it, and the work.

Checkpoints for embedding name their steps in modules.json, as sentence-transformers writes it:
the model, a pooling, and perhaps linear layers and a normalization.
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

# The names of sentence-transformers, in the order in which several of them are joined.
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
    """How a checkpoint makes one vector of a text."""

    modes: tuple[str, ...] = ("mean",)
    normalize: bool = False
    steps: tuple[Step, ...] = ()
    """Linear layers after the pooling."""
    max_length: int | None = None
    """Tokens that the checkpoint was made for, fewer than it has positions."""
    lowercase: bool = False
    prompts: tuple[tuple[str, str], ...] = ()
    """What goes before a text, by use: query, document."""
    default_prompt: str | None = None
    include_prompt: bool = True
    """The prompt's tokens are pooled with the text's."""
    is_own: bool = False
    """The checkpoint says so; False: nothing is said, and the mean is taken."""

    def prompt(self, *uses: str) -> str:
        """The first of the prompts for these uses that there is, else the default one."""
        known = dict(self.prompts)
        found = [known[use] for use in (*uses, self.default_prompt or "") if use in known]
        return found[0] if found else ""


def read_pooling(checkpoint: Checkpoint) -> Pooling:
    """Read modules.json and what it names. Raises ModelUnsuitable for a step that is unknown."""
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
            include_prompt = _optional(path / "config.json", checkpoint).get("include_prompt", True)
        elif kind == "Dense":
            steps.append(_dense(checkpoint, path))
        elif kind == "Normalize":
            normalize = True
        elif kind != "Transformer":
            raise ModelUnsuitable(
                f"{checkpoint.model_id} needs a step that is unknown here: {kind}"
            )
    limits = _optional(folder / "sentence_bert_config.json", checkpoint)
    prompts = _optional(folder / "config_sentence_transformers.json", checkpoint)
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
    """modules.json, a list where every other file is an object."""
    path = checkpoint.folder / "modules.json"
    try:
        modules = json.loads(path.read_text(encoding="utf-8"))
        return [dict(module) for module in modules]
    except (OSError, ValueError, TypeError) as error:
        raise ModelUnsuitable(f"{path} is damaged: {error}") from None


def _optional(path: Path, checkpoint: Checkpoint) -> dict[str, Any]:
    return read_json(checkpoint, path) if path.is_file() else {}


def _modes(checkpoint: Checkpoint, path: Path) -> tuple[str, ...]:
    config = read_json(checkpoint, path / "config.json")
    named = config.get("pooling_mode")  # newer files have one word instead of many switches
    if isinstance(named, str):
        return (MODES.get(f"{named}_tokens", MODES.get(named, named)),)
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
        """vectors (B, D) -> (B, E)"""
        return activations[name](vectors @ matrix + bias)

    return step


def pool(hidden: Floats, mask: Integers, mode: str) -> Floats:
    """One vector (B, D) a text, of its token states hidden (B, T, D) and mask (B, T).

    mean: of all tokens, special ones included; cls: the first token; last: the last one; max: the
    greatest value of each dimension; mean_sqrt_len: the sum over the root of the number of
    tokens; weighted_mean: the n-th token has the weight n.
    Source: the definitions of sentence-transformers. Raises ModelUnsuitable for another mode.
    """
    if mode in ("cls", "last"):
        at = 0 if mode == "cls" else mask.sum(-1) - 1
        chosen: Floats = hidden[np.arange(len(hidden)), at]
        return chosen
    if mode == "max":
        greatest: Floats = np.where(mask[:, :, None] == 0, -np.inf, hidden).max(1)
        return greatest
    weights = mask.astype(np.float32)  # (B, T)
    if mode == "weighted_mean":
        weights = weights * np.arange(1, mask.shape[1] + 1, dtype=np.float32)
    elif mode not in ("mean", "mean_sqrt_len"):
        raise ModelUnsuitable(f"the model pools by {mode!r}, unknown here: choose `pooling`")
    total = (weights[:, None] @ hidden)[:, 0]  # (B, D)
    count = np.maximum(weights.sum(1, keepdims=True), 1e-9)  # (B, 1)
    mean: Floats = total / (np.sqrt(count) if mode == "mean_sqrt_len" else count)
    return mean
