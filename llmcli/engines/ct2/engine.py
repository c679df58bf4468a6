"""CTranslate2 as an engine."""

import logging
import os
import queue
import time
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from llmcli.arrays import Bools, Floats, Integers, require_numbers
from llmcli.decoding.request import Request
from llmcli.decoding.steps import Hypothesis, Step, StepStream
from llmcli.engines.base import Inputs, Outputs
from llmcli.engines.ct2.heads import Head
from llmcli.models.architectures import Kind
from llmcli.spec import Decoding, EngineName
from llmcli.system.extras import load_extra
from llmcli.system.machine import physical_cores

CLASSES: dict[Kind, str] = {"causal": "Generator", "seq2seq": "Translator"}
SPREAD = 8  # tokens by which prompts that are decoded together may differ in length
ENOUGH = 16  # rows for which more steps are not worth while
# CTranslate2 stops searching when as many hypotheses as beams have ended, transformers when no open
# one can be better: of 300 sentences by opus-mt-en-fr, 274 came out the same with a patience of 1,
# 298 with 1.5, and all with 2.
PATIENCE = 2
PAUSE = 0.002  # seconds between two looks at work that goes on in another thread


class Ct2Engine:
    """Runs a converted model: an encoder, a causal model or a sequence-to-sequence model.

    Each kind of model supports those methods of `Engine` that make sense for it. The choice of an
    engine makes sure that nothing is asked for that CTranslate2 would do differently.
    """

    name: EngineName = "ct2"

    def __init__(self, folder: Path, kind: Kind, head: Head | None = None) -> None:
        """folder: of a conversion. head: of an encoder. Raises InputError without ctranslate2."""
        ctranslate2 = load_extra("ctranslate2", "the ct2 engine")
        ctranslate2.set_log_level(logging.ERROR)  # its warnings are not for users of this program
        opened = getattr(ctranslate2, CLASSES.get(kind, "Encoder"))
        model = opened(str(folder), device="cpu", intra_threads=threads())
        # It must be gone before Python ends: a callback that it still holds would crash then.
        self._held = [model]
        weakref.finalize(self, self._held.clear)
        self._head = head

    @property
    def model(self) -> Any:
        """The Encoder, Generator or Translator of ctranslate2."""
        return self._held[0]

    def forward(self, inputs: Inputs, positions: Bools | None = None) -> Outputs:
        import ctranslate2

        def view(values: Integers) -> Any:
            return ctranslate2.StorageView.from_array(np.ascontiguousarray(values, np.int32))

        ids, mask = inputs["input_ids"], inputs.get("attention_mask")
        lengths = np.full(len(ids), ids.shape[1]) if mask is None else mask.sum(-1)  # (B,)
        if self._head is None:
            return Outputs(logits=np.array(self.model.forward_batch(view(ids), view(lengths))))
        types = inputs.get("token_type_ids")
        out = self.model.forward_batch(
            view(ids), view(lengths), token_type_ids=None if types is None else types.tolist()
        )
        return self._head(np.array(out.last_hidden_state), positions)

    def decode(self, request: Request, options: Decoding) -> StepStream:
        return _Greedy(self, request)

    def search(self, request: Request, options: Decoding) -> list[list[Hypothesis]]:
        rules, end_tokens = request.rules, request.end_tokens
        limit = max(request.limits)
        # A model that is made to end at the limit writes one token less of its own.
        own = limit - (rules.forced_last in end_tokens)
        if own == 0:
            return [[Hypothesis((), 0.0, True)] for _ in request.prompts]
        found = self.model.translate_batch(
            [_words(source) for source in request.sources or ()],
            beam_size=options.num_beams,
            num_hypotheses=options.num_return_sequences,
            patience=PATIENCE,
            length_penalty=rules.length_penalty,
            no_repeat_ngram_size=options.no_repeat_ngram_size,
            suppress_sequences=[_words(one) for one in rules.banned] or None,
            end_token=sorted(end_tokens),
            return_end_token=True,
            return_scores=True,
            max_input_length=0,
            max_decoding_length=own,
            min_decoding_length=0,
            asynchronous=True,
        )
        forced = (own / limit) ** rules.length_penalty if own < limit else None

        def hypothesis(words: Sequence[str], score: float) -> Hypothesis:
            tokens = tuple(map(int, words))
            if tokens and tokens[-1] in end_tokens:
                return Hypothesis(tokens[:-1], score, True)
            if forced is not None:  # its end is certain, and counts as a token
                return Hypothesis(tokens, score * forced, True)
            return Hypothesis(tokens, score, False)

        return [list(map(hypothesis, one.hypotheses, one.scores)) for one in _waited(found)]

    def score(self, rows: Sequence[Sequence[int]], counts: Sequence[int]) -> list[Floats]:
        found = self.model.score_batch(
            [_words(row) for row in rows], max_input_length=0, asynchronous=True
        )
        scores = [
            np.array(one.log_probs[-count:], np.float32)
            for one, count in zip(_waited(found), counts, strict=True)
        ]
        for one in scores:
            require_numbers(one)
        return scores


class _Greedy:
    """The likeliest token at each step, of rows that are decoded together.

    CTranslate2 decodes in a thread of its own; this one waits for it in Python, so that Ctrl-C
    is heeded.
    """

    def __init__(self, engine: Ct2Engine, request: Request) -> None:
        self._engine, self._live = engine, request.live
        self._prompts, self._limits = request.prompts, request.limits
        self._ends = request.end_tokens
        self._stopped: set[int] = set()

    @property
    def passes(self) -> int | None:
        """None: once a token."""
        return None

    def __iter__(self) -> Iterator[Step]:
        for rows in self._groups():
            yield from self._steps(rows)

    def _groups(self) -> Iterator[list[int]]:
        """Rows that are decoded together: of one limit, their prompts of about one length.

        CTranslate2 reads of each prompt as much as the shortest has, and the rest a token a step
        before it writes. A step takes hardly longer for a few more rows, so few rows are joined
        even if that makes it twice as many steps. Prompts of one token are apart: the rest of
        others beside them would come out as if it had been written.
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
        """End a row before its time."""
        self._stopped.add(row)

    def _steps(self, rows: list[int]) -> Iterator[Step]:
        """Decode a group."""
        come: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
        stopped = self._stopped

        # Its last owner may be the thread that decodes, which would have to wait for itself if
        # the model were let go there: it must not hold what holds the model.
        def take(result: Any) -> bool:
            come.put((rows[result.batch_id], result.token_id))
            return rows[result.batch_id] in stopped

        found = self._engine.model.generate_batch(
            [_words(self._prompts[row]) for row in rows],
            max_length=self._limits[rows[0]],
            end_token=sorted(self._ends),
            return_end_token=True,
            include_prompt_in_result=False,
            asynchronous=True,
            callback=take if self._live else None,
        )
        try:
            if self._live:
                for row, token in _as_they_come(found, come):
                    if row not in stopped:
                        yield self._step(row, token)
            else:
                for row, one in zip(rows, _waited(found), strict=True):
                    for token in one.sequences_ids[0]:
                        yield self._step(row, token)
        finally:
            stopped.update(rows)  # where the user broke off, the thread ends soon

    def _step(self, row: int, token: int) -> Step:
        return Step(row, token, token in self._ends, 0.0)


def _as_they_come(
    found: Sequence[Any], come: "queue.SimpleQueue[tuple[int, int]]"
) -> Iterator[tuple[int, int]]:
    while not (all(one.done() for one in found) and come.empty()):
        try:
            yield come.get(timeout=PAUSE)
        except queue.Empty:
            continue
    _waited(found)  # raises what went wrong there


def _waited(found: Sequence[Any]) -> list[Any]:
    """The results of asynchronous work; Ctrl-C is heeded meanwhile."""
    while not all(one.done() for one in found):
        time.sleep(PAUSE)
    return [one.result() for one in found]


def _words(ids: Sequence[int]) -> list[str]:
    """Ids as a converted model calls its tokens."""
    return [str(one) for one in ids]


def threads() -> int:
    """How many threads a model uses: what OMP_NUM_THREADS says, else one a core.

    Two threads of one core share what multiplies, and only get in each other's way.
    """
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdigit() and int(told) else physical_cores()
