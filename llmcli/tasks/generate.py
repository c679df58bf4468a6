"""Continue texts with a causal language model."""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

from llmcli.core.beams import Hypothesis, beam_search
from llmcli.core.data import Failure, Row
from llmcli.core.decoding import Decoder, Step, sequence_seed
from llmcli.core.loading import Loaded
from llmcli.core.plan import DEFAULT_NEW_TOKENS, check_decoding
from llmcli.core.prompts import encode_prompt, end_tokens, room
from llmcli.core.tokens import TextStream, token_namer
from llmcli.errors import InputError
from llmcli.spec import ChatSpec, DecodingSpec

UNPADDABLE = ("rwkv",)  # they take padding for text: one prompt at a time
FinishReason = Literal["end", "stop", "length"]


@dataclass(frozen=True, slots=True)
class TokenChance:
    """A token and its log-probability in nats, before any penalty or filter."""

    token: str
    id: int
    logprob: float


@dataclass(frozen=True, slots=True)
class TokenStep:
    """A token of the text, with the likeliest ones at its place."""

    token: str
    id: int
    logprob: float
    best: tuple[TokenChance, ...]


@dataclass(frozen=True, slots=True)
class Generation:
    """One continuation of one prompt."""

    row: Row
    prompt: str
    text: str
    """What the model wrote, without the prompt, ending before a stop string."""
    index: int
    """Which of the sequences of this prompt, from 0."""
    prompt_tokens: int
    new_tokens: int
    finish_reason: FinishReason
    """end: an end-of-text token; stop: a stop string; length: no more tokens allowed."""
    seed: int | None
    """None where nothing was drawn."""
    seconds: float
    """Since the work on its batch began."""
    score: float | None = None
    """With beams: mean log-probability of the new tokens, in nats."""
    logprobs: tuple[TokenStep, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Prompt:
    row: Row
    ids: list[int]
    limit: int
    before: list[int]
    """What the text goes on from: the prompt, but for a chat, where an answer begins anew."""


def generate(
    loaded: Loaded,
    rows: Iterable[Row],
    spec: DecodingSpec,
    chat: ChatSpec,
    *,
    batch_size: int = 1,
    on_start: Callable[[Row], None] | None = None,
    on_text: Callable[[str], None] | None = None,
) -> Iterator[Generation | Failure]:
    """Yield the continuations of each row in order, `num_return_sequences` a row.

    A row that cannot be continued comes as a Failure, in its place. The same seed gives the
    same text for a row whatever its neighbours are and whether or not it is streamed.
    on_start: called with each row that can be continued, before the work on it begins.
    on_text: called with each stretch of text as it is certain; it needs one sequence at a time.
    Raises UsageError for contradicting settings.
    """
    check_decoding(spec)
    if spec.samples and spec.seed is None:
        spec = replace(spec, seed=secrets.randbits(31))
    if loaded.model.config.model_type in UNPADDABLE:
        batch_size = 1
    pending = iter(rows)
    while batch := list(islice(pending, batch_size)):
        prepared = [_prepare(loaded, row, spec, chat) for row in batch]
        prompts = [one for one in prepared if isinstance(one, _Prompt)]
        if on_start is not None:
            for prompt in prompts:
                on_start(prompt.row)
        results = _continue(loaded, prompts, spec, on_text)
        for one in prepared:
            if isinstance(one, Failure):
                yield one
            else:
                yield from next(results)


def _prepare(loaded: Loaded, row: Row, spec: DecodingSpec, chat: ChatSpec) -> _Prompt | Failure:
    if row.error is not None:
        return Failure(row, row.error)
    try:
        ids = encode_prompt(loaded, row.text, chat)
        limit = room(loaded, len(ids), spec.max_new_tokens, DEFAULT_NEW_TOKENS)
        return _Prompt(row, ids, limit, before=[] if chat.is_on else ids)
    except InputError as error:
        return Failure(row, str(error))


def _continue(
    loaded: Loaded,
    prompts: list[_Prompt],
    spec: DecodingSpec,
    on_text: Callable[[str], None] | None,
) -> Iterator[list[Generation]]:
    """Yield the sequences of each prompt."""
    if spec.num_beams > 1:
        for prompt in prompts:
            yield list(_search(loaded, prompt, spec))
    elif prompts:
        results = iter(_Batch(loaded, prompts, spec).run(on_text))
        for _ in prompts:
            yield list(islice(results, spec.num_return_sequences))


def _search(loaded: Loaded, prompt: _Prompt, spec: DecodingSpec) -> Iterator[Generation]:
    began = time.perf_counter()
    found = beam_search(
        loaded.model, prompt.ids, spec, limit=prompt.limit, end_tokens=end_tokens(loaded)
    )
    for index, hypothesis in enumerate(found):
        yield _from_hypothesis(loaded, prompt, index, hypothesis, time.perf_counter() - began)


def _from_hypothesis(
    loaded: Loaded, prompt: _Prompt, index: int, found: Hypothesis, seconds: float
) -> Generation:
    stream = TextStream(loaded.tokenizer, after=prompt.before)
    return Generation(
        row=prompt.row,
        prompt=prompt.row.text,
        text="".join([*map(stream.push, found.tokens), stream.flush()]),
        index=index,
        prompt_tokens=len(prompt.ids),
        new_tokens=len(found.tokens),
        finish_reason="end" if found.ended else "length",
        seed=None,
        seconds=seconds,
        score=found.score,
    )


class _Batch:
    """The sequences of some prompts, decoded together."""

    def __init__(self, loaded: Loaded, prompts: list[_Prompt], spec: DecodingSpec) -> None:
        each = spec.num_return_sequences
        self._loaded = loaded
        self._spec = spec
        self._places = [(prompt, index) for prompt in prompts for index in range(each)]
        self._streams = [
            TextStream(loaded.tokenizer, spec.stop, prompt.before) for prompt, _ in self._places
        ]
        self._texts: list[list[str]] = [[] for _ in self._places]
        self._steps: list[list[Step]] = [[] for _ in self._places]
        self._reasons: list[FinishReason] = ["length"] * len(self._places)
        self._decoder = Decoder(
            loaded.model,
            [prompt.ids for prompt, _ in self._places],
            spec,
            limits=[prompt.limit for prompt, _ in self._places],
            seeds=[sequence_seed(spec.seed or 0, index) for _, index in self._places],
            end_tokens=end_tokens(loaded),
        )

    def run(self, on_text: Callable[[str], None] | None) -> list[Generation]:
        began = time.perf_counter()
        while self._decoder.running:
            for step in self._decoder.step():
                self._take(step, on_text)
        for at, stream in enumerate(self._streams):
            self._write(at, stream.flush(), on_text)
            if stream.stopped:
                self._reasons[at] = "stop"
        seconds = time.perf_counter() - began
        return [self._result(at, seconds) for at in range(len(self._places))]

    def _take(self, step: Step, on_text: Callable[[str], None] | None) -> None:
        if step.is_end:
            self._reasons[step.row] = "end"
            return
        self._steps[step.row].append(step)
        stream = self._streams[step.row]
        self._write(step.row, stream.push(step.token), on_text)
        if stream.stopped:
            self._decoder.stop(step.row)

    def _write(self, at: int, text: str, on_text: Callable[[str], None] | None) -> None:
        if text:
            self._texts[at].append(text)
            if on_text is not None:
                on_text(text)

    def _result(self, at: int, seconds: float) -> Generation:
        prompt, index = self._places[at]
        spec, steps = self._spec, self._steps[at]
        return Generation(
            row=prompt.row,
            prompt=prompt.row.text,
            text="".join(self._texts[at]),
            index=index,
            prompt_tokens=len(prompt.ids),
            new_tokens=len(steps),
            finish_reason=self._reasons[at],
            seed=spec.seed if spec.samples else None,
            seconds=seconds,
            logprobs=_token_steps(self._loaded.tokenizer, steps) if spec.logprobs else None,
        )


def _token_steps(tokenizer: Any, steps: list[Step]) -> tuple[TokenStep, ...]:
    name = token_namer(tokenizer)
    return tuple(
        TokenStep(
            name(step.token),
            step.token,
            step.logprob,
            tuple(TokenChance(name(one.token), one.token, one.logprob) for one in step.best),
        )
        for step in steps
    )
