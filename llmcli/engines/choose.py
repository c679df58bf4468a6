"""The choice of the engine that runs a model: the fastest suitable one, and the reason."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from llmcli.decoding.generation_config import Rules
from llmcli.engines.base import ERRORS, INT8, Loaded, Placement
from llmcli.engines.ct2.support import UnsupportedByCt2, group_of, reason_against_decoding
from llmcli.engines.gguf import unpack
from llmcli.errors import InputError, ModelUnsuitable, UsageError
from llmcli.models import hub
from llmcli.models.architectures import Kind, choose_kind
from llmcli.models.checkpoint import Checkpoint, read_config, weight_files
from llmcli.models.sound_weights import require_sound
from llmcli.models.starters import Note, ignore
from llmcli.spec import Decoding, Dtype, ModelSpec
from llmcli.system import calibration
from llmcli.system.machine import describe, has_int8_products, usable_threads

# Bytes of text times bytes of weights from which torch in bfloat16 gains more than loading torch
# costs: 400 kB for an encoder of six layers, 384 wide, whose file has 90 MB.
LARGE_WORK = 1 << 45
SMALL_GAIN = 4  # times as much where the processor does not multiply bfloat16
# What LARGE_WORK is, for a file of prompts, where torch packs the weights once, and ct2 at each
# step: 35 kB for GPT-2 with 124 million parameters. Translating gains too little for the memory it
# takes.
LARGE_WRITING = 1 << 44
LARGE_MODEL = 4 << 30  # bytes of float32 weights that are converted only on request
SMALL_MODEL = 200 << 20  # bytes of weights that are fast enough on the CPU even if there is a GPU


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a model is loaded for, which decides what engines are suitable and fast."""

    kinds: tuple[Kind, ...]
    """Kinds of model that can do it; empty: any kind, loaded without its head."""
    file_bytes: int | None = None
    """Size of the input file, 0 if it is unknown; None: no file, a text or two."""
    decoding: Mapping[Kind, Decoding] = field(default_factory=dict)
    """How text is generated, for those kinds of model that generate text for this purpose."""
    decoding_by: Callable[[Any], tuple[Decoding, Rules]] | None = None
    """The same where it depends on the generation config alone: called before a conversion."""
    decoding_of: Callable[[Loaded], tuple[Decoding, Rules]] | None = None
    """The same where it depends on the checkpoint; called with a model loaded on ct2."""
    on_torch: Mapping[Kind, str] = field(default_factory=dict)
    """Why ct2 cannot do it with some kinds of model, in a few words."""
    needs_exact: bool = False
    """The numbers count, not only which is the largest: bfloat16 is used only if asked for."""


def load(model: ModelSpec, purpose: Purpose, note: Note = ignore) -> Loaded:
    """Load a model on the engine that `model.engine` names, or on the fastest suitable one.

    note: receives a line before a conversion that takes a while.
    Raises ModelNotFound; ModelUnsuitable if the model is of another kind or is damaged, or if
    the requested engine cannot run it; UsageError if that engine cannot do the purpose.
    """
    os.environ.setdefault("RAYON_NUM_THREADS", str(usable_threads()))  # of tokenizers
    unpack(model, note, is_asked=_asks_for_ct2(model))
    if purpose.file_bytes is not None:
        calibration.allow_measuring()
    reason = "asked for"
    if model.engine != "torch":
        try:
            return _load_ct2(model, purpose, note)
        except UnsupportedByCt2 as error:
            reason = str(error)
            if _asks_for_ct2(model):
                if error.is_damage:
                    raise ModelUnsuitable(reason) from None
                setting = "`engine`=ct2" if model.engine == "ct2" else "`dtype`=int8"
                raise UsageError(f"{setting} cannot do this: {reason}") from None
    elif model.dtype == "int8" and (refusal := _reason_against_int8(model)) is not None:
        raise UsageError(f"`dtype`=int8 {refusal}")
    if reason in FASTER:
        loaded = _rounded(replace(model, dtype=FASTER[reason]), purpose.kinds)
    else:
        loaded = load_on_torch(model, purpose.kinds)
    return replace(loaded, engine_reason=reason)


def _asks_for_ct2(model: ModelSpec) -> bool:
    return model.engine == "ct2" or (
        model.dtype == "int8" and _reason_against_int8(model) is not None
    )


def _reason_against_int8(model: ModelSpec) -> str | None:
    """Why torch cannot compute in int8 here; None if it can."""
    if model.device not in ("auto", "cpu"):
        return f"runs on CPUs only, and `device`={model.device} was asked for"
    if not has_int8_products():
        return NEEDS_VNNI
    return None


NEEDS_VNNI = "with `engine`=torch needs a CPU with VNNI: leave out `engine`"


def suits(loaded: Loaded, purpose: Purpose) -> bool:
    """True if a model that was loaded for another purpose, of the same kinds, does this one too."""
    if loaded.engine.name == "torch":
        return True
    if _reason_by_decoding(purpose, (loaded.kind,)) is not None:
        return False
    if purpose.decoding_by is not None:
        asked = purpose.decoding_by(loaded.generation_config)
    elif purpose.decoding_of is not None:
        asked = purpose.decoding_of(loaded)
    else:
        return True
    return reason_against_decoding(loaded.kind, *asked) is None


def load_on_torch(model: ModelSpec, kinds: tuple[Kind, ...] = ()) -> Loaded:
    """Load a model for inference with torch, its weights packed for this processor.

    kinds: what it may be; empty: any kind, without its head. Raises as `load` does.
    """
    from llmcli.engines.pytorch import loading
    from llmcli.engines.pytorch.encoders.install import speed_up
    from llmcli.engines.pytorch.packing import pack, quantize

    rounds = model.dtype == "int8"
    if rounds:
        model = replace(model, dtype="float32", device="cpu")
    loaded = loading.load(model, kinds) if kinds else loading.load_encoder(model)
    is_replaced = speed_up(loaded, is_int8=rounds)
    if not rounds:
        pack(loaded.network)
        return loaded
    if not is_replaced and not has_int8_products():
        raise ModelUnsuitable(f"`dtype`=int8 {NEEDS_VNNI}")
    if not is_replaced:
        quantize(loaded.network)
    return replace(loaded, placement=Placement("cpu", "int8", f"cpu, {INT8}"))


def _rounded(model: ModelSpec, kinds: tuple[Kind, ...]) -> Loaded:
    """Load an encoder in the dtype that is fastest, if nobody asked for one: labels stay those of
    float32."""
    try:
        loaded = load_on_torch(model, kinds)
    except ModelUnsuitable:  # a variant of an encoder without a layer of ours
        model = replace(model, dtype="float32")
        loaded = load_on_torch(model, kinds)
    exact, reason, dtype = None, "fast here", str(model.dtype)
    if loaded.kind == "classifier" and dtype in ERRORS:
        exact = load_on_torch(replace(model, dtype="float32"), kinds).engine
        reason = "fast here; close labels in float32"
    placement = replace(loaded.placement, reason=f"cpu, {dtype} ({reason})")
    error = ERRORS.get(dtype, 0.0)
    return replace(loaded, exact=exact, exact_error=error, placement=placement)


PACKED = "on a large file, torch packs the weights once for all steps"
FASTER: dict[str, Dtype] = {
    f"on a large file, torch in {dtype} is faster on this processor": dtype
    for dtype in ("float32", "bfloat16", "int8")
}
"""Reasons for torch, and the dtype that each is about."""


def _load_ct2(model: ModelSpec, purpose: Purpose, note: Callable[[str], None]) -> Loaded:
    """Raises UnsupportedByCt2 if torch must run it, or runs it faster."""
    reason = _reason_by_settings(model) or _reason_by_decoding(purpose, purpose.kinds)
    if reason is not None:
        raise UnsupportedByCt2(reason)
    checkpoint = hub.resolve(model)
    if checkpoint.gguf_file is not None:
        raise UnsupportedByCt2("it reads GGUF files that are unpacked in the cache only")
    require_sound(checkpoint)
    if checkpoint.base is not None:
        raise UnsupportedByCt2("it does not merge adapters")
    settings = read_config(checkpoint)
    kinds = purpose.kinds
    kind = choose_kind(model.model_id, settings, kinds) if kinds else "encoder"
    reason = purpose.on_torch.get(kind) or _reason_by_decoding(purpose, (kind,))
    if reason is None and model.engine == "auto":
        reason = _reason_by_hardware(model, purpose, checkpoint, kind, settings)
    if reason is not None:
        raise UnsupportedByCt2(reason)
    from llmcli.engines.ct2.library import choose_library
    from llmcli.engines.ct2.loading import Source, generation_config, load_converted

    if purpose.decoding_by is not None:
        _require_decoding(kind, *purpose.decoding_by(generation_config(checkpoint, settings)))
    choose_library(model.dtype, reads_file=purpose.file_bytes is not None)
    try:
        source = Source(checkpoint, kind, settings, purpose.file_bytes is not None)
        loaded = load_converted(model, source, note)
    except InputError as error:  # the cache cannot be written
        if _asks_for_ct2(model):
            raise
        raise UnsupportedByCt2(str(error)) from None
    if purpose.decoding_of is not None:
        _require_decoding(kind, *purpose.decoding_of(loaded))
    return loaded


def _require_decoding(kind: Kind, decoding: Decoding, rules: Rules) -> None:
    """Raise UnsupportedByCt2 where ct2 would generate other texts than transformers."""
    reason = reason_against_decoding(kind, decoding, rules)
    if reason is not None:
        raise UnsupportedByCt2(reason)


def _reason_by_settings(model: ModelSpec) -> str | None:
    if model.device not in ("auto", "cpu"):
        return f"it runs on the CPU only, and `device`={model.device} was asked for"
    if model.dtype in ("bfloat16", "float16"):
        return f"it computes in float32 or int8, and `dtype`={model.dtype} was asked for"
    if model.trust_remote_code:
        return "it does not run code that comes with a model"
    return None


def _reason_by_decoding(purpose: Purpose, kinds: tuple[Kind, ...]) -> str | None:
    """Why ct2 cannot decode as the purpose says with a model of any of these kinds."""
    decoding = purpose.decoding
    reasons = [
        reason_against_decoding(kind, decoding[kind]) if kind in decoding else None
        for kind in kinds
    ]
    return reasons[0] if reasons and None not in reasons else None


def _reason_by_hardware(
    model: ModelSpec,
    purpose: Purpose,
    checkpoint: Checkpoint,
    kind: Kind,
    settings: Mapping[str, Any],
) -> str | None:
    """Why torch is faster than ct2 at what both could do."""
    size = sum(path.stat().st_size for path in weight_files(checkpoint))
    file_bytes = purpose.file_bytes
    work = (file_bytes or 0) * size
    writes_much = kind in purpose.decoding and work >= LARGE_WRITING
    if model.dtype == "int8":  # ct2 reads as fast in it
        return PACKED if writes_much and _reason_against_int8(model) is None else None
    if model.device == "auto" and has_gpu() and (file_bytes is not None or size > SMALL_MODEL):
        return "there is a GPU"
    if size > LARGE_MODEL // 2:
        from llmcli.engines.ct2.conversion import is_converted

        if not is_converted(checkpoint, kind, "float32"):
            return "the model is large and not converted yet; `engine`=ct2 converts it"
    gains = group_of(kind) == "encoder" and kind != "tagger"  # whose tags would change
    if gains and not purpose.needs_exact and work >= LARGE_WORK and model.dtype == "auto":
        return _reason_by_race(work, kind, settings)
    if writes_much and "avx512" in describe().instructions:
        return PACKED
    return None


def _reason_by_race(work: int, kind: Kind, settings: Mapping[str, Any]) -> str | None:
    """Why torch reads a large file faster with an encoder."""
    from llmcli.engines.encoder_race import default

    if default() == "ct2" and work < SMALL_GAIN * LARGE_WORK:
        return None
    fastest = calibration.choice(_contest(kind, settings))
    return next((reason for reason, dtype in FASTER.items() if dtype == fastest), None)


def _contest(kind: Kind, settings: Mapping[str, Any]) -> calibration.Contest:
    """What decides between engines and dtypes for an encoder."""
    from llmcli.engines.encoder_race import FITTING, LABELS, VECTORS

    has_labels = kind == "classifier" and settings.get("problem_type") != "regression"
    return LABELS if has_labels and settings.get("model_type") in FITTING else VECTORS


def has_gpu() -> bool:
    """True if torch will probably find a GPU; it is not imported for that."""
    if sys.platform == "darwin":
        return os.uname().machine == "arm64"
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    return Path("/dev/nvidia0").exists() or (
        sys.platform == "win32" and shutil.which("nvidia-smi") is not None
    )
