"""Examine text that is packed into blocks: its documents, what repeats, its tokens."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from llmcli.data.documents import Piece, read_documents
from llmcli.data.formats import input_format
from llmcli.data.readers import read_rows
from llmcli.errors import InputError
from llmcli.spec import ModelSpec
from llmcli.spec.training import Training
from llmcli.training.checkup.checks import unknown_token, unknown_tokens
from llmcli.training.checkup.duplicates import Key, key_of, leaks, repeats
from llmcli.training.checkup.findings import (
    Checkup,
    FileCount,
    Finding,
    Problem,
    finding,
    lengths_of,
)
from llmcli.training.checkup.previews import shortened
from llmcli.training.checkup.rows import problem_of
from llmcli.training.corpus import encode_pieces
from llmcli.training.preparation import Data, Note, limit_of, made_for, model_for

TEXT_PIECES, ROWS = 4, 1000  # tokenized together


@dataclass(slots=True)
class Document:
    """What is kept of a document."""

    where: str
    key: Key
    """Of its text; of a .txt file, of all its pieces."""
    is_empty: bool
    is_held_out: bool = False
    tokens: int = 0


@dataclass(slots=True)
class Stream:
    """The documents of some files, and what their blocks are cut from."""

    documents: list[Document] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    files: list[FileCount] = field(default_factory=list)
    held_out_tokens: int = 0
    """Of the ends of .txt files, which belong to documents that are trained on."""
    unknown: int = 0
    """Tokens that stand for what the vocabulary lacks."""
    start: list[int] = field(default_factory=list)
    """The ids of the first block."""


def examine_text(options: Training, base: ModelSpec | None, note: Note) -> Checkup:
    """Look for all that is wrong with text for a causal language model.

    options: filled in. A new tokenizer is learnt only where all rows can be read. Raises what
    loading the model raises.
    """
    tokenizer: Any = None
    size, broken = 0, []
    try:
        nothing = Data([], [])
        model, tokenizer = (
            model_for(options, base, nothing, note)
            if base
            else made_for(options, nothing, Path(), note)
        )
        size = limit_of(options, model)
    except InputError as error:
        if base:
            raise
        broken = [str(error)]
    fraction = 0.0 if options.eval else options.eval_fraction or 0.0
    train = read_stream(options, options.train, tokenizer, size, fraction)
    checked = read_stream(options, options.eval, tokenizer, size, 0.0, use="validation")
    problems = train.problems + checked.problems
    if broken and not problems:
        problems.append(Problem(options.from_scratch or "", None, "", broken[0]))
    kept = [one for one in train.documents if not one.is_held_out]
    held = [one for one in train.documents if one.is_held_out] + checked.documents
    own = sum(one.tokens for one in kept) - train.held_out_tokens
    other = sum(one.tokens for one in held) + train.held_out_tokens
    if tokenizer is not None and own < size and not problems:
        reason = f"the training text has {own} tokens, one block needs {size}"
        problems.append(Problem(options.train[0], None, "", reason))
    sizes = [one.tokens for one in kept]
    sample = shortened([(tokenizer.decode(train.start), False)]) if train.start else ()
    return Checkup(
        task=options.task,
        model=base.model_id if base else options.from_scratch or "",
        files=tuple(train.files + checked.files),
        problems=tuple(problems),
        findings=(*_findings(kept, held), unknown_tokens(train.unknown, own + other)),
        lengths=lengths_of(sizes, "document") if tokenizer is not None else None,
        numbers=tuple(_numbers(kept, held, own, other, size)) if tokenizer is not None else (),
        samples=(sample,) if sample else (),
    )


def read_stream(
    options: Training,
    paths: tuple[str, ...],
    tokenizer: Any,
    size: int,
    fraction: float,
    use: str = "train",
) -> Stream:
    """Read files as training does, but go on after rows that cannot be used.

    tokenizer: None counts no tokens. fraction: of the documents, to be held out.
    """
    found = Stream()
    every = round(1 / fraction) if fraction else 0
    for path in paths:
        documents, problems = len(found.documents), len(found.problems)
        try:
            _read(options, path, tokenizer, size, fraction, found)
        except InputError as error:
            found.problems.append(problem_of(path, "", error))
        new = found.documents[documents:]
        bad = sum(bool(one.place) for one in found.problems[problems:])
        if format_or_none(path) != "txt":
            for number, one in enumerate(new, 1):
                one.is_held_out = bool(every) and number % every == 0
        found.files.append(FileCount(path, use, len(new) + bad, bad))
    return found


def format_or_none(path: str) -> str | None:
    """The kind of a file; None where its name does not say."""
    try:
        return input_format(path)
    except InputError:
        return None


def _read(
    options: Training, path: str, tokenizer: Any, size: int, fraction: float, found: Stream
) -> None:
    is_text = input_format(path) == "txt"
    first = len(found.documents)
    pieces = _pieces(path, options.columns[0], is_text, found)
    if tokenizer is None:
        for _ in pieces:
            pass
        return
    at, total, unknown = first, 0, unknown_token(tokenizer)
    encoded = encode_pieces(tokenizer, pieces, TEXT_PIECES if is_text else ROWS)
    for ids in encoded:
        found.documents[at].tokens += len(ids)
        total += len(ids)
        found.unknown += int((ids == unknown).sum()) if unknown is not None else 0
        at += not is_text
        if len(found.start) < size:
            found.start += ids[: size - len(found.start)].astype(np.int64).tolist()
    if is_text:
        found.held_out_tokens += int(total * fraction)


def _pieces(path: str, column: str, is_text: bool, found: Stream) -> Iterator[Piece]:
    """What is tokenized; each document is noted before its text is passed on."""
    if is_text:
        keys, blank = [], True
        found.documents.append(Document(path, b"", True))
        for piece in read_documents(path, column):
            keys.append(piece.text)
            blank = blank and not piece.text.strip()
            found.documents[-1].is_empty = blank
            keys = [key_of(keys).hex()] if len(keys) > 1 else keys
            yield piece
        found.documents[-1].key = key_of(keys)
        return
    for row in read_rows(path, column):
        if row.error is not None:
            found.problems.append(problem_of(path, f"line {row.number}", InputError(row.error)))
            continue
        where = f"{path}, line {row.number}"
        found.documents.append(Document(where, key_of([row.text]), not row.text.strip()))
        yield Piece(row.text, last=True)


def _findings(kept: list[Document], held: list[Document]) -> Iterator[Finding]:
    blank = [one.where for one in kept + held if one.is_empty]
    yield finding("empty_texts", "documents are empty", blank)
    full = [one for one in kept if not one.is_empty]
    rest = [one for one in held if not one.is_empty]
    same = repeats([one.key for one in full]).pairs
    yield finding(
        "duplicates",
        "training documents repeat an earlier one",
        [f"{full[a].where} = {full[b].where}" for a, b in same],
    )
    both = leaks([one.key for one in full], [one.key for one in rest])
    yield finding(
        "leakage",
        "validation documents are in the training text",
        [f"{rest[a].where} = {full[b].where}" for a, b in both],
        problem=True,
    )


def _numbers(
    kept: list[Document], held: list[Document], own: int, other: int, size: int
) -> Iterator[tuple[str, float]]:
    yield "limit", size
    yield "train_documents", len(kept)
    yield "train_tokens", own
    yield "train_blocks", own // size
    yield "validation_documents", len(held)
    yield "validation_tokens", other
    yield "validation_blocks", other // size
