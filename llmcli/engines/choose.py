"""Which engine runs a model: the fastest one that does what was asked, and why it is that one."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from llmcli.engines.base import INT8, Loaded, Placement
from llmcli.engines.ct2.support import NotForCt2, group_of
from llmcli.errors import InputError, UsageError
from llmcli.models import hub
from llmcli.models.architectures import Kind, choose_kind
from llmcli.models.checkpoint import Checkpoint, check, read_adapters, read_config, weight_files
from llmcli.spec import ModelSpec
from llmcli.system.machine import describe, has_fast_bfloat16, has_int8_products

# Bytes of text by bytes of weights from which loading torch for its bfloat16 is repaid: 400 kB for
# an encoder of six layers, 384 wide, whose file has 90 MB.
LARGE_WORK = 1 << 45
# The same for a file of prompts, where torch packs the weights once, and ct2 lays them out at each
# step: 35 kB for GPT-2 with 124 million parameters. Translating gains too little for the memory.
LARGE_WRITING = 1 << 44
LARGE_MODEL = 4 << 30  # bytes of float32 weights that are not converted without being asked
SMALL_MODEL = 200 << 20  # bytes of weights that a processor runs well where there is a GPU too


@dataclass(frozen=True, slots=True)
class Job:
    """What a model is loaded for."""

    kinds: tuple[Kind, ...]
    """Empty: what any model has below its head."""
    needs: str | None = None
    """What torch alone does of it, in a few words; None: nothing."""
    file_bytes: int | None = None
    """Size of the file of texts, 0 where it is not known; None for a text or two."""
    reject: Callable[[Loaded], str | None] | None = None
    """Looks at a model loaded for ct2, and says what of the job it cannot do; None: nothing."""
    writes: bool = False
    """Texts are continued."""


def load(model: ModelSpec, job: Job, note: Callable[[str], None] = lambda line: None) -> Loaded:
    """Load a model on the engine that `model.engine` names, or the fastest that does the job.

    note: is told of a conversion, which takes a while, before it begins.
    Raises ModelNotFound; ModelUnsuitable if the model is of another kind or is damaged, or if
    an engine was asked for that cannot run it; UsageError for what that engine cannot do.
    """
    why = "asked for"
    if model.engine != "torch":
        try:
            return _load_ct2(model, job, note)
        except NotForCt2 as reason:
            why = str(reason)
            if _asks_for_ct2(model):
                flag = "--engine ct2" if model.engine == "ct2" else "--dtype int8"
                raise UsageError(f"{flag} cannot do this: {why}") from None
    elif model.dtype == "int8" and (refusal := _reason_against_int8(model)) is not None:
        raise UsageError(f"--dtype int8 {refusal}")
    load_it = _in_bfloat16 if why == BFLOAT16 else load_on_torch
    return replace(load_it(model, job.kinds), why=why)


def _asks_for_ct2(model: ModelSpec) -> bool:
    return model.engine == "ct2" or (
        model.dtype == "int8" and _reason_against_int8(model) is not None
    )


def _reason_against_int8(model: ModelSpec) -> str | None:
    """Why torch does not compute in it; None: it does."""
    if model.device not in ("auto", "cpu"):
        return f"is for CPUs alone, and --device {model.device} was asked for"
    if not has_int8_products():
        return "with --engine torch is for CPUs with VNNI alone: leave out --engine torch"
    return None


def load_on_torch(model: ModelSpec, kinds: tuple[Kind, ...] = ()) -> Loaded:
    """Load a model to compute with, its weights laid out for this processor.

    kinds: what it may be; none: any, without its head. Raises as `load` does.
    """
    from llmcli.engines.pytorch import loading
    from llmcli.engines.pytorch.packing import pack, round_to_int8

    rounds = model.dtype == "int8"
    if rounds:
        model = replace(model, dtype="float32", device="cpu")
    found = loading.load(model, kinds) if kinds else loading.load_encoder(model)
    if not rounds:
        pack(found.model)
        return found
    round_to_int8(found.model)
    return replace(found, placement=Placement("cpu", "int8", f"cpu, {INT8}"))


def _in_bfloat16(model: ModelSpec, kinds: tuple[Kind, ...]) -> Loaded:
    """Load an encoder where nobody asked for bfloat16: labels are to be those of float32."""
    found = load_on_torch(replace(model, dtype="bfloat16"), kinds)
    engine, how = found.engine, "fast here"
    if found.kind == "classifier":
        from llmcli.engines.pytorch.engine import Rechecked

        exact = load_on_torch(replace(model, dtype="float32"), kinds)
        engine, how = Rechecked(found.model, exact.engine), "fast here; close labels in float32"
    placement = replace(found.placement, reason=f"cpu, bfloat16 ({how})")
    return replace(found, engine=engine, placement=placement)


PACKED = "on a large file, it packs the weights once, for all steps"
BFLOAT16 = "on a large file, this processor's bfloat16 outruns it"


def _load_ct2(model: ModelSpec, job: Job, note: Callable[[str], None]) -> Loaded:
    """Raises NotForCt2 where torch is to do it."""
    reason = job.needs or _reason_by_flags(model)
    if reason is not None:
        raise NotForCt2(reason)
    checkpoint = hub.resolve(model)
    if checkpoint.gguf_file is not None:
        raise NotForCt2("it reads no GGUF files")
    check(checkpoint)
    if read_adapters(checkpoint) is not None:
        raise NotForCt2("it does not merge adapters")
    settings = read_config(checkpoint)
    kind = choose_kind(model.model_id, settings, job.kinds) if job.kinds else "encoder"
    if model.engine == "auto":
        reason = _reason_by_hardware(model, job, checkpoint, kind)
        if reason is not None:
            raise NotForCt2(reason)
    from llmcli.engines.ct2.loading import load_converted

    try:
        loaded = load_converted(model, checkpoint, kind, settings, note)
    except InputError as error:  # the cache cannot be written
        if _asks_for_ct2(model):
            raise
        raise NotForCt2(str(error)) from None
    reason = job.reject(loaded) if job.reject is not None else None
    if reason is not None:
        raise NotForCt2(reason)
    return loaded


def _reason_by_flags(model: ModelSpec) -> str | None:
    if model.device not in ("auto", "cpu"):
        return f"it runs on the CPU alone, and --device {model.device} was asked for"
    if model.dtype in ("bfloat16", "float16"):
        return f"it computes in float32 or int8 on a CPU, and --dtype {model.dtype} was asked for"
    if model.trust_remote_code:
        return "it does not run code that a model brings along"
    return None


def _reason_by_hardware(
    model: ModelSpec, job: Job, checkpoint: Checkpoint, kind: Kind
) -> str | None:
    """Why another engine is the faster one, of a job that ct2 could do."""
    size = sum(path.stat().st_size for path in weight_files(checkpoint))
    work = (job.file_bytes or 0) * size
    writes_much = job.writes and work >= LARGE_WRITING
    if model.dtype == "int8":  # ct2 reads as fast in it
        return PACKED if writes_much and _reason_against_int8(model) is None else None
    if model.device == "auto" and has_gpu() and (job.file_bytes is not None or size > SMALL_MODEL):
        return "there is a GPU"
    if size > LARGE_MODEL // 2:
        from llmcli.engines.ct2.conversion import is_converted

        if not is_converted(checkpoint, kind, "float32"):
            return "the model is large, and was not converted; --engine ct2 does so"
    if group_of(kind) == "encoder" and work >= LARGE_WORK and model.dtype == "auto":
        return BFLOAT16 if has_fast_bfloat16() else None
    if writes_much and "avx512" in describe().instructions:
        return PACKED
    return None


def has_gpu() -> bool:
    """True where torch will probably find a GPU, told without importing it."""
    if sys.platform == "darwin":
        return os.uname().machine == "arm64"
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    return Path("/dev/nvidia0").exists() or (
        sys.platform == "win32" and shutil.which("nvidia-smi") is not None
    )
