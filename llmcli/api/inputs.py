"""From what callers pass, texts and models in several forms, to what tasks take."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from llmcli.data.readers.base import Source
from llmcli.data.rows import Row
from llmcli.data.text_files import is_unicode
from llmcli.errors import UsageError
from llmcli.inference.loading import AnyModel, Model
from llmcli.spec import ModelSpec

Text = str | Mapping[str, Any] | Row
"""A single text: a string, a mapping with the fields `text` or, of answers, `question` and
`context`, or a row."""
Texts = Iterable[Text | tuple[str, str]]
"""Several texts; a tuple of two strings is a pair."""
ModelLike = str | ModelSpec | Model | None
"""A model by name, with all its settings, or kept by `llmcli.load`; None: the task's default."""


def rows(records: Texts, columns: str | Sequence[str] = "text") -> Iterator[Row]:
    """Records as rows, for fields of other names than the functions expect.

    records: mappings, such as those of `DataFrame.to_dict("records")`; strings; pairs. columns: the
    field with the text, or two for a pair of texts.
    What cannot be used, such as a missing field or a number, becomes a row with an `error`, which
    fails when it is processed.

    >>> import llmcli
    >>> reviews = [{"id": 7, "review": "A wonderful film!"}]
    >>> results = llmcli.classify(llmcli.rows(reviews, "review"))
    >>> [(result.row.fields["id"], result.label) for result in results]
    [(7, 'positive')]
    """
    names = (columns,) if isinstance(columns, str) else tuple(columns)
    return rows_of(records, names)


def rows_of(texts: Texts, columns: Sequence[str], pair: str | None = None) -> Iterator[Row]:
    """The rows of several texts. pair: the second text of all of them."""
    source = Source("", "jsonl", tuple(columns))
    for number, text in enumerate(texts, 1):
        yield _checked(_row(number, text, source, pair))


def _row(number: int, text: Any, source: Source, pair: str | None) -> Row:
    if isinstance(text, Row):
        return text
    if isinstance(text, str):
        return Row(number, text, pair=pair)
    if isinstance(text, Mapping):
        fields = dict(text)
        if pair is not None:
            source = Source(source.path, source.format, source.columns[:1])
        row = source.row(number, fields, None)
        return Row(number, row.text, fields, row.error, row.pair or pair, source.columns)
    if isinstance(text, tuple) and len(text) == 2 and all(isinstance(part, str) for part in text):
        return Row(number, text[0], pair=text[1])
    return Row(number, "", error=f"not text but {type(text).__name__}")


def _checked(row: Row) -> Row:
    """A row as it is, or with an error if a text has lone surrogates, which no tokenizer takes."""
    if row.error is None and not is_unicode(row.text + (row.pair or "")):
        return Row(row.number, "", error="not valid Unicode")
    return row


def model_of(model: ModelLike) -> AnyModel:
    """The model of a call as tasks take it. Raises UsageError for an empty name."""
    if isinstance(model, str):
        if not model:
            raise UsageError("`model` is empty: give a name, or None for the default")
        return ModelSpec(model)
    return model
