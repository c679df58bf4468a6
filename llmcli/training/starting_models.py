"""The models that a run starts from: a checkpoint with a new head, or a configuration alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from llmcli.decoding.text_config import set_text_setting, text_setting
from llmcli.engines.base import Loaded
from llmcli.engines.gguf import unpack
from llmcli.engines.known_ids import table_rows
from llmcli.engines.pytorch import from_scratch, loading, trainable
from llmcli.engines.pytorch.from_pretrained import read_tokenizer_folder
from llmcli.errors import InputError
from llmcli.models import hub
from llmcli.models.adapters import saved_names
from llmcli.models.architectures import context_length
from llmcli.spec import ModelSpec
from llmcli.training.base import Data, TrainingTask
from llmcli.training.new_tokenizers import new_tokenizer
from llmcli.training.results import Notify


def load_model(task: TrainingTask, base: ModelSpec, data: Data, note: Notify) -> tuple[Any, Any]:
    """Load a checkpoint for a task, with its tokenizer; its head may be new.

    Adapters are merged into their base; with `lora`, the base is returned without them.
    Raises what loading raises, and ModelUnsuitable where the tokenizer lacks a token.
    """
    kind = task.defaults.kind
    unpack(base, note)
    start = _below_adapters(task, base, note)
    if kind == "encoder":
        loaded = loading.load_encoder(replace(start, device="cpu", dtype="float32"))
    elif kind in ("causal", "seq2seq"):
        loaded = loading.load(replace(start, device="cpu", dtype="float32"), (kind,))
    else:
        loaded = _with_head(task, base, start, data, note)
    tokenizer = loaded.tokenizer if start is base else loading.load_tokenizer(base)
    task.check_tokenizer(tokenizer, base.model_id)
    return loaded.network, _with_padding(loaded.network, tokenizer)


def _below_adapters(task: TrainingTask, base: ModelSpec, note: Notify) -> ModelSpec:
    """The model to load: of adapters that are trained further, the one that they are for."""
    checkpoint = hub.resolve(base)
    if checkpoint.base is None:
        return base
    below = checkpoint.base.model_id
    if not task.options.adapters.lora:
        note(f"the adapters {base.model_id} are merged into {below}: all weights are trained")
        return base
    note(f"the adapters {base.model_id} are trained further, for {below}")
    return replace(base, model_id=below, revision=checkpoint.base.revision)


def _with_head(
    task: TrainingTask, base: ModelSpec, start: ModelSpec, data: Data, note: Notify
) -> Loaded:
    """Load with the labels of the data, or with the model's own where they hold these.

    start: the model to load; `base`, or what its adapters are for, which may bring the head.
    """
    options = task.options
    torch.manual_seed(options.seed)  # of the new weights
    own = trainable.known_labels(base)
    is_chosen = bool(options.labels)  # in the user's order
    keeps = data.labels and not is_chosen and set(data.labels) <= set(own)
    labels = own if keeps else data.labels
    if labels is own and labels:
        note(f"the model's own labels are kept: {', '.join(own[:12])}")
    changes = task.config_changes(labels)
    loaded, new = trainable.load_trainable(start, task.defaults.kind, changes)
    if start is not base:
        new = [name for name in new if name not in saved_names(hub.resolve(base))]
    if options.init_from is not None:
        source = replace(base, model_id=options.init_from, revision=None)
        taken = trainable.take_weights(loaded.network, source, new)
        if not taken:
            raise InputError(f"`init_from` {options.init_from} has none of {', '.join(new)}")
        note(f"weights of {options.init_from}: {', '.join(taken)}")
        new = [name for name in new if name not in taken]
    if new:
        note(f"new weights: {', '.join(new)}")
    return loaded


def _with_padding(model: Any, tokenizer: Any) -> Any:
    """Give model and tokenizer a padding token: it is masked out, but they ask for one."""
    rows = table_rows(model)
    pad = tokenizer.pad_token_id
    is_usable = pad is not None and (rows is None or pad < rows)
    if not is_usable and tokenizer.eos_token_id is not None:
        tokenizer.pad_token = tokenizer.eos_token
    if text_setting(model.config, "pad_token_id") is None:
        set_text_setting(model.config, "pad_token_id", tokenizer.pad_token_id)
    return tokenizer


def make_model(
    task: TrainingTask, data: Data, kept_tokenizer: Path | None, note: Notify
) -> tuple[Any, Any]:
    """A new model, with a tokenizer that is trained on the training text.

    kept_tokenizer: where a run that is resumed has it. Raises InputError for a configuration
    that no model can be made of, and for too little text.
    """
    options, kind = task.options, task.defaults.kind
    assert options.from_scratch is not None, "tasks/finetune.py asks for a model or this"
    settings = from_scratch.read_new_config(options.from_scratch, kind)
    plan = from_scratch.plan_new({"pad_token_id": 0, **settings}, kind)  # a small vocabulary has 0
    if options.resume and kept_tokenizer is not None and kept_tokenizer.is_dir():
        tokenizer = read_tokenizer_folder(kept_tokenizer)
    else:
        tokenizer = _train_tokenizer(task, data, plan, settings, note)
    task.check_tokenizer(tokenizer, "the new model")
    tokenizer.allow_special = task.options.allow_special
    tokens = _special_tokens(tokenizer, plan.model_type, kind == "causal")
    if plan.model_type == "marian":
        settings["decoder_vocab_size"] = len(tokenizer)
    new = settings | tokens | task.config_changes(data.labels)
    model = from_scratch.new_model({**new, "vocab_size": len(tokenizer)}, kind, options.seed)
    return model, tokenizer


def _train_tokenizer(
    task: TrainingTask, data: Data, plan: Any, settings: dict[str, Any], note: Notify
) -> Any:
    """plan: the whole configuration of the model. settings: what the user's file says of it."""
    tokenizer, kind = new_tokenizer(
        plan.model_type,
        task.tokenizer_texts(data),
        settings.get("vocab_size", plan.vocab_size),
        context_length(plan.to_dict()) or task.defaults.limit,
        task.languages(data.train),
    )
    pair = task.pair_of_languages(data.train)
    if pair is not None:
        _name_languages(tokenizer, *pair)
    note(f"tokenizer: {kind} with {len(tokenizer):,} entries, learnt from the training text")
    return tokenizer


def _name_languages(tokenizer: Any, source: str, target: str) -> None:
    """Say in the settings of a Marian tokenizer which languages its model translates."""
    if hasattr(tokenizer, "source_lang"):
        tokenizer.source_lang, tokenizer.target_lang = source, target
        tokenizer.init_kwargs |= {"source_lang": source, "target_lang": target}


def _special_tokens(tokenizer: Any, model_type: str, is_causal: bool) -> dict[str, Any]:
    """The ids of special tokens, by the names of the configuration."""
    if is_causal:
        names = ("bos_token_id", "eos_token_id", "pad_token_id")
        return dict.fromkeys(names, tokenizer.eos_token_id)
    tokens = {
        f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")
    }
    if model_type == "marian":
        tokens |= {"decoder_start_token_id": tokens["pad_token_id"]}
        tokens |= {"forced_eos_token_id": tokens["eos_token_id"], "bos_token_id": None}
    return tokens
