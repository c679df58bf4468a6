"""Low-rank adapters, through the peft library."""

import warnings
from typing import Any

from llmcli.engines.pytorch.pretrained import peft_library
from llmcli.errors import UsageError
from llmcli.spec.training import LoraOptions, Task

TASK_TYPES: dict[Task, str] = {
    "causal-lm": "CAUSAL_LM",
    "masked-lm": "FEATURE_EXTRACTION",
    "classification": "SEQ_CLS",
    "token-classification": "TOKEN_CLS",
    "question-answering": "QUESTION_ANS",
    "translation": "SEQ_2_SEQ_LM",
    "seq2seq": "SEQ_2_SEQ_LM",
}


def with_adapters(model: Any, task: Task, options: LoraOptions) -> Any:
    """Freeze a model, and add adapters to its linear layers; new heads are learnt whole.

    Source: Hu et al. 2021, "LoRA"; the same scale as theirs, alpha / rank.
    Raises UsageError where no layer has a name that was asked for.
    """
    peft = peft_library()
    targets = list(options.lora_targets) or linear_layers(model)
    try:
        settings = peft.LoraConfig(
            task_type=TASK_TYPES[task],
            r=options.lora_rank,
            lora_alpha=options.lora_alpha or 2.0 * options.lora_rank,
            lora_dropout=options.lora_dropout,
            target_modules=targets,
            modules_to_save=heads(model) or None,
            fan_in_fan_out=model.config.model_type == "gpt2",  # its Conv1D is transposed
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what peft itself calls in transformers
            return peft.get_peft_model(model, settings)
    except ValueError as error:
        known = ", ".join(linear_layers(model)[:12])
        reason = str(error).split(".")[0]
        raise UsageError(f"--lora-targets: {reason}; this model has {known}") from None


def merged(model: Any) -> Any:
    """The ordinary model that adapters make of theirs; a model without adapters as it is."""
    return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model


def linear_layers(model: Any) -> list[str]:
    """The last parts of the names of the linear layers in a model's repeated blocks.

    Those are attention and feed-forward layers in every architecture; heads and embeddings are
    outside of the blocks.
    """
    names = {
        name.rpartition(".")[2] if not name.rpartition(".")[2].isdigit() else name
        for name, module in model.named_modules()
        if type(module).__name__ in ("Linear", "Conv1D") and _in_block(name)
    }
    dense = {
        ".".join(name.split(".")[-2:])
        for name, module in model.named_modules()
        if type(module).__name__ == "Linear" and _in_block(name) and name.endswith(".dense")
    }
    return sorted((names - {"dense"}) | dense)  # BERT calls three different layers dense


def _in_block(name: str) -> bool:
    return any(part.isdigit() for part in name.split("."))


def heads(model: Any) -> list[str]:
    """The parts of a model beside its body that have weights of their own: its head."""
    body = model.base_model_prefix
    output = model.get_output_embeddings()
    if output is not None:  # a language model's head is mostly its embedding
        return []
    found = [name for name, part in model.named_children() if name != body]
    own = [name for name in found if any(True for _ in getattr(model, name).parameters())]
    pooler = getattr(getattr(model, body, None), "pooler", None)
    return own + (["pooler"] if pooler is not None else [])
