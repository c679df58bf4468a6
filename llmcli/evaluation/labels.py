"""Labels of a file: as texts, and as a model names them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from llmcli.errors import InputError


def label_text(value: Any, place: str = "") -> str:
    """A label of a file as text, the same for training and for evaluation.

    Files without numbers have the same labels as files with them: 1, 1.0 and "1" are one label.
    Raises InputError, which begins with `place`, for null, lists, objects and blank texts.

    >>> label_text(1.0, "line 1"), label_text(" good ", "line 2"), label_text(True, "line 3")
    ('1', 'good', 'True')
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip()
    if not isinstance(value, (str, int, float)) or not text:
        shown = repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:60]}..."
        prefix = f"{place}: " if place else ""
        raise InputError(f"{prefix}{shown} is not a label: use text, a number, true or false")
    return text


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels that a model knows."""

    names: tuple[str, ...]
    is_ordered: bool
    """They are in the order of the model's classes: a number in a file is the label's index."""
    are_all: bool = True
    """The model has no other label; else it may have some that it never predicted."""

    def find(self, label: str, renamed: Iterable[tuple[str, str]] = ()) -> str:
        """The model's name for a label of the file.

        Tried in this order: the name in `renamed`, the same name, the same name in another case,
        the index. Raises InputError for a label that the model does not have.

        >>> Labels(("negative", "positive"), True).find("1")
        'positive'
        """
        label = dict(renamed).get(label, label)
        if label in self.names:
            return label
        same = [name for name in self.names if name.casefold() == label.casefold()]
        if len(same) == 1:
            return same[0]
        if label.isascii() and label.isdigit():
            if self.is_ordered and int(label) < len(self.names):
                return self.names[int(label)]
            if f"LABEL_{label}" in self.names:
                return f"LABEL_{label}"
        if self.are_all:
            known = ", ".join(self.names[:12])
            raise InputError(
                f"the label {label!r} is none of the model's ({known}): map it by `label_map`"
            )
        return label
