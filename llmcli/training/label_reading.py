"""How the labels of texts are read from a field, which is decided for all training rows at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from llmcli.data.rows import Row
from llmcli.errors import InputError, listed
from llmcli.evaluation.label_lists import (
    SEPARATORS,
    are_vectors,
    items_of,
    list_in,
    separator_of,
)
from llmcli.evaluation.label_names import Labels
from llmcli.evaluation.labels import label_text


@dataclass(frozen=True, slots=True)
class LabelReading:
    """Reads the labels of a row: one, or with `is_multi` any number of them."""

    column: str
    is_multi: bool
    names: tuple[str, ...] = ()
    """Of all classes, in the order of the model's outputs; empty: those that occur."""
    separator: str = ";"
    are_vectors: bool = False
    """Lists hold a 0 or a 1 for each class, in the order of `names`."""
    renamed: dict[str, str] = field(default_factory=dict)
    """The names of labels that are numbers, where `names` are given."""

    def decided(self, rows: Sequence[Row]) -> "LabelReading":
        """The reading for the labels of these rows.

        Raises InputError for labels that are not among `names`.
        """
        if self.is_multi:
            cells = [row.fields.get(self.column) for row in rows]
            separator = separator_of(cells)
            lists = [items_of(cell, separator) or [] for cell in cells]
            if are_vectors(lists):
                return replace(self, are_vectors=True, names=self._places(len(lists[0])))
            decided = replace(self, separator=separator)
        else:
            decided = self
        if not self.names:
            return decided
        bare = replace(decided, names=())
        labels = sorted({label for row in rows for label in bare.labels(row)})
        matched = Labels(self.names, is_ordered=True).match(labels)
        unknown = [label for label in labels if label not in matched.names]
        if unknown:
            raise InputError(f"the labels {listed(unknown)} are none of `labels`, {self._known()}")
        return replace(decided, renamed=dict(matched.names))

    def _places(self, count: int) -> tuple[str, ...]:
        if self.names and len(self.names) != count:
            raise InputError(
                f"{self.column!r} has lists of {count} places, but `labels` names "
                f"{len(self.names)} classes: {self._known()}"
            )
        return self.names or tuple(f"LABEL_{place}" for place in range(count))

    def labels(self, row: Row) -> tuple[str, ...]:
        """The labels of a row. Raises InputError for malformed ones."""
        if self.column not in row.fields:
            fields = listed(row.fields)
            raise InputError(
                f"no field {self.column!r}; it has {fields}: name it by `label_column`"
            )
        value = row.fields[self.column]
        if not self.is_multi:
            return (self._named(self._one(value)),)
        items = items_of(value, self.separator)
        if items is None:
            raise InputError(f"{self.column!r} is not a list of labels but {value!r}")
        if self.are_vectors:
            return self._at_places(items)
        return tuple(dict.fromkeys(self._named(label_text(item)) for item in items))

    def _one(self, value: Any) -> str:
        is_text = isinstance(value, str)
        if isinstance(value, (list, tuple)) or (is_text and list_in(value) is not None):
            raise InputError(
                f"{self.column!r} is a list of labels, {str(value)[:40]}: give `multi_label`"
            )
        return label_text(value)

    def _at_places(self, items: list[Any]) -> tuple[str, ...]:
        if len(items) != len(self.names) or not are_vectors([items]):
            raise InputError(
                f"{self.column!r} is not a list of {len(self.names)} numbers 0 and 1 but {items}"
            )
        return tuple(name for name, item in zip(self.names, items, strict=True) if item)

    def _named(self, label: str) -> str:
        name = self.renamed.get(label, label)
        if self.renamed and name not in self.names:
            raise InputError(f"the label {label!r} is none of `labels`, {self._known()}")
        return name

    def _known(self) -> str:
        return listed(self.names)


def looks_like_lists(labels: Sequence[str]) -> list[str]:
    """Labels whose parts, with ; | or , between them, are all labels of other rows.

    >>> looks_like_lists(["it", "urgent", "it,urgent", "Paris, Texas"])
    ['it,urgent']
    """
    known = set(labels)
    return [
        label
        for label in labels
        for sign in SEPARATORS
        if sign in label and all(part.strip() in known for part in label.split(sign))
    ]


def same_but_for_case(labels: Sequence[str]) -> list[list[str]]:
    """Groups of labels that differ in their case or in blanks alone.

    >>> same_but_for_case(["Good", "bad", "good"])
    [['Good', 'good']]
    """
    groups: dict[str, list[str]] = {}
    for label in labels:
        groups.setdefault("".join(label.casefold().split()), []).append(label)
    return [same for same in groups.values() if len(same) > 1]
