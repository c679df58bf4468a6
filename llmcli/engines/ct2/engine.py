"""The engine that runs converted models with CTranslate2."""

import logging
import queue
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmcli.arrays import Bools, Floats, Integers, require_finite_numbers
from llmcli.decoding.request import Request
from llmcli.decoding.steps import Hypothesis, Step, StepStream
from llmcli.engines.base import Inputs, Outputs
from llmcli.engines.ct2.search import excluded, search, streams_of, words
from llmcli.engines.ct2.waiting import PAUSE, call_apart, wait_for
from llmcli.models.architectures import Kind
from llmcli.spec import Decoding, EngineName
from llmcli.system.extras import load_extra
from llmcli.system.machine import usable_threads

if TYPE_CHECKING:
    from llmcli.engines.ct2.heads import Head

CLASSES: dict[Kind, str] = {"causal": "Generator", "seq2seq": "Translator"}
SPREAD = 8  # tokens by which the prompts of a group may differ in length
ENOUGH = 16  # rows of a group to which more are not added at the cost of more steps


class Ct2Engine:
    """Runs a converted model: an encoder, a causal model or a sequence-to-sequence model.

    Implements `Engine`; each kind of model supports the methods that make sense for it. The choice
    of an engine makes sure that nothing is asked for that CTranslate2 would do differently. Calls
    from several threads are queued in CTranslate2.
    """

    name: EngineName = "ct2"
    schedules = False

    def __init__(
        self, folder: Path, kind: Kind, head: "Head | None" = None, *, reads_file: bool = False
    ) -> None:
        """folder: of a conversion. head: of an encoder. reads_file: many texts are to come.

        Raises InputError without ctranslate2.
        """
        ctranslate2 = load_extra("ctranslate2", "the ct2 engine")
        ctranslate2.set_log_level(logging.ERROR)  # its warnings are not for our users
        model_class = getattr(ctranslate2, CLASSES.get(kind, "Encoder"))
        threads = usable_threads()
        self.streams = streams_of(threads) if reads_file and kind == "seq2seq" else 1
        model = model_class(
            str(folder),
            device="cpu",
            inter_threads=self.streams,
            intra_threads=threads // self.streams,
        )
        # It must be freed before Python exits: a callback that it still holds would crash then.
        self._held = [model]
        weakref.finalize(self, self._held.clear)
        self._head = head

    @property
    def model(self) -> Any:
        """The Encoder, Generator or Translator of ctranslate2."""
        return self._held[0]

    def forward(self, inputs: Inputs, positions: Bools | None = None) -> Outputs:
        """One forward pass of an encoder or a causal model, as `Engine.forward` describes it."""
        import ctranslate2
        import numpy as np

        def view(values: Integers) -> Any:
            return ctranslate2.StorageView.from_array(np.ascontiguousarray(values, np.int32))

        ids, mask = inputs["input_ids"], inputs.get("attention_mask")
        lengths = np.full(len(ids), ids.shape[1]) if mask is None else mask.sum(-1)  # (B,)
        model = self.model
        if self._head is None:
            logits = call_apart(lambda: model.forward_batch(view(ids), view(lengths)))
            return Outputs(logits=np.array(logits))
        types = inputs.get("token_type_ids")
        rows = None if types is None else types.tolist()
        out = call_apart(lambda: model.forward_batch(view(ids), view(lengths), token_type_ids=rows))
        return self._head(np.array(out.last_hidden_state), positions)

    def decode(self, request: Request, options: Decoding) -> StepStream:
        """Greedy decoding with a causal model, as `Engine.decode` describes it."""
        return _Greedy(self, request)

    def search(self, request: Request, options: Decoding) -> list[list[Hypothesis]]:
        """Beam search with a sequence-to-sequence model, as `Engine.search` describes it."""
        return search(self.model, self.streams, request, options)

    def score(self, rows: Sequence[Sequence[int]], counts: Sequence[int]) -> list[Floats]:
        """Log-probabilities of tokens by a causal model, as `Engine.score` describes it."""
        import numpy as np

        results = self.model.score_batch(
            [words(row) for row in rows], max_input_length=0, asynchronous=True
        )
        return [
            np.array(result.log_probs[-count:], np.float32)
            for result, count in zip(wait_for(results, self.model), counts, strict=True)
        ]


class _Greedy:
    """Greedy decoding of a batch, as a StepStream.

    CTranslate2 decodes in a thread of its own; this thread waits for it in Python, so that Ctrl-C
    still works.
    """

    def __init__(self, engine: Ct2Engine, request: Request) -> None:
        self._engine, self._live = engine, request.live
        self._prompts, self._limits = request.prompts, request.limits
        self._excluded = excluded(request)
        self._ends = request.end_tokens
        self._stopped: set[int] = set()

    @property
    def passes(self) -> int | None:
        """None: one forward pass for each token."""
        return None

    def __iter__(self) -> Iterator[Step]:
        for rows in self._groups():
            yield from self._steps(rows)

    def _groups(self) -> Iterator[list[int]]:
        """Rows that are decoded together: with the same limit, and prompts of similar length.

        CTranslate2 reads as much of each prompt as the shortest one has, and then the rest one
        token a step. A step takes hardly longer with a few more rows, so few rows are joined even
        if that doubles the number of steps. Prompts of one token form groups of their own: beside
        them, the rest of longer prompts would be returned as new tokens.
        """
        rows = [row for row, limit in enumerate(self._limits) if limit > 0]
        rows.sort(key=lambda row: (self._limits[row], len(self._prompts[row])))
        group: list[int] = []
        for row in rows:
            if group and not self._fits(row, group):
                yield group
                group = []
            group.append(row)
        if group:
            yield group

    def _fits(self, row: int, group: list[int]) -> bool:
        limit, size = self._limits[row], len(self._prompts[row])
        shortest = len(self._prompts[group[0]])
        if limit != self._limits[group[0]] or size > shortest == 1:
            return False
        return size - shortest <= (SPREAD if len(group) >= ENOUGH else max(SPREAD, limit))

    def stop(self, row: int) -> None:
        """End a row early."""
        self._stopped.add(row)

    def _steps(self, rows: list[int]) -> Iterator[Step]:
        """Decode a group."""
        arrived: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
        stopped = self._stopped

        # The decoding thread may be the last to release this function. It would wait for itself if
        # that freed the model, so the function must not refer to anything that holds the model.
        def take(result: Any) -> bool:
            arrived.put((rows[result.batch_id], result.token_id))
            return rows[result.batch_id] in stopped

        results = self._engine.model.generate_batch(
            [words(self._prompts[row]) for row in rows],
            max_length=self._limits[rows[0]],
            end_token=sorted(self._ends),
            suppress_sequences=self._excluded,
            return_end_token=True,
            include_prompt_in_result=False,
            return_scores=True,
            asynchronous=True,
            callback=take if self._live else None,
        )
        try:
            if self._live:
                for row, token in _as_they_arrive(results, arrived):
                    if row not in stopped:
                        yield self._step(row, token)
            else:
                for row, result in zip(
                    rows, _finite(wait_for(results, self._engine.model)), strict=True
                ):
                    for token in result.sequences_ids[0]:
                        yield self._step(row, token)
        finally:
            stopped.update(rows)  # after Ctrl-C, this ends the thread soon

    def _step(self, row: int, token: int) -> Step:
        return Step(row, token, token in self._ends, 0.0)


def _as_they_arrive(
    results: Sequence[Any], arrived: "queue.SimpleQueue[tuple[int, int]]"
) -> Iterator[tuple[int, int]]:
    """Row and token of each step, while the results are being computed."""
    while not (all(result.done() for result in results) and arrived.empty()):
        try:
            yield arrived.get(timeout=PAUSE)
        except queue.Empty:
            continue
    _finite(wait_for(results, None))  # raises an error of the decoding thread


def _finite(results: list[Any]) -> list[Any]:
    """The same results. Raises ModelUnsuitable if the score of one is not finite."""
    require_finite_numbers(result.scores[0] for result in results)
    return results
