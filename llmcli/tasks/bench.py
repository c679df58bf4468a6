"""How fast a model runs on this machine, by engine and dtype, beside what the machine allows."""

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from llmcli.engines.stopwatch import FAILED, Speeds, Trial
from llmcli.errors import InputError, UsageError
from llmcli.models import hub
from llmcli.models.architectures import kinds_of
from llmcli.models.checkpoint import Checkpoint, check, read_config, weight_files
from llmcli.models.safetensors import Tensors
from llmcli.models.starters import GENERATE, Note, choose_model, ignore
from llmcli.spec import Dtype, EngineName, ModelSpec
from llmcli.spec.tasks import BenchOptions
from llmcli.system.machine import has_fast_bfloat16, has_int8_products
from llmcli.system.measure import Machine
from llmcli.system.roofline import DecoderSizes, bytes_per_token, decode_bound, prefill_bound

CHOICES: tuple[tuple[EngineName, Dtype], ...] = (
    ("torch", "float32"),
    ("torch", "bfloat16"),
    ("torch", "int8"),
    ("ct2", "float32"),
    ("ct2", "int8"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One engine in one dtype."""

    engine: EngineName
    dtype: Dtype
    speeds: Speeds | None
    """None where it does not run the model."""
    error: str | None
    decode_limit: float | None
    """Tokens/s of one text that the memory allows: bandwidth by the bytes read for a token."""
    prefill_limit: float | None
    """Prompt tokens/s that the arithmetic allows."""


def named_model(model: ModelSpec | None, note: Note = ignore) -> ModelSpec:
    """The model to time: the one that the user named, else the default, of which `note` is told."""
    return choose_model(model, GENERATE, note)


def choices(model: ModelSpec) -> list[tuple[EngineName, Dtype]]:
    """What is compared: all, or what --engine and --dtype leave. Raises UsageError if nothing.

    bfloat16 where the processor has it, or where it is asked for: imitated, it takes minutes.
    """
    left_out = set()
    if model.dtype == "auto" and not has_fast_bfloat16():
        left_out.add(("torch", "bfloat16"))
    if not has_int8_products():
        left_out.add(("torch", "int8"))
    found = [
        (engine, dtype)
        for engine, dtype in CHOICES
        if model.engine in ("auto", engine)
        and model.dtype in ("auto", dtype)
        and (engine, dtype) not in left_out
    ]
    if not found and model.dtype == "float16" and model.engine != "ct2":
        found = [("torch", "float16")]
    if not found:
        raise UsageError(f"--engine {model.engine} does not compute in {model.dtype}")
    return found


def kind_of_model(model: ModelSpec) -> str:
    """causal, seq2seq or encoder. Raises ModelNotFound, ModelUnsuitable."""
    checkpoint = hub.resolve(model)
    check(checkpoint)
    return next((kind for kind in kinds_of(read_config(checkpoint)) if kind in WRITERS), "encoder")


WRITERS = ("causal", "seq2seq")


def bench(model: ModelSpec, kind: str, options: BenchOptions, machine: Machine) -> Iterator[Row]:
    """Yield what was measured of each engine and dtype, each in a process of its own.

    kind: what `kind_of_model` says. machine: what was measured of it, for the limits. An engine
    that cannot run the model gives a row with the reason.
    """
    sizes = _sizes(hub.resolve(model)) if kind == "causal" else None
    for engine, dtype in choices(model):
        trial = Trial(replace(model, engine=engine, dtype=dtype), options, kind)
        speeds, error = _tried(trial)
        yield Row(engine, dtype, speeds, error, *_limits(sizes, options, dtype, machine))


def _tried(trial: Trial) -> tuple[Speeds | None, str | None]:
    """Run a trial in a process of its own: it is cold, and its memory is its alone."""
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
    model: DecoderSizes | None, options: BenchOptions, dtype: Dtype, machine: Machine
) -> tuple[float | None, float | None]:
    """Tokens/s of decoding and of reading the prompt at the most; None where it is not known."""
    if model is None:
        return None, None
    read = bytes_per_token(model, dtype, options.prompt_tokens + options.new_tokens // 2)
    # Of int8, a rate that was measured is torch's, which ct2 may outrun: it is no limit.
    rate = None if dtype == "int8" else machine.rate(dtype)
    prefill = None if rate is None else prefill_bound(rate.gflops, model, options.prompt_tokens)
    return decode_bound(machine.bandwidth, read), prefill


def _sizes(checkpoint: Checkpoint) -> DecoderSizes | None:
    """The sizes of a causal model, from its configuration and the shapes of its weights."""
    if checkpoint.gguf_file is not None:
        return None
    config = read_config(checkpoint)
    width: Any = config.get("hidden_size", config.get("n_embd"))
    heads: Any = config.get("num_attention_heads", config.get("n_head"))
    layers: Any = config.get("num_hidden_layers", config.get("n_layer"))
    if not all(isinstance(one, int) for one in (width, heads, layers, config.get("vocab_size"))):
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
