"""Generative question answering: build prompts from a context, decode the answers greedily."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from llmcli.data.rows import Failure, Row
from llmcli.data.storable import storable
from llmcli.decoding.generation_config import read_rules, with_config
from llmcli.decoding.request import Request
from llmcli.engines.base import Loaded, decoder_start, end_tokens
from llmcli.errors import InputError
from llmcli.inference.batches import Job
from llmcli.inference.encoding import Fitting, cut_text
from llmcli.inference.prompts import CHAT, PLAIN, SEQ2SEQ, encode_prompt, has_chat_template
from llmcli.spec import Chat, Decoding, Overflow
from llmcli.spec.tasks import AnswerOptions
from llmcli.tokenization.text_stream import without_broken_end

DECODING = Decoding(logprobs=1)  # greedy; the score is computed from the log-probabilities
SLACK = 8  # tokens that a part of the context may gain at the joints with the rest of the prompt


@dataclass(frozen=True, slots=True)
class Source:
    """A prompt: a question with as much of its context as fits into the model."""

    ids: list[int]
    """The tokens of the prompt."""
    limit: int
    """The maximum number of tokens of the answer."""

    @property
    def size(self) -> int:
        """Tokens of the prompt and the longest possible answer."""
        return len(self.ids) + self.limit


@storable
@dataclass(frozen=True, slots=True)
class Written:
    """A generated answer."""

    text: str
    """The answer, without surrounding whitespace."""
    score: float
    """The geometric mean of its token probabilities, the end token included; 0 without tokens."""


class Reading:
    """Answers questions about texts with a causal or sequence-to-sequence model."""

    budget = 8192  # tokens in a batch: prompts and answers

    def __init__(self, loaded: Loaded, options: AnswerOptions, on_overflow: Overflow) -> None:
        self._loaded, self._options, self._on_overflow = loaded, options, on_overflow
        self._is_chat = loaded.kind == "causal" and has_chat_template(loaded)
        config = loaded.generation_config
        self._rules = read_rules(config, end_tokens(loaded))
        self._decoding = with_config(DECODING, config)

    def job(self, row: Row) -> Job[Source] | Failure:
        """Make one prompt of a row, or several if its context exceeds the model's context length.

        Returns a Failure for a context that cannot be made to fit.
        """
        limit, context = self._options.max_answer_tokens, row.pair or ""
        try:
            ids = self._prompt_ids(row.text, context)
            if self._loaded.context is None or len(ids) + limit <= self._loaded.context:
                return Job(row, [Source(ids, limit)])
            question_size = len(self._prompt_ids(row.text, ""))
            context_size = self._loaded.context - limit - question_size - SLACK
            fitting = Fitting(context_size, self._on_overflow, overlap=min(128, context_size // 2))
            parts = cut_text(self._loaded.tokenizer, context, fitting)
            units = [Source(self._prompt_ids(row.text, part), limit) for part in parts]
            return Job(row, units, self._on_overflow)
        except InputError as error:
            return Failure(row, error)

    def _prompt_ids(self, question: str, context: str) -> list[int]:
        template = CHAT if self._is_chat else SEQ2SEQ if self._loaded.kind == "seq2seq" else PLAIN
        prompt = template.format(question=question, context=context)
        return encode_prompt(self._loaded, prompt, Chat(chat=self._is_chat))

    def write(self, units: Sequence[Source]) -> list[Written]:
        """Generate answers greedily; the answer of a base model ends at the first line break."""
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
        stream = self._loaded.engine.decode(request, self._decoding)
        tokens: list[list[int]] = [[] for _ in ids]
        logprobs: list[list[float]] = [[] for _ in ids]
        for step in stream:
            logprobs[step.row].append(step.logprob)
            if not step.is_end:
                tokens[step.row].append(step.token)
                if not seq2seq and not self._is_chat and self._line_has_ended(tokens[step.row]):
                    stream.stop(step.row)
        return [
            self._answer(row_tokens, row_logprobs)
            for row_tokens, row_logprobs in zip(tokens, logprobs, strict=True)
        ]

    def _line_has_ended(self, tokens: list[int]) -> bool:
        return "\n" in self._decode(tokens[-1:]) and bool(self._decode(tokens).strip())

    def _decode(self, tokens: list[int]) -> str:
        text: str = self._loaded.tokenizer.decode(tokens, skip_special_tokens=True)
        return text

    def _answer(self, tokens: list[int], logprobs: list[float]) -> Written:
        text = without_broken_end(self._decode(tokens)).strip()
        if self._loaded.kind == "causal" and not self._is_chat:
            text = text.split("\n")[0].strip()
        return Written(text, math.exp(sum(logprobs) / len(logprobs)) if logprobs else 0.0)
