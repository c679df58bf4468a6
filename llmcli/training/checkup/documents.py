"""Examine text that is packed into blocks: its documents, what repeats, its tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from llmcli.data.documents import Piece, read_documents
from llmcli.data.formats import input_format
from llmcli.data.readers import read_rows
from llmcli.engines.known_ids import Table
from llmcli.errors import InputError
from llmcli.spec import ModelSpec
from llmcli.spec.training import Training
from llmcli.tokenization.unknown import UnknownShare, unknown_token
from llmcli.training.base import Data, TrainingTask
from llmcli.training.checkup.checks import unknown_tokens, unreadable
from llmcli.training.checkup.duplicates import Key, key_of, leaks, repeats
from llmcli.training.checkup.findings import Checkup, FileCount, Finding, Problem, finding
from llmcli.training.checkup.lengths import lengths_of
from llmcli.training.checkup.previews import shortened
from llmcli.training.checkup.reading import problem_of
from llmcli.training.corpus import encode_pieces, shrunk_block
from llmcli.training.held_out import held_out_places
from llmcli.training.results import Notify
from llmcli.training.starting_models import load_model, make_model

TEXT_PIECES, ROWS = 4, 1000  # tokenized together


@dataclass(slots=True)
class Document:
    """What is kept of a document."""

    where: str
    key: Key
    """Of its text; of a .txt file, of all its pieces."""
    is_empty: bool
    is_held_out: bool = False
    is_unreadable: bool = False
    """Its text, or the start of a .txt file, is mostly unknown to the vocabulary."""
    tokens: int = 0


@dataclass(slots=True)
class Stream:
    """The documents of some files, and what their blocks are cut from."""

    documents: list[Document] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    files: list[FileCount] = field(default_factory=list)
    held_out_tokens: int = 0
    """In the ends of .txt files, which belong to documents that are trained on."""
    unknown: int = 0
    """Tokens that stand for characters and words that the vocabulary lacks."""
    start: list[int] = field(default_factory=list)
    """The ids of the first block."""


def examine_text(task: TrainingTask, base: ModelSpec | None, note: Notify) -> Checkup:
    """Look for all that is wrong with text for a causal language model.

    A new tokenizer is trained only where all rows can be read. Raises what loading the model
    raises.
    """
    options = task.options
    table, size, reason = _table(task, base, note)
    reader = StreamReader(options, table, size)
    fraction = 0.0 if options.eval else options.eval_fraction or 0.0
    train = reader.read(options.train, "train", fraction, options.seed)
    validation = reader.read(options.eval, "validation", 0.0)
    kept = [document for document in train.documents if not document.is_held_out]
    held = [document for document in train.documents if document.is_held_out]
    held += validation.documents
    own = sum(document.tokens for document in kept) - train.held_out_tokens
    other = sum(document.tokens for document in held) + train.held_out_tokens
    problems = train.problems + validation.problems
    if reason and not problems:
        problems.append(Problem(options.from_scratch or "", None, "", reason))
    if table is not None and own < size and not problems:
        try:
            size = shrunk_block(own)
            note(f"the training text is short: one block of {size} tokens holds it")
        except InputError as error:
            problems.append(Problem(options.train[0], None, "", str(error)))
    start = table.tokenizer.decode(train.start) if table is not None and train.start else ""
    sample = shortened([(start, False)]) if start else ()
    is_counted = table is not None
    return Checkup(
        task=options.task,
        model=base.model_id if base else options.from_scratch or "",
        files=tuple(train.files + validation.files),
        problems=tuple(problems),
        findings=(*_findings(kept, held), unknown_tokens(train.unknown, own + other)),
        lengths=lengths_of([one.tokens for one in kept], "document") if is_counted else None,
        numbers=tuple(_numbers(kept, held, own, other, size)) if is_counted else (),
        samples=(sample,) if sample else (),
        samples_caption="start of the first block; all of it is learnt",
    )


def _table(
    task: TrainingTask, base: ModelSpec | None, note: Notify
) -> tuple[Table | None, int, str]:
    """The tokenizer with the model's table, and the size of a block.

    None where no tokenizer can be trained, and why.
    """
    nothing = Data([], [])
    try:
        if base:
            model, tokenizer = load_model(task, base, nothing, note)
        else:
            model, tokenizer = make_model(task, nothing, None, note)
        objective = task.objective(model, tokenizer)
        return objective.table(), objective.limit, ""
    except InputError as error:
        if base:
            raise
        return None, 0, str(error)


class StreamReader:
    """Reads documents as training does, but goes on after rows that cannot be used."""

    def __init__(self, options: Training, table: Table | None, size: int) -> None:
        """options: how the files are read. table: with the tokenizer; None counts no tokens.

        size: tokens of a block.
        """
        self._column, self._files = options.columns[0], options.files
        self._table, self._size = table, size
        self._unknown = None if table is None else unknown_token(table.tokenizer)
        self._share = None if table is None else UnknownShare(table.tokenizer)

    def read(self, paths: Sequence[str], use: str, fraction: float, seed: int = 0) -> Stream:
        """The documents of some files.

        use: train or validation. fraction: of the documents, to be held out; of a .txt file, of
        its tokens. seed: of the draw.
        """
        stream = Stream()
        for path in paths:
            first, problems = len(stream.documents), len(stream.problems)
            is_text = False
            try:
                is_text = input_format(path, self._files.input_format) == "txt"
                tokens = self._read_file(path, is_text, stream)
                stream.held_out_tokens += int(tokens * fraction) if is_text else 0
            except InputError as error:
                stream.problems.append(problem_of(path, "", error))
            new = stream.documents[first:]
            if not is_text:
                for document, is_held_out in zip(
                    new, held_out_places(fraction, seed), strict=False
                ):
                    document.is_held_out = is_held_out
            unusable = sum(bool(problem.place) for problem in stream.problems[problems:])
            stream.files.append(FileCount(path, use, len(new) + unusable, unusable))
        return stream

    def _read_file(self, path: str, is_text: bool, stream: Stream) -> int:
        """Add the documents of a file; returns its tokens."""
        index, total = len(stream.documents), 0
        texts = self._text(path, stream) if is_text else self._rows(path, stream)
        if self._table is None:
            for _ in texts:
                pass
            return 0
        for ids in encode_pieces(self._table, texts, TEXT_PIECES if is_text else ROWS):
            stream.documents[index].tokens += len(ids)
            total += len(ids)
            stream.unknown += int((ids == self._unknown).sum()) if self._unknown is not None else 0
            index += not is_text
            missing = self._size - len(stream.start)
            stream.start += ids[: max(0, missing)].astype(np.int64).tolist()
        return total

    def _text(self, path: str, stream: Stream) -> Iterator[Piece]:
        """The stretches of a .txt file, which is one document."""
        keys: list[str] = []
        document = Document(path, b"", is_empty=True)
        stream.documents.append(document)
        for piece in read_documents(path, self._column, self._files):
            keys.append(piece.text)
            if len(keys) == 1:
                document.is_unreadable = self._is_unreadable(piece.text)
            document.is_empty = document.is_empty and not piece.text.strip()
            keys = [key_of(keys).hex()] if len(keys) > 1 else keys
            yield piece
        document.key = key_of(keys)

    def _rows(self, path: str, stream: Stream) -> Iterator[Piece]:
        """The rows of a file, each a document, which is noted before its text is passed on."""
        for row in read_rows(path, self._column, self._files):
            place = row.where
            if row.error is not None:
                stream.problems.append(problem_of(path, place, InputError(row.error)))
                continue
            where, is_empty = f"{path}, {place}", not row.text.strip()
            document = Document(where, key_of([row.text]), is_empty)
            document.is_unreadable = self._is_unreadable(row.text)
            stream.documents.append(document)
            yield Piece(row.text, last=True, where=where)

    def _is_unreadable(self, text: str) -> bool:
        return self._share is not None and self._share.of(text) is not None


def _findings(kept: Sequence[Document], held: Sequence[Document]) -> Iterator[Finding]:
    blank = [document.where for document in (*kept, *held) if document.is_empty]
    yield finding("empty_texts", "documents are empty", blank)
    full = [document for document in kept if not document.is_empty]
    rest = [document for document in held if not document.is_empty]
    same = repeats([document.key for document in full]).pairs
    yield finding(
        "duplicates",
        "training documents repeat an earlier one",
        [f"{full[a].where} = {full[b].where}" for a, b in same],
    )
    both = leaks([document.key for document in full], [document.key for document in rest])
    yield finding(
        "leakage",
        "validation documents are in the training text",
        [f"{rest[a].where} = {full[b].where}" for a, b in both],
        problem=True,
    )
    unread = [document.where for document in kept if document.is_unreadable]
    yield unreadable(unread, len(kept))


def _numbers(
    kept: Sequence[Document], held: Sequence[Document], own: int, other: int, size: int
) -> Iterator[tuple[str, float]]:
    """own, other: tokens to train on, tokens held out. size: of a block."""
    yield "limit", size
    yield "train_documents", len(kept)
    yield "train_tokens", own
    yield "train_blocks", own // size
    yield "validation_documents", len(held)
    yield "validation_tokens", other
    yield "validation_blocks", other // size
