"""Training tasks whose examples are made of rows, each by itself."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from llmcli.data.readers import read_rows
from llmcli.data.rows import Row
from llmcli.engines.known_ids import largest
from llmcli.errors import InputError
from llmcli.tokenization.typed_text import encode_typed
from llmcli.training.base import Data, Objective, TrainingTask
from llmcli.training.checkup.findings import Finding, Sample, finding
from llmcli.training.checkup.items import Item, Measured
from llmcli.training.checkup.previews import marked, shortened
from llmcli.training.examples import NO_LABEL, Dataset, Examples, Feature
from llmcli.training.held_out import hold_out
from llmcli.training.results import Notify

Answers = frozenset[str]
GROUP = 1000  # rows tokenized together
IDS = ("input_ids", "labels_ids")
"""What holds the tokens of a feature."""


class RowTask(TrainingTask):
    """A task whose data are rows. What a row says and teaches is defined here, once."""

    input_word: ClassVar[str] = "text"
    """What two rows share where validation data leak into the training data."""
    conflict_text: ClassVar[str] = "training rows have the text of another, but not its label"
    """Describes rows of the same text with different `answers`."""
    preview_caption: ClassVar[str] = "examples; what is learnt is marked"
    cuts_rows: ClassVar[bool] = True
    """Rows that are too long lose their end; else they give several examples."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields that a row's text and its pair are read from; none: `fields` alone."""
        return self.options.columns

    def each_row(self, path: str) -> Iterator[tuple[str, Any]]:
        """The rows of a file, each with its place there; an InputError for an unusable one."""
        for row in read_rows(path, self.columns, self.options.files):
            place = row.where
            try:
                if row.error is not None:
                    raise InputError(row.error)
                self.texts(row)
                self.answers(row)
            except InputError as error:
                yield place, error
            else:
                yield place, replace(row, file=path)

    def read_data(self) -> Data:
        options = self.options
        train, held_out = self._read(options.train), self._read(options.eval)
        self.decide_reading(train)
        if not options.eval:
            train, held_out = self.hold_out(train)
        if not train:
            raise InputError("there are no rows to train on")
        return Data(train, held_out, self.find_labels(train))

    def decide_reading(self, rows: Sequence[Any]) -> None:
        """Decide how fields are read where that depends on all training rows.

        Raises InputError where they contradict one another.
        """

    def hold_out(
        self, rows: Sequence[Any], row_of: Callable[[Any], Any] = lambda row: row
    ) -> tuple[list[Any], list[Any]]:
        """Split rows, or what holds them, into those to train on and those to validate with."""
        options = self.options
        fraction, seed = options.eval_fraction or 0.0, options.seed

        def labels(row: Any) -> Sequence[str]:
            return self.labels(row_of(row))

        if rows and self.context(row_of(rows[0])) is not None:
            split = hold_out(rows, fraction, seed, labels, lambda row: self.context(row_of(row)))
            if split[1]:  # else there are too few contexts
                return split
        return hold_out(rows, fraction, seed, labels)

    def _read(self, paths: Sequence[str]) -> list[Any]:
        rows = []
        for path in paths:
            for place, row in self.each_row(path):
                if isinstance(row, InputError):
                    raise InputError(f"{path}, {place}: {row}; `check` lists all")
                rows.append(row)
        return rows

    def find_labels(self, rows: Sequence[Any]) -> list[str]:
        """The labels that the model learns from these rows, in its order; none without labels."""
        return []

    def labels(self, row: Any) -> Sequence[str]:
        """The labels of one row, of its text or of its words."""
        return ()

    def texts(self, row: Any) -> tuple[str, ...]:
        """The texts of a row. Raises InputError where they are malformed."""
        return (row.text,) if row.pair is None else (row.text, row.pair)

    def answers(self, row: Any) -> Answers | None:
        """What the texts of a row are to be answered with; None where they are all that is learnt.

        Rows of the same text contradict each other where they have no answer in common.
        Raises InputError where it is malformed.
        """
        return None

    def identity(self, row: Any) -> Sequence[str]:
        """The texts by which a row repeats another."""
        return self.texts(row)

    def leak_identity(self, row: Any) -> Sequence[str]:
        """The texts that a row of the validation data must not share with the training data."""
        return self.identity(row)

    def context(self, row: Any) -> str | None:
        """What a row is about: rows of one context are all trained on, or all held out.

        None where rows have no context.
        """
        return None

    def batch_key(self, row: Any) -> str:
        """Rows are tokenized together where this is the same."""
        return ""

    def tokenizer_texts(self, data: Data) -> Iterator[str]:
        for row in data.train:
            yield from self.texts(row)

    @abstractmethod
    def objective(
        self, model: Any, tokenizer: Any, *, name: str = "the model", rows: Sequence[Any] = ()
    ) -> "RowObjective": ...

    def datasets(
        self, objective: "RowObjective", data: Data, note: Notify
    ) -> tuple[Dataset, Dataset | None]:
        for line in self.notes(data):
            note(line)
        train = _examples(objective, data.train, "train", note)
        if not len(train):
            raise InputError("nothing can be learnt from the training rows")
        if data.held_out and not self.options.eval:
            note(self._held_out_note(data))
        held_out = _examples(objective, data.held_out, "validate", note) if data.held_out else None
        if not held_out:
            note(
                "no validation: too few rows are held out; give `eval` or a higher `eval_fraction`"
            )
        return train, held_out or None

    def _held_out_note(self, data: Data) -> str:
        held, total = len(data.held_out), len(data.train) + len(data.held_out)
        shares = ", each label in its share" if data.labels else ""
        seed = self.options.seed
        return f"held out: {held:,} of {total:,} rows, drawn at random (`seed` {seed}){shares}"

    def notes(self, data: Data) -> Iterator[str]:
        """Choices that the user should know of, about the rows of this task."""
        yield from ()

    def row_findings(self, train: Sequence[Item], held_out: Sequence[Item]) -> Iterator[Finding]:
        """What `check` looks for in the rows of this task alone."""
        yield from ()

    def token_findings(self, measured: Measured) -> Iterator[Finding]:
        """What `check` looks for in the tokenized rows of this task."""
        if self.cuts_rows:
            text = "training rows are longer than the limit and cut"
            yield finding("cut", text, [], count=measured.cut)


def _examples(objective: "RowObjective", rows: Sequence[Any], use: str, note: Notify) -> Examples:
    made = objective.known_examples(rows)
    cut = f"; {made.cut:,} rows are cut to {objective.limit} tokens" if made.cut else ""
    note(f"data: {len(rows):,} rows, {sum(made.lengths()):,} tokens to {use}{cut}")
    return made


class RowObjective(Objective):
    """The loss of a task whose examples are made of rows."""

    counts_learnt: ClassVar[bool] = False
    """The share of tokens that the loss is on is of interest."""

    def __init__(self, task: RowTask, model: Any, tokenizer: Any) -> None:
        super().__init__(model, tokenizer, task.limit(model))
        self.smoothing = task.options.label_smoothing

    @abstractmethod
    def examples(self, rows: Sequence[Any]) -> Examples:
        """Tokenize rows. Raises InputError for the first row that cannot be used."""

    def known_examples(self, rows: Sequence[Any]) -> Examples:
        """The examples of rows; InputError also for a token that the model has no vector for."""
        made = self.examples(rows)
        ids = (feature.get(name, ()) for feature in made.features for name in IDS)
        token, table = largest(ids), self.table()
        if token < table.rows:
            return made
        if len(rows) > 1:  # each half raises for its first row
            half = len(rows) // 2
            for part in (rows[:half], rows[half:]):
                self.known_examples(part)
        place = f"{rows[0].place}: " if isinstance(rows[0], Row) else ""
        raise InputError(f"{place}{table.complaint(token)}")

    def preview(self, feature: Feature, number: int = 0) -> Sample:
        """An example of the first epoch, decoded, with what is learnt of it marked.

        number: its place among the examples.
        """
        learnt = [label != NO_LABEL for label in feature["labels"]]
        return shortened(marked(self.tokenizer, feature["input_ids"], learnt))

    def learnt_tokens(self, feature: Feature) -> int:
        """How many tokens of an example the loss is on; asked for if `counts_learnt`."""
        return 0

    def is_suspect(self, feature: Feature) -> bool:
        """True for an example that `check` should show: its task's token_findings say why."""
        return False


def texts_with_targets(
    objective: RowObjective, rows: Sequence[Row], target: Callable[[Row], Feature]
) -> Examples:
    """An example of each row: its text or pair, tokenized, and the fields that `target` gives."""
    examples = Examples([], len(rows))
    for start in range(0, len(rows), GROUP):
        group = rows[start : start + GROUP]
        features = encoded_texts(objective.tokenizer, group, objective.limit, examples)
        for row, feature in zip(group, features, strict=True):
            examples.features.append({**feature, **target(row)})
    return examples


def encoded_texts(
    tokenizer: Any, rows: Sequence[Row], limit: int, examples: Examples
) -> list[Feature]:
    """Tokenize texts or pairs, cut to `limit` tokens from the end of the longer one.

    examples: where the rows that were cut are counted.
    """
    texts = [row.text for row in rows]
    pairs = None if rows[0].pair is None else [row.pair or "" for row in rows]
    settings = {"return_attention_mask": False}
    encoded = encode_typed(tokenizer, texts, pairs, truncation=False, **settings)
    too_long = [len(ids) > limit for ids in encoded["input_ids"]]
    if any(too_long):
        examples.cut += sum(too_long)
        encoded = encode_typed(
            tokenizer, texts, pairs, truncation=True, max_length=limit, **settings
        )
    names = [name for name in ("input_ids", "token_type_ids") if name in encoded]
    for row, ids in zip(rows, encoded["input_ids"], strict=True):
        if not ids:
            raise InputError(f"{row.place}: the text has no token that the model knows")
    return [{name: encoded[name][index] for name in names} for index in range(len(texts))]
