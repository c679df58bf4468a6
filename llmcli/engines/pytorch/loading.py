"""The only file that calls from_pretrained. Foreign errors of loading are translated here."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForQuestionAnswering,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForTextEncoding,
    AutoModelForTokenClassification,
    AutoTokenizer,
)
from transformers.utils import logging

from llmcli.engines.base import Loaded, Placement
from llmcli.engines.pytorch.device import place
from llmcli.engines.pytorch.engine import TorchEngine
from llmcli.engines.pytorch.errors import errors_explained
from llmcli.errors import ModelUnsuitable
from llmcli.models import hub
from llmcli.models.architectures import (
    Kind,
    architectures,
    choose_kind,
    context_length,
    kind_of,
    kinds_of,
)
from llmcli.models.checkpoint import Checkpoint, check, check_tokenizer, read_adapters
from llmcli.spec import ModelSpec
from llmcli.system.extras import load_extra

logging.set_verbosity_error()
logging.disable_progress_bar()  # stderr is ours: cli/output.py draws what the user sees

AUTO_CLASSES = {
    "causal": AutoModelForCausalLM,
    "masked": AutoModelForMaskedLM,
    "seq2seq": AutoModelForSeq2SeqLM,
    "classifier": AutoModelForSequenceClassification,
    "tagger": AutoModelForTokenClassification,
    "reader": AutoModelForQuestionAnswering,
}


def load_causal(model: ModelSpec) -> Loaded:
    """Load a model that predicts the next token. Raises ModelNotFound, ModelUnsuitable."""
    return load(model, ("causal",))


def load(model: ModelSpec, kinds: tuple[Kind, ...]) -> Loaded:
    """Load a model of one of `kinds` in evaluation mode, with its head and its tokenizer.

    Raises ModelNotFound; ModelUnsuitable if it is of another kind, is damaged, or lacks
    weights that its architecture needs.
    """

    return _load(model, lambda settings: choose_kind(model.model_id, settings, kinds))


def load_encoder(model: ModelSpec) -> Loaded:
    """Load what a model of any kind has below its head, in evaluation mode, with its tokenizer.

    Of a sequence-to-sequence model, that is its encoder. Raises as `load` does.
    """

    def kind_for(settings: dict[str, Any]) -> Kind:
        kinds = kinds_of(settings)
        return "encoder" if "encoder" in kinds else kinds[0]

    def class_for(settings: dict[str, Any]) -> Any:
        if any(name.endswith("EncoderModel") for name in architectures(settings)):
            return AutoModelForTextEncoding  # T5's encoder alone
        return AutoModelForSeq2SeqLM if kind_of(settings) == "seq2seq" else AutoModel

    loaded = _load(model, kind_for, class_for)
    if loaded.kind == "seq2seq":
        encoder = loaded.network.get_encoder()
        return replace(loaded, network=encoder, engine=TorchEngine(encoder))
    return loaded


def _load(
    spec: ModelSpec,
    kind_for: Callable[[dict[str, Any]], Kind],
    class_for: Callable[[dict[str, Any]], Any] | None = None,
) -> Loaded:
    """kind_for, class_for: what a model's configuration is loaded as; None: its kind's class."""
    placement = place(spec.device, spec.dtype)
    checkpoint = hub.resolve(spec)
    check(checkpoint)
    adapters = read_adapters(checkpoint)
    if adapters is not None:
        return _load_adapted(spec, checkpoint, adapters, kind_for, class_for)
    with errors_explained(checkpoint):
        config = _config(checkpoint, spec)
        settings = config.to_dict()
        kind = kind_for(settings)
        model_class = class_for(settings) if class_for else AUTO_CLASSES[kind]
        tokenizer = _tokenizer(checkpoint, spec)
        model, found = model_class.from_pretrained(
            checkpoint.folder,
            config=config,
            dtype=placement.dtype,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are refused below, by name
            use_safetensors=True,
            **_common(checkpoint, spec),
        )
    _require_all_weights(checkpoint, found)
    context = context_length(settings)
    model = model.to(placement.device).eval()
    return _ready(model, tokenizer, kind, context, checkpoint, placement)


def _ready(
    model: Any,
    tokenizer: Any,
    kind: Kind,
    context: int | None,
    checkpoint: Checkpoint,
    placement: Placement,
) -> Loaded:
    return Loaded(
        model,
        tokenizer,
        kind,
        context,
        checkpoint,
        placement,
        config=model.config,
        generation_config=getattr(model, "generation_config", None),
        engine=TorchEngine(model),
    )


def _load_adapted(
    spec: ModelSpec,
    checkpoint: Checkpoint,
    adapters: dict[str, Any],
    kind_for: Callable[[dict[str, Any]], Kind],
    class_for: Callable[[dict[str, Any]], Any] | None,
) -> Loaded:
    """Load the model that adapters were made for, and merge them into it."""
    peft = peft_library()
    base = hub.resolve(replace(spec, model_id=adapters["base_model_name_or_path"], revision=None))
    check(base)
    placement = place(spec.device, spec.dtype)
    with errors_explained(checkpoint):
        config = _config(checkpoint, spec)
        settings = config.to_dict()
        kind = kind_for(settings)
        model_class: Any = class_for(settings) if class_for else AUTO_CLASSES[kind]
        model = model_class.from_pretrained(
            base.folder,
            config=config,
            dtype=placement.dtype,
            ignore_mismatched_sizes=True,  # of a head that comes with the adapters
            use_safetensors=True,
            **_common(base, spec),
        )
        model = peft.PeftModel.from_pretrained(model, str(checkpoint.folder)).merge_and_unload()
        tokenizer = _tokenizer(checkpoint, spec)
    model = model.to(placement.device).eval()
    context = context_length(settings)
    return _ready(model, tokenizer, kind, context, checkpoint, placement)


def load_tokenizer(model: ModelSpec) -> Any:
    """Load a checkpoint's tokenizer alone. Raises ModelNotFound, ModelUnsuitable."""
    checkpoint = hub.resolve(model)
    with errors_explained(checkpoint):
        return _tokenizer(checkpoint, model)


def _common(checkpoint: Checkpoint, model: ModelSpec) -> dict[str, Any]:
    gguf = {"gguf_file": checkpoint.gguf_file} if checkpoint.gguf_file else {}
    return {"local_files_only": True, "trust_remote_code": model.trust_remote_code, **gguf}


def _config(checkpoint: Checkpoint, model: ModelSpec) -> Any:
    return AutoConfig.from_pretrained(checkpoint.folder, **_common(checkpoint, model))


def _tokenizer(checkpoint: Checkpoint, model: ModelSpec) -> Any:
    if checkpoint.gguf_file is None:
        check_tokenizer(checkpoint)
    return AutoTokenizer.from_pretrained(checkpoint.folder, **_common(checkpoint, model))


UNUSED = ("pooler.",)  # of an encoder: its token states are pooled by us


def _require_all_weights(checkpoint: Checkpoint, found: dict[str, Any]) -> None:
    """Refuse a model some of whose weights would be random numbers."""
    missing = sorted(key for key in found["missing_keys"] if not key.startswith(UNUSED))
    wrong = sorted(key for key, *_ in found["mismatched_keys"])
    for what, keys in (("lacks", missing), ("has the wrong shape for", wrong)):
        if keys:
            more = f" and {len(keys) - 1} more weights" if len(keys) > 1 else ""
            raise ModelUnsuitable(
                f"{checkpoint.model_id} {what} {keys[0]}{more}: it is damaged, or was made for "
                "another task"
            )


def peft_library() -> Any:
    """peft. Raises InputError, with the pip line, where it is not installed."""
    return load_extra("peft", "a model with LoRA adapters")
