"""The process that converts a checkpoint: python -m llmcli.engines.ct2.conversion_process REQUEST.

It is a process of its own so that its memory is returned.
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from llmcli.engines.ct2.shapes import require_shapes
from llmcli.engines.ct2.support import GROUPS, UnsupportedByCt2, with_defaults
from llmcli.engines.own_process import answer
from llmcli.models.checkpoint import Checkpoint, read_config, read_json


def convert(checkpoint: Checkpoint, target: Path, dtype: str) -> None:
    """Write model.bin, config.json and vocabularies of a checkpoint into an empty folder.

    The tokens of CTranslate2's vocabularies are the ids in digits: "0", "1", ... So neither the
    conversion nor the engine needs a tokenizer. dtype: float32 or int8.
    Raises ModelNotFound, ModelUnsuitable; UnsupportedByCt2 for weights that it does not know.
    """
    builders = _builders()
    from llmcli.engines.ct2.encoders import BODIES
    from llmcli.engines.ct2.stored import quantize
    from llmcli.engines.ct2.weights import Weights

    full = with_defaults(read_config(checkpoint))
    group = GROUPS[full["model_type"]]
    weights = Weights(checkpoint)
    spec = builders[full["model_type"]](weights, full)
    weights.require_all_taken(weights.prefix(*BODIES) if group == "encoder" else "")
    tokens = {**full, **_stored_tokens(checkpoint)}
    embeddings = spec.decoder.embeddings if group == "causal" else spec.encoder.embeddings[0]
    if group == "seq2seq":
        _set_tokens(spec.config, tokens, "decoder_start_token_id")
        spec.register_source_vocabulary(_ids(embeddings))
        spec.register_target_vocabulary(_ids(spec.decoder.embeddings))
    else:
        _set_tokens(spec.config, tokens)
        spec.register_vocabulary(_ids(embeddings))
    require_shapes(checkpoint.model_id, spec, full)
    spec.validate()
    spec.optimize()  # weights with the same numbers are stored once
    if dtype == "int8":
        quantize(spec)
    spec.save(str(target))


def _builders() -> dict[str, Callable[[Any, dict[str, Any]], Any]]:
    """What makes the specification of each model type of its weights and settings."""
    # ctranslate2.specs would import torch to accept its tensors, which do not occur here.
    sys.modules.setdefault("torch", None)  # type: ignore[arg-type]
    from llmcli.engines.ct2 import causal, encoders, seq2seq

    return {
        "gpt2": causal.gpt2,
        "gpt_neox": causal.gpt_neox,
        "opt": causal.opt,
        **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3"), causal.llama),
        **dict.fromkeys(("bert", "roberta", "xlm-roberta", "camembert"), encoders.bert),
        "distilbert": encoders.distilbert,
        **dict.fromkeys(seq2seq.STYLES, seq2seq.bart),
        **dict.fromkeys(("t5", "mt5"), seq2seq.t5),
    }


def _stored_tokens(checkpoint: Checkpoint) -> dict[str, Any]:
    """The settings in generation_config.json that are not null."""
    path = checkpoint.folder / "generation_config.json"
    stored = read_json(checkpoint, path) if path.is_file() else {}
    return {name: value for name, value in stored.items() if value is not None}


def _ids(embeddings: Any) -> list[str]:
    return [str(at) for at in range(embeddings.weight.shape[0])]


def _set_tokens(config: Any, settings: dict[str, Any], *more: str) -> None:
    """Set the special tokens; those that a model lacks are never used, and become 0."""
    for name in ("bos_token_id", "eos_token_id", *more):
        value = settings.get(name)
        value = value[0] if isinstance(value, list) and value else value
        setattr(config, name.removesuffix("_id"), str(value or 0))
    config.unk_token = "0"


def main(request: str) -> int:
    """Convert as a request in JSON says; return the exit code."""
    fields = json.loads(request)
    checkpoint = Checkpoint(fields["model_id"], Path(fields["folder"]), fields["origin"])
    work = partial(convert, checkpoint, Path(fields["target"]), fields["dtype"])
    return answer(work, checkpoint.folder, UnsupportedByCt2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
