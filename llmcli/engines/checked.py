"""The checks around every engine: ids without a vector do not go in, NaN does not come out.

Both are checked here, once a batch, so that no task can forget it. Decoding checks its logits at
each step, where a token is chosen (decoding/loop.py).
"""

from collections.abc import Sequence
from dataclasses import replace

from llmcli.arrays import Bools, Floats, Integers, require_finite, require_finite_numbers
from llmcli.decoding.generation_config import Rules
from llmcli.decoding.request import Request
from llmcli.decoding.steps import Hypothesis, StepStream
from llmcli.engines.base import Engine, Inputs, Loaded, Outputs
from llmcli.engines.known_ids import Table, largest
from llmcli.errors import ModelUnsuitable
from llmcli.models.architectures import Kind
from llmcli.spec import Decoding, EngineName
from llmcli.tokenization.typed_text import know_table

LANGUAGE_MODELS: tuple[Kind, ...] = ("causal", "masked", "seq2seq")
"""Kinds whose logits are of tokens, some of which a model may exclude by minus infinity."""


class CheckedEngine:
    """An engine that refuses ids outside of the embedding table, and results that are not finite.

    Implements `Engine`; each method raises ModelUnsuitable for these.
    """

    name: EngineName
    schedules: bool
    streams: int

    def __init__(self, engine: Engine, kind: Kind, table: Table | None, types: int = 0) -> None:
        """table: None if the model looks ids up in another way. types: of tokens; 0: any."""
        self.engine, self.name, self._table, self._types = engine, engine.name, table, types
        self.schedules, self.streams = engine.schedules, engine.streams
        self._is_language_model = kind in LANGUAGE_MODELS

    def forward(self, inputs: Inputs, positions: Bools | None = None) -> Outputs:
        """As `Engine.forward`."""
        import numpy as np

        if self._table is not None:
            names = [name for name in ("input_ids", "decoder_input_ids") if name in inputs]
            self._table.require(max(int(np.max(inputs[name], initial=-1)) for name in names))
        if self._types and "token_type_ids" in inputs:
            _require_types(int(np.max(inputs["token_type_ids"], initial=0)), self._types)
        out = self.engine.forward(inputs, positions)
        self._require_finite(out, inputs.get("attention_mask"))
        return out

    def _require_finite(self, out: Outputs, mask: Integers | None) -> None:
        """Check what a forward pass returned; at padding, of which nothing is used, all may be."""
        import numpy as np

        for values in (out.hidden, out.starts, out.ends, out.logits):
            if values is None:
                continue
            is_by_token = mask is not None and values.shape[:2] == mask.shape
            if values is out.logits and self._is_language_model:
                best = values.max(-1)  # NaN if any of them is
                require_finite(best[mask == 1] if is_by_token else best)
            elif not np.isfinite(values).all():
                require_finite(values[mask == 1] if is_by_token else values)

    def decode(self, request: Request, options: Decoding) -> StepStream:
        """As `Engine.decode`."""
        return self.engine.decode(self._checked(request), options)

    def search(self, request: Request, options: Decoding) -> list[list[Hypothesis]]:
        """As `Engine.search`."""
        results = self.engine.search(self._checked(request), options)
        require_finite_numbers(best.score for hypotheses in results for best in hypotheses[:1])
        return results

    def score(self, rows: Sequence[Sequence[int]], counts: Sequence[int]) -> list[Floats]:
        """As `Engine.score`."""
        if self._table is not None:
            self._table.require(largest(rows))
        scores = self.engine.score(rows, counts)
        for logprobs in scores:
            require_finite(logprobs)
        return scores

    def _checked(self, request: Request) -> Request:
        """A request without end tokens and banned tokens that the model cannot generate anyway."""
        table, rules = self._table, request.rules
        if table is None:
            return request
        if request.sources is None:
            table.require(largest(request.prompts))
        else:
            table.require(largest(request.sources))
            table.require_setting("decoder_start_token_id", largest(request.prompts[:1]))
        table.require_setting("forced_bos_token_id", rules.forced_first)
        table.require_setting("forced_eos_token_id", max(rules.forced_last, default=None))
        rows = table.decoder_rows
        ends = frozenset(token for token in request.end_tokens if token < rows)
        return replace(request, end_tokens=ends, rules=_within(rules, rows))


def _within(rules: Rules, rows: int) -> Rules:
    """The rules without tokens that the model cannot generate anyway."""
    named = [sequence for sequence, _ in rules.biases]
    if largest([*named, *rules.excluded, rules.banned_first]) < rows:
        return rules
    return replace(
        rules,
        biases=tuple(pair for pair in rules.biases if max(pair[0]) < rows),
        banned=tuple(tokens for tokens in rules.banned if max(tokens) < rows),
        suppressed=tuple(token for token in rules.suppressed if token < rows),
        banned_first=tuple(token for token in rules.banned_first if token < rows),
    )


def checked(loaded: Loaded) -> Loaded:
    """A model whose engine is checked.

    Raises ModelUnsuitable if most tokens of its tokenizer have no vector: it is of another model.
    """
    if isinstance(loaded.engine, CheckedEngine):
        return loaded
    table = None if loaded.rows is None else _table_of(loaded, loaded.rows)
    types = getattr(loaded.config, "type_vocab_size", None) or 0
    return replace(loaded, engine=CheckedEngine(loaded.engine, loaded.kind, table, types))


def _require_types(largest_type: int, types: int) -> None:
    if largest_type >= types:
        raise ModelUnsuitable(
            f"the tokenizer gives tokens the type {largest_type}, and the model knows the types 0 "
            f"to {types - 1}: correct the post_processor in its tokenizer.json"
        )


def _table_of(loaded: Loaded, rows: int) -> Table:
    known = len(loaded.tokenizer)
    if 2 * rows < known:
        raise ModelUnsuitable(
            f"{loaded.checkpoint.model_id} has vectors for {rows:,} tokens, and its tokenizer has "
            f"{known:,}: the two are of different models"
        )
    know_table(loaded.tokenizer, rows)
    config = loaded.config
    decoder = getattr(config, "decoder_vocab_size", None) or rows
    if config.model_type == "encoder-decoder":
        decoder = config.decoder.vocab_size
    return Table(loaded.checkpoint.model_id, rows, decoder, loaded.tokenizer)
