"""A joint run: a YAML file names the tasks that learn together, on one body."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmcli.engines.pytorch import loading, saving
from llmcli.errors import InputError
from llmcli.models import hub
from llmcli.spec import Dtype, ModelSpec
from llmcli.spec.training import Training
from llmcli.training.objectives.distillation import Likeness
from llmcli.training.objectives.joint import Joint, JointModel, Part, Rounds, merged_state
from llmcli.training.preparation import Prepared, filled_in, make_objective, model_for, read_data

OWN = (
    *("train", "eval", "eval_fraction", "columns", "label_column"),
    *("block_size", "batch_size", "mask_fraction"),
)
TASKS = ("classification", "token-classification", "question-answering", "masked-lm", "embedding")
POOLING_FILES = ("modules.json", "1_Pooling", "config_sentence_transformers.json")


def read_parts(path: str) -> list[dict[str, Any]]:
    """Read the list of tasks. Raises InputError for what is no such file, or unknown keys."""
    import yaml

    try:
        found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise InputError(f"{path} is not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise InputError(f"{path} must be a list of tasks, each with task and train")
    parts = [_checked(path, one) for one in found]
    tasks = [one["task"] for one in parts]
    if not tasks or len(set(tasks)) < len(tasks):
        raise InputError(f"{path}: each task can be there once, and one must be")
    return parts


def _checked(path: str, part: dict[Any, Any]) -> dict[str, Any]:
    """The settings of a part by the names of the training spec's fields, lists as tuples."""
    known = ("task", "weight", "teacher", "limit", *OWN)
    values = {str(key).replace("-", "_"): value for key, value in part.items()}
    values = {
        key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
    }
    for key in values:
        if key not in known:
            raise InputError(f"{path}: unknown key {key!r}; known: {', '.join(sorted(known))}")
    if values.get("task") not in TASKS or not values.get("train"):
        raise InputError(f"{path}: each part needs train, and a task of {', '.join(TASKS)}")
    for key in ("train", "eval", "columns"):
        if isinstance(values.get(key), str):
            values[key] = (values[key],)
    numbers = {key: values[key] for key in NUMBERS if key in values}
    for key, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            raise InputError(f"{path}: {key} {value!r} is no positive number")
    return values


NUMBERS = ("weight", "limit", "batch_size", "block_size", "mask_fraction")


def prepare_joint(
    options: Training, base: ModelSpec, note: Callable[[str], None]
) -> tuple[Prepared, list[Part]]:
    """Load the body with a head for each part, and the data of all. Raises as `prepare` does."""
    assert options.parts is not None
    parts = []
    for values in read_parts(options.parts):
        part = _part(options, base, values, note)
        note(f"{part.name}: {len(part.train):,} examples, {sum(part.train.lengths()):,} tokens")
        parts.append(part)
    model = JointModel(parts, parts[0].objective.model.base_model_prefix)
    objective = Joint(model, parts)
    rounds = Rounds(parts, options.seed)
    held_out = rounds if any(part.held_out is not None for part in parts) else None
    return Prepared(model, objective.tokenizer, objective, rounds, held_out), parts


def part_alone(options: Training, base: ModelSpec, values: dict[str, Any]) -> Training:
    """The spec of one part, as if it were a run of its own; `embedding` reads as masked-lm does."""
    task = values["task"]
    own = {key: values[key] for key in OWN if key in values}
    return filled_in(
        Training(
            **{"train": (), "eval": (), **own},
            output=options.output,
            seed=options.seed,
            task="masked-lm" if task == "embedding" else task,
        ),
        base,
    )


def _part(
    options: Training, base: ModelSpec, values: dict[str, Any], note: Callable[[str], None]
) -> Part:
    task = values["task"]
    alone = part_alone(options, base, values)
    data = read_data(alone)
    if "limit" in values:
        data = replace(data, train=data.train[: values["limit"]])
    if task == "embedding":
        loaded = loading.load_encoder(replace(base, device="cpu", dtype="float32"))
        name = values.get("teacher", base.model_id)
        teacher = loading.load_encoder(replace(base, model_id=name, device="cpu", dtype="float32"))
        size = alone.block_size or 128
        objective: Any = Likeness(
            loaded.network, loaded.tokenizer, size, teacher.network, teacher.tokenizer
        )
    else:
        model, tokenizer = model_for(alone, base, data, note)
        objective = make_objective(alone, model, tokenizer, data, base.model_id)
    return Part(
        name=task,
        objective=objective,
        train=objective.examples(data.train),
        held_out=objective.examples(data.held_out) if data.held_out else None,
        batch_size=alone.batch_size or 1,
        weight=float(values.get("weight", 1.0)),
    )


def save_joint(
    parts: list[Part], tokenizer: Any, base: ModelSpec, folder: Path, dtype: Dtype
) -> None:
    """Write one folder that each head's class loads: the body and all heads, stored once."""
    body = parts[0].objective.model.base_model_prefix
    owner = next(
        (part.objective.model for part in parts if part.name == "classification"),
        parts[0].objective.model,
    )
    config = owner.config
    config.architectures = [type(part.objective.model).__name__ for part in parts]
    saving.save_state(config, merged_state(parts, body), tokenizer, folder, dtype)
    source = hub.resolve(base).folder
    for name in POOLING_FILES:
        if (source / name).is_dir():
            shutil.copytree(source / name, folder / name)
        elif (source / name).is_file():
            shutil.copy(source / name, folder / name)
