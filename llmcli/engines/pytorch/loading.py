"""Loading a model for inference with torch: a checkpoint with its head, or the body below it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForQuestionAnswering,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForTextEncoding,
    AutoModelForTokenClassification,
)

from llmcli.decoding.text_config import set_text_setting
from llmcli.engines.base import Loaded, Placement
from llmcli.engines.checked import checked
from llmcli.engines.known_ids import table_rows
from llmcli.engines.pytorch.completeness import require_all_weights, require_known_layers
from llmcli.engines.pytorch.device import place
from llmcli.engines.pytorch.engine import TorchEngine
from llmcli.engines.pytorch.errors import errors_explained
from llmcli.engines.pytorch.from_pretrained import read_config, read_network, read_tokenizer
from llmcli.engines.pytorch.locked_tokenizer import locked
from llmcli.models import hub
from llmcli.models.architectures import (
    Kind,
    architectures,
    choose_kind,
    context_length,
    kind_of,
    kinds_of,
)
from llmcli.models.checkpoint import Checkpoint
from llmcli.models.sound_weights import require_sound
from llmcli.spec import ModelSpec

AUTO_CLASSES: dict[Kind, Any] = {
    "causal": AutoModelForCausalLM,
    "masked": AutoModelForMaskedLM,
    "seq2seq": AutoModelForSeq2SeqLM,
    "classifier": AutoModelForSequenceClassification,
    "tagger": AutoModelForTokenClassification,
    "reader": AutoModelForQuestionAnswering,
}


@dataclass(frozen=True, slots=True)
class Target:
    """What a checkpoint is loaded as."""

    kind: Kind
    network_class: Any
    """A class of transformers."""


def load(model: ModelSpec, kinds: tuple[Kind, ...]) -> Loaded:
    """Load a model of one of `kinds` in evaluation mode, with its head and its tokenizer.

    Raises ModelNotFound; ModelUnsuitable if it is of another kind, is damaged, or lacks
    weights that its architecture needs.
    """

    def target_of(settings: dict[str, Any]) -> Target:
        kind = choose_kind(model.model_id, settings, kinds)
        return Target(kind, AUTO_CLASSES[kind])

    return _load(model, target_of)


def load_encoder(model: ModelSpec) -> Loaded:
    """Load a model of any kind without its head, in evaluation mode, with its tokenizer.

    Of a sequence-to-sequence model, that is its encoder. Raises as `load` does.
    """
    loaded = _load(model, _headless)
    if loaded.kind == "seq2seq":
        return _with_body(loaded, loaded.network.get_encoder())
    if hasattr(loaded.network, "lm_head"):
        return _with_body(loaded, loaded.network.model)
    return loaded


NO_BODY_CLASS = ("llama4",)
"""Models of which transformers has the text model with its head alone."""


def _with_body(loaded: Loaded, body: Any) -> Loaded:
    return checked(replace(loaded, network=body, engine=TorchEngine(body)))


def _headless(settings: dict[str, Any]) -> Target:
    kinds = kinds_of(settings)
    kind = "encoder" if "encoder" in kinds else kinds[0]
    if any(name.endswith("EncoderModel") for name in architectures(settings)):
        return Target(kind, AutoModelForTextEncoding)  # only the encoder of T5
    if settings.get("model_type") in NO_BODY_CLASS:
        return Target(kind, AutoModelForCausalLM)
    is_seq2seq = kind_of(settings) == "seq2seq"
    return Target(kind, AutoModelForSeq2SeqLM if is_seq2seq else AutoModel)


def target_without_task(settings: dict[str, Any]) -> Target:
    """What a model is loaded as with all of its weights, whatever it will do."""
    kind = kinds_of(settings)[0]
    body = _headless(settings)
    if body.network_class is AutoModel and kind in AUTO_CLASSES:
        return Target(kind, AUTO_CLASSES[kind])
    return body


def load_tokenizer(model: ModelSpec) -> Any:
    """Load a checkpoint's tokenizer alone. Raises ModelNotFound, ModelUnsuitable."""
    checkpoint = hub.resolve(model)
    with errors_explained(checkpoint):
        return read_tokenizer(checkpoint, model)


def _load(model: ModelSpec, target_of: Callable[[dict[str, Any]], Target]) -> Loaded:
    """target_of: what a model with the given settings of config.json is loaded as."""
    placement = place(model.device, model.dtype)
    checkpoint = hub.resolve(model)
    require_sound(checkpoint)
    with errors_explained(checkpoint):
        config = read_config(checkpoint, model)
        target = target_of(config.to_dict())
        tokenizer = locked(read_tokenizer(checkpoint, model))
        network, info = read_network(
            target.network_class, checkpoint, model, config, placement.dtype
        )
    require_all_weights(checkpoint, info)
    require_known_layers(checkpoint, network, info)
    network = network.to(placement.device).eval()
    loaded = assemble(network, tokenizer, target.kind, checkpoint, placement)
    if target.kind == "classifier":
        # A causal classifier looks for the last token before the padding.
        set_text_setting(network.config, "pad_token_id", loaded.pad_token_id)
    return loaded


def assemble(
    network: Any, tokenizer: Any, kind: Kind, checkpoint: Checkpoint, placement: Placement
) -> Loaded:
    """A network with its tokenizer, ready to run on the torch engine."""
    loaded = Loaded(
        network,
        tokenizer,
        kind,
        context_length(network.config.to_dict()),
        checkpoint,
        placement,
        config=network.config,
        generation_config=getattr(network, "generation_config", None),
        engine=TorchEngine(network),
        rows=table_rows(network),
    )
    return checked(loaded)
