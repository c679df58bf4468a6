"""Text generation with a causal language model: in batches, or chunk by chunk."""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from llmcli.data.rows import Failure, Row
from llmcli.decoding.generation_config import NO_RULES, Rules, read_rules, with_config
from llmcli.decoding.request import Request
from llmcli.decoding.steps import Hypothesis, Step, sequence_seed
from llmcli.decoding.traces import Namer, TraceStep
from llmcli.decoding.validation import DEFAULT_NEW_TOKENS
from llmcli.engines.base import Loaded, end_tokens
from llmcli.engines.checked import checked
from llmcli.errors import LlmcliError
from llmcli.inference.continuations import FinishReason, Generation, TokenChance, TokenStep
from llmcli.inference.prompts import encode_prompt, room
from llmcli.spec import Chat, Decoding, Overflow
from llmcli.tokenization.text_stream import TextStream, token_namer
from llmcli.tokenization.typed_text import start_of


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of generated text that no later token changes. A row's first one is empty."""

    row: Row
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A row, ready to be continued."""

    row: Row
    ids: list[int]
    limit: int
    """Maximum number of new tokens."""
    sequences: int
    """Sequences or beams that are decoded for it."""
    before: list[int]
    """The tokens that the text continues: the prompt's; none in a chat, where an answer starts."""
    overflow: Overflow | None = None
    capped: int | None = None
    """The limit, if more tokens were asked for."""

    @property
    def units(self) -> list["Prompt"]:
        """The prompt itself, as the one input of its row."""
        return [self]

    @property
    def size(self) -> int:
        """Tokens of prompt and continuation, for all sequences."""
        return (len(self.ids) + self.limit) * self.sequences


SCHEDULED_ROWS = 2048  # that an engine gets at once if it schedules them by itself


class Generator:
    """Continues rows.

    draft: the smaller model that `options.assist` names. Raises ModelUnsuitable for a model that
    cannot be assisted, or not by that one.
    """

    window_rows = 128
    needs_text = False  # an empty prompt begins a new text
    copies = 1
    budget = 8192  # tokens of prompts and continuations: about 30 prompts of ordinary length

    def __init__(
        self,
        loaded: Loaded,
        options: Decoding,
        chat: Chat,
        on_overflow: Overflow,
        draft: Loaded | None = None,
    ) -> None:
        config = loaded.generation_config
        self._loaded, self._options, self._chat = loaded, with_config(options, config), chat
        self._rules = read_rules(config, end_tokens(loaded))
        self._on_overflow = on_overflow
        if options.drafter:
            from llmcli.engines.pytorch.assistant import AssistedEngine

            self._loaded = checked(replace(loaded, engine=AssistedEngine(loaded, draft)))
        elif loaded.engine.schedules and self._options.beams == 1 and not options.trace:
            self.window_rows, self.budget = SCHEDULED_ROWS, sys.maxsize

    def prepare(self, rows: Sequence[Row]) -> list[Prompt | Failure]:
        """Encode the prompts of rows."""
        return [self._prepare(row) for row in rows]

    def run(self, prompts: Sequence[Prompt]) -> list[list[Generation]]:
        """The sequences of each prompt."""
        if self._options.beams > 1:
            return _search(self._loaded, prompts, self._options, self._rules)
        sequences = Sequences(self._loaded, prompts, self._options, self._rules)
        for _ in sequences.chunks():
            pass
        return sequences.results()

    def finish(self, prompt: Prompt, outputs: Sequence[list[Generation]]) -> list[Generation]:
        """The sequences of a prompt, which is a single unit."""
        return outputs[0]

    def stream(self, prompt: Prompt) -> Iterator[Chunk | Generation]:
        """Continue one prompt: the chunks of its text, then the result. Beams come as a whole."""
        yield Chunk(prompt.row, "")
        if self._options.beams > 1:
            results = self.run([prompt])
            yield Chunk(prompt.row, results[0][0].text)
        else:
            sequences = Sequences(self._loaded, [prompt], self._options, self._rules, live=True)
            for text in sequences.chunks():
                yield Chunk(prompt.row, text)
            results = sequences.results()
        yield from results[0]

    def _prepare(self, row: Row) -> Prompt | Failure:
        options = self._options
        try:
            ids, overflow = self._fitted(encode_prompt(self._loaded, row.text, self._chat))
            limit = room(self._loaded, len(ids), options)
            return Prompt(
                row,
                ids,
                limit,
                max(options.num_return_sequences, options.beams),
                [] if self._chat.is_on else ids,
                overflow,
                limit if limit < (options.max_new_tokens or 0) else None,
            )
        except LlmcliError as error:
            return Failure(row, error)

    def _fitted(self, ids: list[int]) -> tuple[list[int], Overflow | None]:
        """The end of a prompt that leaves room for the new tokens, after what begins a text."""
        context = self._loaded.context
        if self._on_overflow != "truncate" or context is None or self._chat.is_on:
            return ids, None
        wanted, usual = self._options.max_new_tokens, min(DEFAULT_NEW_TOKENS, context // 2)
        most = context - (wanted if wanted and 0 < wanted < context else usual)
        if len(ids) <= most:
            return ids, None
        start = start_of(self._loaded.tokenizer, ids)[: most - 1]
        return [*start, *ids[len(start) - most :]], "truncate"


def _search(
    loaded: Loaded, prompts: Sequence[Prompt], options: Decoding, rules: Rules
) -> list[list[Generation]]:
    began = time.perf_counter()
    request = Request(
        [prompt.ids for prompt in prompts],
        [prompt.limit for prompt in prompts],
        end_tokens(loaded),
        rules=rules,
    )
    searched = loaded.engine.search(request, options)
    seconds = time.perf_counter() - began
    return [
        [_from_hypothesis(loaded, prompt, *each, seconds) for each in enumerate(hypotheses)]
        for prompt, hypotheses in zip(prompts, searched, strict=True)
    ]


def _from_hypothesis(
    loaded: Loaded, prompt: Prompt, index: int, hypothesis: Hypothesis, seconds: float
) -> Generation:
    stream = TextStream(loaded.tokenizer, after=prompt.before)
    name = token_namer(loaded.tokenizer)
    trace, tree = hypothesis.trace, hypothesis.tree
    return Generation(
        row=prompt.row,
        prompt=prompt.row.text,
        text="".join(
            [*map(stream.push, hypothesis.tokens), stream.flush(is_cut=not hypothesis.ended)]
        ),
        index=index,
        prompt_tokens=len(prompt.ids),
        new_tokens=len(hypothesis.tokens),
        finish_reason="end" if hypothesis.ended else "length",
        seed=None,
        seconds=seconds,
        score=hypothesis.score,
        trace=None if trace is None else tuple(step.named(name) for step in trace),
        tree=None if tree is None else tree.named(name),
        overflow=prompt.overflow,
        capped=None if hypothesis.ended else prompt.capped,
    )


@dataclass(slots=True)
class _Sequence:
    """One text that is being written."""

    prompt: Prompt
    index: int
    stream: TextStream
    texts: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    trace: list[TraceStep] = field(default_factory=list)
    finish_reason: FinishReason = "length"


class Sequences:
    """The sequences of some prompts, decoded together.

    live: text is wanted as soon as it is certain.
    """

    def __init__(
        self,
        loaded: Loaded,
        prompts: Sequence[Prompt],
        options: Decoding,
        rules: Rules = NO_RULES,
        *,
        live: bool = False,
    ) -> None:
        self._loaded, self._options = loaded, options
        self._name = token_namer(loaded.tokenizer)
        self._sequences = [
            _Sequence(prompt, index, TextStream(loaded.tokenizer, options.stop, prompt.before))
            for prompt in prompts
            for index in range(options.num_return_sequences)
        ]
        request = Request(
            [sequence.prompt.ids for sequence in self._sequences],
            [sequence.prompt.limit for sequence in self._sequences],
            end_tokens(loaded),
            seeds=[
                sequence_seed(options.seed or 0, sequence.index) for sequence in self._sequences
            ],
            rules=rules,
            live=live or bool(options.stop),
        )
        self._is_live = request.live
        self._steps = loaded.engine.decode(request, options)
        self._seconds = 0.0

    def chunks(self) -> Iterator[str]:
        """Decode to the end, and yield each stretch of text as soon as it is certain."""
        began = time.perf_counter()
        for step in self._steps:
            text = self._take(step)
            if text:
                yield text
        for sequence in self._sequences:
            if not self._is_live:
                sequence.stream.append([step.token for step in sequence.steps])
            text = sequence.stream.flush(is_cut=sequence.finish_reason == "length")
            if sequence.stream.stopped:
                sequence.finish_reason = "stop"
            if text:
                sequence.texts.append(text)
                yield text
        self._seconds = time.perf_counter() - began

    def results(self) -> list[list[Generation]]:
        """The results of each prompt, once `chunks` has ended."""
        results = [self._result(sequence) for sequence in self._sequences]
        each = self._options.num_return_sequences
        return [results[at : at + each] for at in range(0, len(results), each)]

    def _take(self, step: Step) -> str:
        """Add a token to its sequence; return the text that is now certain."""
        sequence = self._sequences[step.row]
        if step.trace is not None:
            sequence.trace.append(step.trace.named(self._name))
        if step.is_end:
            sequence.finish_reason = "length" if step.is_cut else "end"
            return ""
        sequence.steps.append(step)
        if not self._is_live:
            return ""
        text = sequence.stream.push(step.token)
        if text:
            sequence.texts.append(text)
        if sequence.stream.stopped:
            self._steps.stop(step.row)
        return text

    def _result(self, sequence: _Sequence) -> Generation:
        prompt, options = sequence.prompt, self._options
        steps = sequence.steps
        return Generation(
            row=prompt.row,
            prompt=prompt.row.text,
            text="".join(sequence.texts),
            index=sequence.index,
            prompt_tokens=len(prompt.ids),
            new_tokens=len(steps),
            finish_reason=sequence.finish_reason,
            seed=options.seed if options.samples else None,
            seconds=self._seconds,
            logprobs=_token_steps(self._name, steps) if options.logprobs else None,
            trace=tuple(sequence.trace) if options.trace else None,
            overflow=prompt.overflow,
            passes=self._steps.passes,
            capped=prompt.capped if sequence.finish_reason == "length" else None,
        )


def _token_steps(name: Namer, steps: Sequence[Step]) -> tuple[TokenStep, ...]:
    return tuple(
        TokenStep(
            name(step.token),
            step.token,
            step.logprob,
            tuple(
                TokenChance(name(chance.token), chance.token, chance.logprob)
                for chance in step.best
            ),
        )
        for step in steps
    )
