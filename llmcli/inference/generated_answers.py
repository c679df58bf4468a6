"""Questions about a text for a model that writes: what it is told, and what it wrote."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from llmcli.data.rows import Failure, Row
from llmcli.decoding.generation_config import NO_RULES, Rules, read_rules
from llmcli.decoding.request import Request
from llmcli.engines.base import Loaded, decoder_start, end_tokens
from llmcli.errors import InputError
from llmcli.inference.batches import Job
from llmcli.inference.encoding import Fitting, cut_text
from llmcli.inference.prompts import CHAT, PLAIN, SEQ2SEQ, encode_prompt, has_chat_template
from llmcli.spec import Chat, Decoding, Overflow
from llmcli.spec.tasks import AnswerOptions

DECODING = Decoding(logprobs=1)  # greedy; the log-probabilities give the score
SLACK = 8  # tokens that a part may gain where it meets the words around it


@dataclass(frozen=True, slots=True)
class Source:
    """A question with as much of the context as the model takes at once."""

    ids: list[int]
    limit: int

    @property
    def size(self) -> int:
        return len(self.ids) + self.limit


@dataclass(frozen=True, slots=True)
class Written:
    """What a model answered."""

    text: str
    score: float
    """Its probability under the model: the geometric mean over its tokens."""


class Reading:
    """A causal or sequence-to-sequence model that is asked about texts."""

    budget = 8192  # tokens of a batch, questions, texts and answers

    def __init__(self, loaded: Loaded, options: AnswerOptions, on_overflow: Overflow) -> None:
        self._loaded, self._spec, self._on_overflow = loaded, options, on_overflow
        self._is_chat = loaded.kind == "causal" and has_chat_template(loaded)
        self._rules: Rules = NO_RULES
        if loaded.kind == "seq2seq":
            self._rules = read_rules(loaded.generation_config, start=1)

    def job(self, row: Row) -> Job[Source] | Failure:
        """A question with its context in as many parts as it takes."""
        limit, context = self._spec.max_answer_tokens, row.pair or ""
        try:
            whole = self._ids(row.text, context)
            if self._loaded.context is None or len(whole) + limit <= self._loaded.context:
                return Job(row, [Source(whole, limit)])
            around = len(self._ids(row.text, ""))
            room = self._loaded.context - limit - around - SLACK
            fitting = Fitting(room, self._on_overflow, overlap=min(128, room // 2))
            parts = cut_text(self._loaded.tokenizer, context, fitting)
            units = [Source(self._ids(row.text, part), limit) for part in parts]
            return Job(row, units, self._on_overflow)
        except InputError as error:
            return Failure(row, error)

    def _ids(self, question: str, context: str) -> list[int]:
        form = CHAT if self._is_chat else SEQ2SEQ if self._loaded.kind == "seq2seq" else PLAIN
        text = form.format(question=question, context=context)
        return encode_prompt(self._loaded, text, Chat(chat=self._is_chat))

    def write(self, units: Sequence[Source]) -> list[Written]:
        """Answer greedily; a base model's answer is the rest of its line."""
        ids = [unit.ids for unit in units]
        seq2seq = self._loaded.kind == "seq2seq"
        request = Request(
            [decoder_start(self._loaded)] * len(ids) if seq2seq else ids,
            [unit.limit for unit in units],
            end_tokens(self._loaded),
            sources=ids if seq2seq else None,
            rules=self._rules,
            live=True,
        )
        stream = self._loaded.engine.decode(request, DECODING)
        tokens: list[list[int]] = [[] for _ in ids]
        logprobs: list[list[float]] = [[] for _ in ids]
        for step in stream:
            logprobs[step.row].append(step.logprob)
            if not step.is_end:
                tokens[step.row].append(step.token)
                if not seq2seq and not self._is_chat and self._line_is_over(tokens[step.row]):
                    stream.stop(step.row)
        return [self._written(*one) for one in zip(tokens, logprobs, strict=True)]

    def _line_is_over(self, tokens: list[int]) -> bool:
        return "\n" in self._decode(tokens[-1:]) and bool(self._decode(tokens).strip())

    def _decode(self, tokens: list[int]) -> str:
        text: str = self._loaded.tokenizer.decode(tokens, skip_special_tokens=True)
        return text

    def _written(self, tokens: list[int], logprobs: list[float]) -> Written:
        text = self._decode(tokens).strip()
        if self._loaded.kind == "causal" and not self._is_chat:
            text = text.split("\n")[0].strip()
        return Written(text, math.exp(sum(logprobs) / len(logprobs)) if logprobs else 0.0)
