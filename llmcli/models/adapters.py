"""Folders with LoRA adapters alone, as peft saves them: the model that they are for, their head."""

import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmcli.models.architectures import Kind, architectures, kinds_of
from llmcli.models.checkpoint import Checkpoint, adapter_weights, check_safetensors, read_config

IN_THE_CACHE = re.compile(r".*models--([^/\\]+)[/\\]snapshots[/\\]([^/\\]+)[/\\]?")
OF_THE_PACKAGE = re.compile(r".*llmcli[/\\]starter[/\\]([\w-]+)[/\\]?")
PREFIX = "base_model.model."  # of the names of adapters' weights


def base_name(settings: dict[str, Any], folder: Path) -> tuple[str, str | None]:
    """The model that adapters are for, by a name that `hub.resolve` takes, and its revision.

    settings: of adapter_config.json. folder: where it is; a path that is not there from the
    current folder may be there from this one. A path into the hub's cache or into the package of
    another machine becomes the name of the model.
    """
    name = str(settings["base_model_name_or_path"])
    with suppress(OSError, RuntimeError, ValueError):  # too long, no such ~user, a NUL: no path
        for path in (Path(name).expanduser(), folder / name):
            if path.exists():
                return str(path), None
    cached, packaged = IN_THE_CACHE.fullmatch(name), OF_THE_PACKAGE.fullmatch(name)
    if cached:
        return cached[1].replace("--", "/"), cached[2]
    revision = settings.get("revision")
    return (packaged[1], None) if packaged else (name, revision or None)


ENDINGS: dict[str, tuple[Kind, str]] = {
    "CAUSAL_LM": ("causal", "ForCausalLM"),
    "SEQ_CLS": ("classifier", "ForSequenceClassification"),
    "TOKEN_CLS": ("tagger", "ForTokenClassification"),
    "QUESTION_ANS": ("reader", "ForQuestionAnswering"),
    "SEQ_2_SEQ_LM": ("seq2seq", "ForConditionalGeneration"),
    "FEATURE_EXTRACTION": ("encoder", "Model"),
}
"""The kind of model that each of peft's task types is for, and the end of its class's name."""
CLASS = re.compile(r"(.+?)(For[A-Z]\w*|LMHeadModel|WithLMHeadModel|MTModel|Model)")


def with_head(checkpoint: Checkpoint, settings: dict[str, Any]) -> Checkpoint:
    """A checkpoint of adapters with what they change in the configuration of its base: the head.

    settings: of adapter_config.json. A folder with a config.json of its own says so itself.
    """
    if (checkpoint.folder / "config.json").is_file() or checkpoint.base is None:
        return checkpoint
    changes: dict[str, Any] = {}
    kind, ending = ENDINGS.get(str(settings.get("task_type")), (None, ""))
    config = read_config(checkpoint.base)
    names = architectures(config)
    if kind is not None and kinds_of(config) != (kind,):
        own = [name for name in names if kinds_of({**config, "architectures": [name]}) == (kind,)]
        stem = CLASS.fullmatch(names[0]) if names else None
        new = f"{stem[1] if stem else str(config['model_type']).title()}{ending}"
        changes["architectures"] = own[:1] or [new]
    count = _label_count(checkpoint) if kind in ("classifier", "tagger") else None
    labels = config.get("id2label")
    if count is not None and (not isinstance(labels, dict) or len(labels) != count):
        changes["id2label"] = {at: f"LABEL_{at}" for at in range(count)}
        changes["label2id"] = {f"LABEL_{at}": at for at in range(count)}
    return replace(checkpoint, changes=changes)


HEADS = ("classifier.weight", "score.weight", "out_proj.weight")


def _label_count(checkpoint: Checkpoint) -> int | None:
    """The number of labels of a head that is saved with the adapters; None if none is."""
    counts = [shape[0] for name, shape in saved_shapes(checkpoint).items() if name.endswith(HEADS)]
    return counts[-1] if counts else None


def saved_names(checkpoint: Checkpoint) -> dict[str, tuple[int, ...]]:
    """The whole weights that are saved with the adapters, by the model's names, with shapes."""
    return {
        name.removeprefix(PREFIX): shape
        for name, shape in saved_shapes(checkpoint).items()
        if ".lora_" not in name
    }


def saved_shapes(checkpoint: Checkpoint) -> dict[str, tuple[int, ...]]:
    """The shape of each weight in the file of adapters, by the names in it."""
    path = adapter_weights(checkpoint)
    check_safetensors(checkpoint, path)
    from llmcli.models.safetensors import Tensors  # numpy, which naming a model does without

    return Tensors([path]).shapes()
