"""Token ids that the model has no vector for: refused before any engine sees them.

A tokenizer can have more tokens than the model's embedding table has rows: tokens were added and
the model was not resized, or the folder holds the tokenizer of another model. torch would raise an
IndexError, CTranslate2 would read other memory, or take the unknown token without a word.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from llmcli.arrays import Bools, Floats
from llmcli.decoding.request import Request
from llmcli.decoding.steps import Hypothesis, StepStream
from llmcli.engines.base import Engine, Inputs, Loaded, Outputs
from llmcli.errors import ModelUnsuitable
from llmcli.spec import Decoding, EngineName
from llmcli.tokenization.typed_text import know_table


@dataclass(frozen=True, slots=True)
class Table:
    """The embedding table of a model, and the tokenizer whose ids are looked up in it."""

    name: str
    """Of the model."""
    rows: int
    decoder_rows: int
    """Of the table of a decoder that has one of its own; else the same."""
    tokenizer: Any

    def require(self, ids: int) -> None:
        """Raise ModelUnsuitable if the largest id of a text, `ids`, has no row."""
        if ids >= self.rows:
            raise ModelUnsuitable(self.complaint(ids))

    def complaint(self, token: int) -> str:
        """What is wrong with a token that has no row, and what to do about it."""
        spelled = self.tokenizer.convert_ids_to_tokens(token)
        return (
            f"the text has the token {spelled!r} with id {token}, but {self.name} has vectors for "
            f"the ids 0 to {self.rows - 1} only: leave it out, or give the model the tokenizer "
            "that it was trained with"
        )

    def require_setting(self, setting: str, token: int | None) -> None:
        """Raise ModelUnsuitable if a token of the decoder, which a setting names, has no row."""
        if token is not None and token >= self.decoder_rows:
            raise ModelUnsuitable(
                f"the settings of {self.name} have {setting} {token}, but the model has vectors "
                f"for the ids 0 to {self.decoder_rows - 1} only: correct its config.json or "
                "generation_config.json"
            )


def largest(rows: Iterable[Sequence[int]]) -> int:
    """The largest id of several lists; -1 if there is none.

    >>> largest([[3, 7], [], [5]])
    7
    """
    return max((max(row) for row in rows if len(row)), default=-1)


class CheckedEngine:
    """An engine that refuses ids outside of the embedding table. Implements `Engine`.

    Each method raises ModelUnsuitable for such an id. A batch costs one look for its largest id.
    """

    name: EngineName
    schedules: bool

    def __init__(self, engine: Engine, table: Table) -> None:
        self.engine, self.name, self._table = engine, engine.name, table
        self.schedules = engine.schedules

    def forward(self, inputs: Inputs, positions: Bools | None = None) -> Outputs:
        """As `Engine.forward`."""
        self._table.require(int(np.max(inputs["input_ids"], initial=-1)))
        return self.engine.forward(inputs, positions)

    def decode(self, request: Request, options: Decoding) -> StepStream:
        """As `Engine.decode`."""
        return self.engine.decode(self._checked(request), options)

    def search(self, request: Request, options: Decoding) -> list[list[Hypothesis]]:
        """As `Engine.search`."""
        return self.engine.search(self._checked(request), options)

    def score(self, rows: Sequence[Sequence[int]], counts: Sequence[int]) -> list[Floats]:
        """As `Engine.score`."""
        self._table.require(largest(rows))
        return self.engine.score(rows, counts)

    def _checked(self, request: Request) -> Request:
        """A request without end tokens and banned tokens that the model cannot generate anyway."""
        table, rules = self._table, request.rules
        if request.sources is None:
            table.require(largest(request.prompts))
        else:
            table.require(largest(request.sources))
            table.require_setting("decoder_start_token_id", largest(request.prompts[:1]))
        table.require_setting("forced_bos_token_id", rules.forced_first)
        table.require_setting("forced_eos_token_id", rules.forced_last)
        rows = table.decoder_rows
        ends = frozenset(token for token in request.end_tokens if token < rows)
        if ends == request.end_tokens and largest([*rules.banned, rules.banned_first]) < rows:
            return request
        banned = tuple(tokens for tokens in rules.banned if max(tokens) < rows)
        first = tuple(token for token in rules.banned_first if token < rows)
        rules = replace(rules, banned=banned, banned_first=first)
        return replace(request, end_tokens=ends, rules=rules)


def checked(loaded: Loaded) -> Loaded:
    """A model whose engine refuses ids that it has no vectors for."""
    if loaded.rows is None or isinstance(loaded.engine, CheckedEngine):
        return loaded
    know_table(loaded.tokenizer, loaded.rows)
    config = loaded.config
    decoder = getattr(config, "decoder_vocab_size", None) or loaded.rows
    if config.model_type == "encoder-decoder":
        decoder = config.decoder.vocab_size
    table = Table(loaded.checkpoint.model_id, loaded.rows, decoder, loaded.tokenizer)
    return replace(loaded, engine=CheckedEngine(loaded.engine, table))


def table_rows(network: Any) -> int | None:
    """Rows of the embedding table of a torch module; None if it looks ids up in another way."""
    try:
        table = network.get_input_embeddings()
    except (AttributeError, NotImplementedError):
        return None
    return getattr(table, "num_embeddings", None)
