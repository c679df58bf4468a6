"""One engine, timed: python -m llmcli.engines.stopwatch TRIAL. A process of its own for each.

The trial comes as JSON, and so do its speeds, on stdout. An engine that cannot run the model
says why in one line on stderr, and ends with the exit code FAILED.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from llmcli.decoding.request import Request
from llmcli.errors import LlmcliError
from llmcli.spec import Decoding, ModelSpec
from llmcli.spec.tasks import BenchOptions
from llmcli.system.machine import peak_memory

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
    """What one engine does; a field is None where the model does no such thing."""

    load: float
    """Seconds from an empty process to a model that is ready, imports included."""
    first: float
    """Seconds from a prompt to its first token; of an encoder, for one text."""
    prefill: float
    """Prompt tokens/s of one text; of an encoder, its tokens/s."""
    decode: float | None
    """New tokens/s of one text, after the first one."""
    batch: float
    """Tokens/s of `batch_size` texts at once: new ones; of an encoder, those it reads."""
    memory: int | None
    """Bytes that the process had at most; None on systems that do not tell."""


def run(trial: Trial, began: float) -> Speeds:
    """Load a model and time it. began: when the process started. Raises as `load` does."""
    from llmcli.engines.choose import Purpose, load

    kinds: Any = (trial.kind,) if trial.kind != "encoder" else ()
    loaded = load(trial.model, Purpose(kinds))
    seconds = time.time() - began
    time_it = _encoder if trial.kind == "encoder" else _writer
    first, prefill, decode, batch = time_it(loaded, trial)
    return Speeds(seconds, first, prefill, decode, batch, peak_memory())


def _median(work: Callable[[], int], repeats: int) -> tuple[float, int]:
    """The median time of some work, after it ran once, and what it returned last."""
    count = work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        count = work()
        times.append(time.perf_counter() - start)
    return statistics.median(times), count


def _ids(loaded: Any, options: BenchOptions, rows: int) -> list[list[int]]:
    """Prompts of tokens from the middle of the vocabulary, no two alike."""
    size = len(loaded.tokenizer)
    limit = options.prompt_tokens
    return [
        [size // 4 + (row * 37 + at * 11) % (size // 2) for at in range(limit)]
        for row in range(rows)
    ]


Timed = tuple[float, float, float | None, float]
"""first, prefill, decode and batch of `Speeds`."""


def _encoder(loaded: Any, trial: Trial) -> Timed:
    import numpy as np

    options = trial.options

    def work(rows: int) -> Callable[[], int]:
        ids = np.array(_ids(loaded, options, rows))
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}

        def go() -> int:
            loaded.engine.forward(inputs)
            return int(ids.size)

        return go

    one, count = _median(work(1), options.repeats)
    many, all_ = _median(work(options.batch_size), options.repeats)
    return one, count / one, None, all_ / many


def _writer(loaded: Any, trial: Trial) -> Timed:
    options = trial.options

    def work(rows: int, new: int) -> Callable[[], int]:
        prompts = _ids(loaded, options, rows)
        return (_translating if trial.kind == "seq2seq" else _writing)(loaded, prompts, new)

    first, _ = _median(work(1, 1), options.repeats)
    whole, count = _median(work(1, options.new_tokens), options.repeats)
    many, all_ = _median(work(options.batch_size, options.new_tokens), options.repeats)
    decode = (count - 1) / max(whole - first, 1e-9)
    return first, options.prompt_tokens / first, decode, all_ / many


def _writing(loaded: Any, prompts: list[list[int]], new: int) -> Callable[[], int]:
    # An end that hardly ever comes, so that all texts have their whole length.
    end = frozenset([len(loaded.tokenizer) - 1])
    request = Request(prompts, [new] * len(prompts), end, seeds=[0] * len(prompts))
    return lambda: sum(1 for _ in loaded.engine.decode(request, Decoding()))


def _translating(loaded: Any, sources: list[list[int]], new: int) -> Callable[[], int]:
    from llmcli.engines.base import decoder_start

    start = decoder_start(loaded)
    end = frozenset([len(loaded.tokenizer) - 1])
    request = Request([start] * len(sources), [new] * len(sources), end, sources=sources)

    def go() -> int:
        found = loaded.engine.search(request, Decoding())
        return sum(len(best.tokens) for best, *_ in found)

    return go


def main(request: str) -> int:
    """Do what a trial in JSON says; the exit code."""
    began = time.time()
    asked = json.loads(request)
    trial = Trial(ModelSpec(**asked["model"]), BenchOptions(**asked["options"]), asked["kind"])
    try:
        speeds = run(trial, began)
    except LlmcliError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return FAILED
    print(json.dumps(asdict(speeds)))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
