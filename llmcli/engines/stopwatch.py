"""Timing one engine, in a process of its own: python -m llmcli.engines.stopwatch TRIAL.

The trial is JSON, and so are its speeds, on stdout. For an engine that cannot run the model, stderr
gives the reason in one line, and the exit code is FAILED.
"""

import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from llmcli.decoding.request import Request
from llmcli.errors import LlmcliError
from llmcli.spec import Decoding, ModelSpec
from llmcli.spec.tasks import BenchOptions
from llmcli.system import calibration
from llmcli.system.machine import peak_memory
from llmcli.system.measure import median_seconds

FAILED = 3


@dataclass(frozen=True, slots=True)
class Trial:
    """What is timed."""

    model: ModelSpec
    """With an engine and a dtype."""
    options: BenchOptions
    kind: str
    """causal, seq2seq or encoder."""


@dataclass(frozen=True, slots=True)
class Speeds:
    """The speed of one engine; a field is None if the model does no such thing."""

    load: float
    """Seconds from the start of a process until the model is ready, imports included."""
    first: float
    """Seconds from a prompt to its first token; of an encoder, for one text."""
    prefill: float
    """Prompt tokens/s of one text; of an encoder, its tokens/s."""
    decode: float | None
    """New tokens/s of one text, after the first one."""
    batch: float
    """Tokens/s of `batch_size` texts at once: new tokens; of an encoder, input tokens."""
    memory: int | None
    """Peak memory of the process in bytes; None if the system does not say."""
    chosen: tuple[str, ...] = ()
    """How it was computed, a line for each choice, with the reason."""


def run(trial: Trial, began: float) -> Speeds:
    """Load a model and time it. began: when the process started. Raises as `load` does."""
    from llmcli.engines.choose import Purpose, load

    calibration.allow_measuring()
    kinds: Any = (trial.kind,) if trial.kind != "encoder" else ()
    loaded = load(trial.model, Purpose(kinds))
    seconds = time.time() - began
    time_it = _time_encoder if trial.kind == "encoder" else _time_decoder
    first, prefill, decode, batch = time_it(loaded, trial)
    chosen = tuple(str(made) for made in calibration.chosen())
    return Speeds(seconds, first, prefill, decode, batch, peak_memory(), chosen)


def _median(work: Callable[[], int], repeats: int) -> tuple[float, int]:
    """The median time of some work, after it ran once, and what it returned then."""
    count = work()
    return median_seconds(work, repeats=repeats, patience=math.inf), count


def _ids(loaded: Any, options: BenchOptions, rows: int) -> list[list[int]]:
    """Prompts of tokens from the middle of the vocabulary, all different."""
    size = min(len(loaded.tokenizer), loaded.rows or len(loaded.tokenizer))
    limit = options.prompt_tokens
    return [
        [size // 4 + (row * 37 + at * 11) % (size // 2) for at in range(limit)]
        for row in range(rows)
    ]


_Timed = tuple[float, float, float | None, float]
"""first, prefill, decode and batch of `Speeds`."""


def _time_encoder(loaded: Any, trial: Trial) -> _Timed:
    import numpy as np

    options = trial.options

    def work(rows: int) -> Callable[[], int]:
        ids = np.array(_ids(loaded, options, rows))
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}

        def go() -> int:
            loaded.engine.forward(inputs)
            return int(ids.size)

        return go

    seconds, count = _median(work(1), options.repeats)
    batch_seconds, batch_count = _median(work(options.batch_size), options.repeats)
    return seconds, count / seconds, None, batch_count / batch_seconds


def _time_decoder(loaded: Any, trial: Trial) -> _Timed:
    options = trial.options

    def work(rows: int, new: int) -> Callable[[], int]:
        prompts = _ids(loaded, options, rows)
        return (_search if trial.kind == "seq2seq" else _decode)(loaded, prompts, new)

    first, _ = _median(work(1, 1), options.repeats)
    whole, count = _median(work(1, options.new_tokens), options.repeats)
    batch, batch_count = _median(work(options.batch_size, options.new_tokens), options.repeats)
    decode = (count - 1) / max(whole - first, 1e-9)
    return first, options.prompt_tokens / first, decode, batch_count / batch


def _decode(loaded: Any, prompts: list[list[int]], new: int) -> Callable[[], int]:
    # An end token that hardly ever occurs, so that all texts have their full length.
    end = frozenset([len(loaded.tokenizer) - 1])
    request = Request(prompts, [new] * len(prompts), end, seeds=[0] * len(prompts))
    return lambda: sum(1 for _ in loaded.engine.decode(request, Decoding()))


def _search(loaded: Any, sources: list[list[int]], new: int) -> Callable[[], int]:
    from llmcli.engines.base import decoder_start

    start = decoder_start(loaded)
    end = frozenset([len(loaded.tokenizer) - 1])
    request = Request([start] * len(sources), [new] * len(sources), end, sources=sources)

    def go() -> int:
        hypotheses = loaded.engine.search(request, Decoding())
        return sum(len(best.tokens) for best, *_ in hypotheses)

    return go


def main(request: str) -> int:
    """Run a trial that is given as JSON; return the exit code."""
    began = time.time()
    fields = json.loads(request)
    trial = Trial(ModelSpec(**fields["model"]), BenchOptions(**fields["options"]), fields["kind"])
    try:
        speeds = run(trial, began)
    except LlmcliError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return FAILED
    print(json.dumps(asdict(speeds)))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
