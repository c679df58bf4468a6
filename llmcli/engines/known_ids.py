"""Token ids that the model has no vector for: refused before any engine sees them.

A tokenizer can have more tokens than the model's embedding table has rows: tokens were added and
the model was not resized, or the folder holds the tokenizer of another model. torch would raise an
IndexError, CTranslate2 would read other memory, or take the unknown token without a word.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from llmcli.errors import ModelUnsuitable


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


def table_rows(network: Any) -> int | None:
    """Rows of the embedding table of a torch module; None if it looks ids up in another way."""
    try:
        table = network.get_input_embeddings()
    except (AttributeError, NotImplementedError):
        return None
    return getattr(table, "num_embeddings", None)
