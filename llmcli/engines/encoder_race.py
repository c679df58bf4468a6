"""What reads a large file with an encoder fastest here: ct2, or torch in one of its dtypes."""

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from llmcli.arrays import Floats
from llmcli.system.calibration import Contest
from llmcli.system.extras import is_installed, load_extra
from llmcli.system.machine import has_fast_bfloat16, usable_threads
from llmcli.system.races import Watch, race

if TYPE_CHECKING:
    from torch import Tensor

WIDTH, HEADS, WIDER = 384, 12, 1536
"""The shape of MiniLM."""
TEXTS, LENGTH = 2, 128
"""What is read: it takes about 5 ms a candidate."""
LEAST_COSINE = 0.99  # between a result and that in float32

FITTING = (
    "bert",
    "roberta",
    "xlm-roberta",
    "camembert",
    "electra",
    "distilbert",
    "mpnet",
    "modernbert",
)
"""Values of `model_type` with layers of our own, which int8 needs: those of
engines/pytorch/encoders/architectures.py, which imports torch."""


def default() -> str:
    """Where nothing is measured: bfloat16 where the processor multiplies it in hardware."""
    return "bfloat16" if has_fast_bfloat16() else "ct2"


def _measure(candidates: tuple[str, ...], watch: Watch) -> Mapping[str, float]:
    """Time one layer of random weights with each candidate."""
    import torch

    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        works: dict[str, Callable[[], object]] = {}
        if is_installed("ctranslate2"):
            works["ct2"] = _layer_of_ct2(Path(folder))
            works["ct2"]()  # the first call starts threads
        expected = None
        for name in candidates[1:]:
            if name == "bfloat16" and not has_fast_bfloat16():
                continue  # it would take seconds
            try:
                work = _layer_of_torch(name)
                result = work().float().flatten()
            except (RuntimeError, AttributeError):  # an operator that this build has not
                continue
            expected = result if expected is None else expected
            if torch.cosine_similarity(expected, result, 0) > LEAST_COSINE:
                works[name] = work
        # Both engines compute in threads of their own, for which the thread that times waits.
        return race(works, replace(watch, own=_own_time))


def _own_time() -> float:
    """Seconds of this process, a core."""
    return time.process_time() / usable_threads()


def _layer_of_ct2(folder: Path) -> Callable[[], object]:
    ctranslate2 = load_extra("ctranslate2", "the ct2 engine")
    specs = load_extra("ctranslate2.specs", "the ct2 engine")
    encoder = specs.TransformerEncoderSpec(
        1, HEADS, pre_norm=False, activation=specs.Activation.GELU
    )
    spec = specs.TransformerEncoderModelSpec(encoder)
    layer = encoder.layer[0]
    encoder.scale_embeddings = False
    encoder.embeddings[0].weight = _random(8, WIDTH)
    encoder.position_encodings.encodings = _random(LENGTH, WIDTH)
    attention, feed = layer.self_attention, layer.ffn
    for norm in (attention.layer_norm, feed.layer_norm):
        norm.gamma, norm.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)
    shapes = (
        (attention.linear[0], 3 * WIDTH, WIDTH),
        (attention.linear[1], WIDTH, WIDTH),
        (feed.linear_0, WIDER, WIDTH),
        (feed.linear_1, WIDTH, WIDER),
    )
    for linear, rows, columns in shapes:
        linear.weight, linear.bias = _random(rows, columns), np.zeros(rows, np.float32)
    spec.register_vocabulary([f"w{n}" for n in range(8)])
    spec.validate()
    spec.save(str(folder))
    model = ctranslate2.Encoder(str(folder), device="cpu", intra_threads=usable_threads())
    ids = ctranslate2.StorageView.from_array(np.ones((TEXTS, LENGTH), np.int32))
    lengths = ctranslate2.StorageView.from_array(np.full(TEXTS, LENGTH, np.int32))
    return lambda: np.array(model.forward_batch(ids, lengths).last_hidden_state)


def _layer_of_torch(name: str) -> "Callable[[], Tensor]":
    import torch

    from llmcli.engines.pytorch.encoders.kernels import random_layer

    dtype = torch.bfloat16 if name == "bfloat16" else torch.float32
    with torch.random.fork_rng():
        torch.manual_seed(0)  # the same weights and rows in each dtype
        layer = random_layer(WIDTH, HEADS, WIDER, dtype, is_int8=name == "int8")
        rows = torch.randn(TEXTS * LENGTH, WIDTH).to(dtype)
    return lambda: layer(rows, [LENGTH] * TEXTS)


def _random(*shape: int) -> Floats:
    values: Floats = np.random.default_rng(0).standard_normal(shape, np.float32)
    values /= 20
    return values


def _contest(name: str, candidates: tuple[str, ...]) -> Contest:
    return Contest(
        f"encoder, {name}",
        default,
        candidates,
        partial(_measure, candidates),
        libraries=("torch", "ctranslate2"),
    )


VECTORS = _contest("vectors", ("ct2", "float32", "bfloat16"))
"""Where the numbers of a text count, up to what bfloat16 rounds away."""
LABELS = _contest("labels", ("ct2", "float32", "bfloat16", "int8"))
"""Where only the largest score counts, and close ones are computed again in float32."""
