"""Training text for a language model: token streams and packed blocks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from llmcli.data.documents import Piece, read_documents
from llmcli.data.formats import input_format
from llmcli.engines.known_ids import Table
from llmcli.errors import InputError
from llmcli.spec.training import Training
from llmcli.tokenization.typed_text import encode_typed
from llmcli.training.held_out import held_out_places

Ids = NDArray[np.uint32]


def document_texts(options: Training) -> Iterator[str]:
    """Yield the text of all training documents, in order, one piece at a time."""
    for path in options.train:
        for piece in read_documents(path, options.columns[0], options.files):
            yield piece.text


def encode_files(
    table: Table, paths: Iterable[str], options: Training, held_out: float = 0.0
) -> tuple[Ids, Ids]:
    """Tokenize files into a training and a validation stream; an EOS token ends each document.

    table: the model's embedding table, with its tokenizer. options: how the files are read.
    held_out: the fraction of the data that goes to the validation stream: one of n documents,
    n = 1 / held_out, drawn with the seed of the options. A .txt file is a single document, so its
    last tokens are held out instead.
    Returns two (N,) uint32 arrays, training first.
    """
    kept: list[Ids] = []
    held: list[Ids] = []
    for path in paths:
        is_text = input_format(path, options.files.input_format) == "txt"
        documents = read_documents(path, options.columns[0], options.files)
        pieces = encode_pieces(table, documents, batch_size=4 if is_text else 1000)
        if is_text:
            ids = _concatenate(list(pieces))
            cut = len(ids) - int(len(ids) * held_out)
            kept.append(ids[:cut])
            held.append(ids[cut:])
            continue
        for ids, is_held_out in zip(pieces, held_out_places(held_out, options.seed), strict=False):
            (held if is_held_out else kept).append(ids)
    return _concatenate(kept), _concatenate(held)


def encode_pieces(table: Table, pieces: Iterator[Piece], batch_size: int) -> Iterator[Ids]:
    """Yield the ids (N,) of each piece; the last piece of a document also gets the EOS token.

    batch_size: how many pieces are tokenized in one call. Raises InputError for a token that has
    no row in the model's embedding table.
    """
    tokenizer = table.tokenizer
    while batch := list(islice(pieces, batch_size)):
        encoded = encode_typed(
            tokenizer,
            [piece.text for piece in batch],
            add_special_tokens=False,
            return_attention_mask=False,
        )["input_ids"]
        for piece, ids in zip(batch, encoded, strict=True):
            end = [tokenizer.eos_token_id] if piece.last else []
            array = np.array(ids + end, dtype=np.uint32)
            token = int(array.max(initial=0))
            if token >= table.rows:
                raise InputError(f"{piece.where}: {table.complaint(token)}")
            yield array


def _concatenate(parts: list[Ids]) -> Ids:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.uint32)


def shrunk_block(tokens: int) -> int:
    """The size of a block for a text that is shorter than one: all of it is in the block.

    Raises InputError for a text of which nothing can be learnt.
    """
    if tokens < 2:
        raise InputError(f"the training text has {tokens} tokens: give more text")
    return tokens


@dataclass(frozen=True, slots=True)
class Blocks(torch.utils.data.Dataset[dict[str, Any]]):
    """A token stream split into blocks of equal length; an incomplete last block is dropped."""

    ids: Ids
    block_size: int

    def __len__(self) -> int:
        return len(self.ids) // self.block_size

    def __getitem__(self, key: int) -> dict[str, Any]:
        """Return ids (T,) and labels (T,) of block `key`, modulo the number of blocks.

        The loss shifts the labels by one position, so a block's first token is never a target.
        """
        start = key % len(self) * self.block_size
        ids = self.ids[start : start + self.block_size].astype(np.int64)
        return {"input_ids": ids, "labels": ids}

    def lengths(self) -> list[int]:
        """Return the length of each block, in tokens."""
        return [self.block_size] * len(self)
