"""Results of texts that a model cannot read say so."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from llmcli.data.results import Result
from llmcli.data.rows import Row
from llmcli.tokenization.unknown import UnknownShare

T = TypeVar("T")


def with_unknown(results: Iterable[T], tokenizer: Any) -> Iterator[T]:
    """Pass results on; those of texts that are mostly unknown to the vocabulary get the share."""
    share_of = UnknownShare(tokenizer).of
    row: Row | None = None
    share: float | None = None
    for result in results:
        if isinstance(result, Result):
            if result.row is not row:
                row, share = result.row, share_of(result.row.text, result.row.pair)
            if share is not None:
                result = replace(result, unknown=share)
        yield result
