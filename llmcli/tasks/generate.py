"""Continue texts with a causal language model."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from llmcli.data.records import Record
from llmcli.data.results import Result, record_of
from llmcli.data.rows import Failure, Row, failed
from llmcli.decoding.steps import Hypothesis, Step, sequence_seed
from llmcli.decoding.validation import DEFAULT_NEW_TOKENS, check_decoding
from llmcli.engines.base import Loaded, Request, end_tokens
from llmcli.engines.choose import Purpose, load_on_torch
from llmcli.errors import InputError, UsageError
from llmcli.inference.batches import process
from llmcli.inference.loading import load_model
from llmcli.inference.prompts import encode_prompt, has_chat_template, room
from llmcli.models.starters import GENERATE, Note, ignore
from llmcli.spec import AUTO_BATCH, BatchOptions, Chat, Decoding, ModelSpec, Overflow
from llmcli.tokenization.text_stream import TextStream, token_namer

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
class Generation(Result):
    """One continuation of one prompt."""

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
    overflow: Overflow | None = None
    """truncate: the prompt was too long, and its beginning was left out."""
    passes: int | None = None
    """With `assist`: how often the model was run."""

    def to_dict(self) -> Record:
        """The result as JSON has it: the same for the same text, so without time and passes."""
        logprobs = ("logprobs",) if self.logprobs is None else ()
        return record_of(self, without=("seconds", "passes", *logprobs))


@dataclass(frozen=True, slots=True)
class _Prompt:
    row: Row
    ids: list[int]
    limit: int
    rows: int
    """Sequences or beams that are decoded for it."""
    before: list[int]
    """What the text goes on from: the prompt, but for a chat, where an answer begins anew."""
    overflow: Overflow | None = None

    @property
    def units(self) -> list["_Prompt"]:
        return [self]

    @property
    def size(self) -> int:
        return (len(self.ids) + self.limit) * self.rows


def load(
    model: ModelSpec | None,
    options: Decoding,
    chat: Chat,
    *,
    work_bytes: int | None = None,
    note: Note = ignore,
) -> Loaded:
    """Load a causal language model.

    model: None, or one without a name, takes the task's default. work_bytes: size of the texts,
    0 where it is unknown; None for a text or two. note: is told of choices made for the user.
    Raises ModelNotFound, ModelUnsuitable; UsageError for settings that contradict one another.
    """
    check_decoding(options)
    purpose = Purpose(("causal",), file_bytes=work_bytes, decoding={"causal": options})
    loaded = load_model(model, GENERATE, purpose, note)
    if has_chat_template(loaded) and not chat.is_on:
        note("this model has a chat template; `chat` uses it")
    return loaded


def load_draft(model: ModelSpec | None, options: Decoding) -> Loaded | None:
    """Load the smaller model that `options.assist` names, if it names one.

    model: the larger one, whose device, dtype and so on it shares.
    """
    if options.assist is None or options.assist == "lookup":
        return None
    smaller = replace(model or ModelSpec(), model_id=options.assist, revision=None)
    return load_on_torch(smaller, ("causal",))


def check_options(options: Decoding, chat: Chat, batch: BatchOptions) -> None:
    """Raise UsageError for settings that contradict one another."""
    check_decoding(options)
    if chat.is_on and batch.on_overflow == "truncate":
        raise UsageError(
            "`on_overflow`=truncate would cut the chat template: shorten the text instead"
        )
    if options.assist and (batch.batch_size or 1) > 1:
        raise UsageError("`assist` decodes one text at a time: leave out `batch_size`")


def generate(
    loaded: Loaded,
    rows: Iterable[Row],
    options: Decoding,
    chat: Chat,
    batch: BatchOptions = AUTO_BATCH,
    draft: Loaded | None = None,
) -> Iterator[Generation | Failure]:
    """Yield the continuations of each row in order, `num_return_sequences` a row.

    A row that cannot be continued comes as a Failure, in its place. The same seed gives the
    same text for a row whatever its neighbours are and whether or not it is streamed.
    draft: the smaller model that `options.assist` names.
    Raises UsageError for contradicting settings, ModelUnsuitable for a model that cannot be
    assisted, or not by this one.
    """
    check_options(options, chat, batch)
    if options.assist:
        batch = replace(batch, batch_size=1)
    work = _Work(loaded, options, chat, batch.on_overflow, draft)
    yield from process(work, rows, loaded.batch(batch))


def stream(
    loaded: Loaded,
    rows: Iterable[Row],
    options: Decoding,
    chat: Chat,
    on_overflow: Overflow = "error",
    draft: Loaded | None = None,
    *,
    on_start: Callable[[Row], None],
    on_text: Callable[[str], None],
) -> Iterator[Generation | Failure]:
    """Do as `generate` does, a sequence at a time, and hand on its text as it is made.

    on_start: called with each row that can be continued, before the work on it begins.
    on_text: called with each stretch of text as it is certain; beams come as a whole.
    """
    check_options(options, chat, BatchOptions(on_overflow=on_overflow))
    work = _Work(loaded, options, chat, on_overflow, draft)
    for row in rows:
        if row.error is not None:
            yield failed(row)
            continue
        (prompt,) = work.prepare([row])
        if isinstance(prompt, Failure):
            yield prompt
            continue
        on_start(row)
        for (result,) in work.run([prompt], on_text):
            if options.num_beams > 1:
                on_text(result.text)
            yield result


class _Work:
    """What `process` needs to know of this task."""

    window_rows = 128
    needs_text = False  # an empty prompt begins a new text
    copies = 1
    budget = 8192  # tokens, prompts and new ones: about 30 prompts of ordinary length

    def __init__(
        self,
        loaded: Loaded,
        options: Decoding,
        chat: Chat,
        on_overflow: Overflow,
        draft: Loaded | None = None,
    ) -> None:
        self._loaded, self._options, self._chat = loaded, options, chat
        self._on_overflow = on_overflow
        if options.assist:
            from llmcli.engines.pytorch.assistant import AssistedEngine

            self._loaded = replace(loaded, engine=AssistedEngine(loaded, draft))

    def prepare(self, rows: Sequence[Row]) -> list[_Prompt | Failure]:
        return [self._prepare(row) for row in rows]

    def run(
        self, prompts: Sequence[_Prompt], on_text: Callable[[str], None] | None = None
    ) -> list[list[Generation]]:
        """The sequences of each prompt."""
        if self._options.num_beams > 1:
            return _search(self._loaded, prompts, self._options)
        results = _Batch(self._loaded, prompts, self._options, on_text).run()
        each = self._options.num_return_sequences
        return [results[at : at + each] for at in range(0, len(results), each)]

    def finish(self, prompt: _Prompt, outputs: Sequence[list[Generation]]) -> list[Generation]:
        return outputs[0]

    def _prepare(self, row: Row) -> _Prompt | Failure:
        each = max(self._options.num_return_sequences, self._options.num_beams)
        try:
            ids = encode_prompt(self._loaded, row.text, self._chat)
            ids, overflow = self._fitted(ids)
            wanted = self._options.max_new_tokens
            limit = room(self._loaded, len(ids), wanted, DEFAULT_NEW_TOKENS)
            before = [] if self._chat.is_on else ids
            return _Prompt(row, ids, limit, each, before, overflow)
        except InputError as error:
            return Failure(row, error)

    def _fitted(self, ids: list[int]) -> tuple[list[int], Overflow | None]:
        """The end of a prompt that leaves room for what is to come."""
        context = self._loaded.context
        if self._on_overflow != "truncate" or context is None or self._chat.is_on:
            return ids, None
        most = context - (self._options.max_new_tokens or min(DEFAULT_NEW_TOKENS, context // 2))
        if most < 1 or len(ids) <= most:
            return ids, None
        return ids[-most:], "truncate"


def _search(
    loaded: Loaded, prompts: Sequence[_Prompt], options: Decoding
) -> list[list[Generation]]:
    began = time.perf_counter()
    request = Request(
        [prompt.ids for prompt in prompts],
        [prompt.limit for prompt in prompts],
        end_tokens(loaded),
    )
    found = loaded.engine.search(request, options)
    seconds = time.perf_counter() - began
    return [
        [_from_hypothesis(loaded, prompt, *one, seconds) for one in enumerate(hypotheses)]
        for prompt, hypotheses in zip(prompts, found, strict=True)
    ]


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
        overflow=prompt.overflow,
    )


class _Batch:
    """The sequences of some prompts, decoded together."""

    def __init__(
        self,
        loaded: Loaded,
        prompts: Sequence[_Prompt],
        options: Decoding,
        on_text: Callable[[str], None] | None,
    ) -> None:
        self._on_text = on_text
        each = options.num_return_sequences
        self._loaded = loaded
        self._options = options
        self._places = [(prompt, index) for prompt in prompts for index in range(each)]
        self._streams = [
            TextStream(loaded.tokenizer, options.stop, prompt.before) for prompt, _ in self._places
        ]
        self._texts: list[list[str]] = [[] for _ in self._places]
        self._steps: list[list[Step]] = [[] for _ in self._places]
        self._reasons: list[FinishReason] = ["length"] * len(self._places)
        request = Request(
            [prompt.ids for prompt, _ in self._places],
            [prompt.limit for prompt, _ in self._places],
            end_tokens(loaded),
            seeds=[sequence_seed(options.seed or 0, index) for _, index in self._places],
            live=on_text is not None or bool(options.stop),
        )
        self._decoding = self._loaded.engine.decode(request, options)

    def run(self) -> list[Generation]:
        began = time.perf_counter()
        for step in self._decoding:
            self._take(step)
        for at, stream in enumerate(self._streams):
            self._write(at, stream.flush())
            if stream.stopped:
                self._reasons[at] = "stop"
        seconds = time.perf_counter() - began
        return [self._result(at, seconds) for at in range(len(self._places))]

    def _take(self, step: Step) -> None:
        if step.is_end:
            self._reasons[step.row] = "end"
            return
        self._steps[step.row].append(step)
        stream = self._streams[step.row]
        self._write(step.row, stream.push(step.token))
        if stream.stopped:
            self._decoding.stop(step.row)

    def _write(self, at: int, text: str) -> None:
        if text:
            self._texts[at].append(text)
            if self._on_text is not None:
                self._on_text(text)

    def _result(self, at: int, seconds: float) -> Generation:
        prompt, index = self._places[at]
        spec, steps = self._options, self._steps[at]
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
            overflow=prompt.overflow,
            passes=self._decoding.passes,
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
