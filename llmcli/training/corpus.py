"""Training text for a language model: a tokenizer, token streams and packed blocks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from llmcli.data.documents import Piece, read_documents
from llmcli.data.formats import input_format

Ids = NDArray[np.uint32]


def document_texts(files: Iterable[str], column: str) -> Iterator[str]:
    """Yield the text of all files, document by document, piece by piece."""
    for path in files:
        for piece in read_documents(path, column):
            yield piece.text


def encode_files(
    tokenizer: Any, files: Iterable[str], column: str, held_out: float = 0.0
) -> tuple[Ids, Ids]:
    """Tokenize files into one stream, each document followed by the end-of-text token.

    held_out: the fraction that goes to the second stream. Every n-th document does, n being
    1 / held_out; of a .txt file, which is one document, its end.
    Returns two (N,) uint32 arrays.
    """
    kept: list[Ids] = []
    held: list[Ids] = []
    every = round(1 / held_out) if held_out else 0
    for path in files:
        is_text = input_format(path) == "txt"
        pieces = encode_pieces(
            tokenizer, read_documents(path, column), batch=4 if is_text else 1000
        )
        if is_text:
            ids = _concatenate(list(pieces))
            cut = len(ids) - int(len(ids) * held_out)
            kept.append(ids[:cut])
            held.append(ids[cut:])
            continue
        for number, ids in enumerate(pieces, 1):
            (held if every and number % every == 0 else kept).append(ids)
    return _concatenate(kept), _concatenate(held)


def encode_pieces(tokenizer: Any, pieces: Iterator[Piece], batch: int) -> Iterator[Ids]:
    """Yield the ids of each piece, so many tokenized together; a document's last ends it."""
    while some := list(islice(pieces, batch)):
        encoded = tokenizer(
            [piece.text for piece in some],
            add_special_tokens=False,
            return_attention_mask=False,
            verbose=False,
        )["input_ids"]
        for piece, ids in zip(some, encoded, strict=True):
            end = [tokenizer.eos_token_id] if piece.last else []
            yield np.array(ids + end, dtype=np.uint32)


def _concatenate(parts: list[Ids]) -> Ids:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.uint32)


@dataclass(frozen=True, slots=True)
class Blocks(torch.utils.data.Dataset[dict[str, Any]]):
    """A token stream cut into blocks of equal length; what is left over at the end is dropped."""

    ids: Ids
    block_size: int

    def __len__(self) -> int:
        return len(self.ids) // self.block_size

    def __getitem__(self, key: int) -> dict[str, Any]:
        """Block `key` modulo their number: ids (T,) and labels (T,), which the loss shifts.

        The first token has nothing before it: the loss of its shifted labels leaves it out.
        """
        start = key % len(self) * self.block_size
        ids = self.ids[start : start + self.block_size].astype(np.int64)
        return {"input_ids": ids, "labels": ids}

    def lengths(self) -> list[int]:
        """Tokens of each block."""
        return [self.block_size] * len(self)
