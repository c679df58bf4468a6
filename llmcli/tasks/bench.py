"""How fast a model runs on this machine, by engine and dtype, and what the machine allows."""

import json
import math
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from typing import Any

from llmcli.data.records import Record
from llmcli.engines.gguf import unpack
from llmcli.engines.stopwatch import FAILED, Speeds, Trial
from llmcli.errors import InputError, UsageError
from llmcli.models import hub
from llmcli.models.architectures import kinds_of
from llmcli.models.checkpoint import Checkpoint, check, lowest, read_config, weight_files
from llmcli.models.gguf import read_settings
from llmcli.models.safetensors import Tensors
from llmcli.models.starters import GENERATE, Note, choose_model, ignore
from llmcli.spec import Dtype, EngineName, ModelSpec
from llmcli.spec.tasks import BenchOptions
from llmcli.system.machine import has_fast_bfloat16, has_int8_products
from llmcli.system.measure import Machine, measure
from llmcli.system.roofline import DecoderSizes, bytes_per_token, decode_bound, prefill_bound

CHOICES: tuple[tuple[EngineName, Dtype], ...] = (
    ("torch", "float32"),
    ("torch", "bfloat16"),
    ("torch", "int8"),
    ("ct2", "float32"),
    ("ct2", "int8"),
)


WRITERS = ("causal", "seq2seq")


@dataclass(frozen=True, slots=True)
class Timing:
    """One engine in one dtype."""

    engine: EngineName
    dtype: Dtype
    speeds: Speeds | None
    """None where the engine does not run the model."""
    error: str | None
    """Why it does not."""
    decode_limit: float | None
    """Tokens/s of one text that memory bandwidth allows; None where it is unknown."""
    prefill_limit: float | None
    """Prompt tokens/s that the arithmetic allows; None where it is unknown."""


@dataclass(frozen=True, slots=True)
class BenchReport:
    """How fast a model runs on a machine."""

    model: str
    kind: str
    """causal, seq2seq or encoder."""
    options: BenchOptions
    machine: Machine
    timings: tuple[Timing, ...]

    def to_dict(self) -> Record:
        """The record that `llmcli bench --json` prints."""
        return {
            "model": self.model,
            "kind": self.kind,
            **asdict(self.options),
            "machine": asdict(self.machine),
            "rows": [asdict(timing) for timing in self.timings],
        }


def bench(model: ModelSpec | None, options: BenchOptions, note: Note = ignore) -> BenchReport:
    """Time a model with each engine and dtype, each in a process of its own.

    model: None, or one without a name, takes the default. Its engine and dtype, unless auto, leave
    out the others. note: is told what is measured, and of choices made for the user.
    An engine that cannot run the model gives a timing with the reason. Raises ModelNotFound,
    ModelUnsuitable; UsageError where the engine does not compute in the dtype.
    """
    model = choose_model(model, GENERATE, note)
    unpack(model, note)
    checkpoint = hub.resolve(model)
    check(checkpoint)
    kinds = kinds_of(read_settings(checkpoint))
    kind = next((name for name in kinds if name in WRITERS), "encoder")
    variants = choices(model)
    note("measuring this machine")
    machine = measure(with_torch=any(engine == "torch" for engine, _ in variants))
    sizes = _sizes(checkpoint) if kind == "causal" else None
    timings = []
    for engine, dtype in variants:
        trial = Trial(replace(model, engine=engine, dtype=dtype), options, kind)
        speeds, error = _try(trial)
        limits = _limits(sizes, options, dtype, machine)
        timings.append(Timing(engine, dtype, speeds, error, *limits))
        note(f"{engine} {dtype}: {error or 'done'}")
    return BenchReport(model.model_id, kind, options, machine, tuple(timings))


def choices(model: ModelSpec) -> list[tuple[EngineName, Dtype]]:
    """The engines and dtypes to time: all, or those that the model's own choice leaves.

    bfloat16 only if the processor has it or it is asked for: emulated, it takes minutes.
    Raises UsageError if none is left.
    """
    left_out = set()
    if model.dtype == "auto" and not has_fast_bfloat16():
        left_out.add(("torch", "bfloat16"))
    if not has_int8_products():
        left_out.add(("torch", "int8"))
    variants = [
        (engine, dtype)
        for engine, dtype in CHOICES
        if model.engine in ("auto", engine)
        and model.dtype in ("auto", dtype)
        and (engine, dtype) not in left_out
    ]
    if not variants and model.dtype == "float16" and model.engine != "ct2":
        variants = [("torch", "float16")]
    if not variants:
        raise UsageError(f"`engine`={model.engine} does not compute in {model.dtype}")
    return variants


def _try(trial: Trial) -> tuple[Speeds | None, str | None]:
    """Run a trial in a process of its own: nothing is loaded yet, and its memory is its own."""
    done = subprocess.run(
        [sys.executable, "-m", "llmcli.engines.stopwatch", json.dumps(asdict(trial))],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode == 0:
        return Speeds(**json.loads(done.stdout.splitlines()[-1])), None
    lines = done.stderr.strip().splitlines() or ["its process was killed"]
    if done.returncode != FAILED and done.returncode >= 0:
        raise InputError(f"{trial.model.engine} in {trial.model.dtype} failed: {lines[-1]}")
    return None, lines[-1]


def _limits(
    sizes: DecoderSizes | None, options: BenchOptions, dtype: Dtype, machine: Machine
) -> tuple[float | None, float | None]:
    """The most tokens/s of decoding and of reading the prompt; None where they are unknown."""
    if sizes is None:
        return None, None
    read = bytes_per_token(sizes, dtype, options.prompt_tokens + options.new_tokens // 2)
    # The rate measured for int8 is that of torch; ct2 may be faster, so that it is no limit.
    rate = None if dtype == "int8" else machine.rate(dtype)
    prefill = None if rate is None else prefill_bound(rate.gflops, sizes, options.prompt_tokens)
    return decode_bound(machine.bandwidth, read), prefill


def _sizes(checkpoint: Checkpoint) -> DecoderSizes | None:
    """The sizes of a causal model, from its configuration and the shapes of its weights."""
    checkpoint = lowest(checkpoint)  # merged adapters change no size
    if checkpoint.gguf_file is not None:
        return None
    config = read_config(checkpoint)
    width: Any = config.get("hidden_size", config.get("n_embd"))
    heads: Any = config.get("num_attention_heads", config.get("n_head"))
    layers: Any = config.get("num_hidden_layers", config.get("n_layer"))
    if not all(isinstance(size, int) for size in (width, heads, layers, config.get("vocab_size"))):
        return None
    shapes = Tensors(weight_files(checkpoint)).shapes()
    outside = [
        math.prod(shape)
        for name, shape in shapes.items()
        if len(shape) == 2
        and (shape[0] == config["vocab_size"] or "wpe" in name or "embed_positions" in name)
    ]
    numbers = sum(map(math.prod, shapes.values()))
    head = config.get("head_dim") or width // heads
    return DecoderSizes(
        layer_parameters=numbers - sum(outside),
        output_parameters=config["vocab_size"] * width,
        layers=layers,
        attention_size=heads * head,
        kv_size=(config.get("num_key_value_heads") or heads) * head,
    )
