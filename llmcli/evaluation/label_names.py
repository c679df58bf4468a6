"""The labels of a file beside those of a model: which is which, decided for the whole file."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from llmcli.errors import InputError, listed
from llmcli.evaluation.labels import are_whole_numbers, number_in

Renamed = Iterable[tuple[str, str]]
Reading = Callable[[str], str | None]
"""From a label of a file to the model's name for it."""


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels that a model knows."""

    names: tuple[str, ...]
    is_ordered: bool
    """They are in the order of the model's classes: a number in a file may be a class's place."""
    are_all: bool = True
    """The model has no other label; else it may have some that it never predicted."""

    def match(self, labels: Sequence[str], renamed: Renamed = ()) -> "Matched":
        """The model's names for all different labels of a file.

        renamed: pairs of a label and the model's name for it. Other labels are matched in one of
        these ways, the same for all: by name, whatever its case; whole numbers by the number in
        the names, as in `1 star`, or by the place of the class, from 0.
        Raises InputError where no label is one of the model's, and where numbers could be read in
        two ways or are off by one.

        >>> Labels(("negative", "positive"), True).match(["0", "1"]).names
        {'0': 'negative', '1': 'positive'}
        """
        chosen = self._renamed(labels, dict(renamed))
        rest = [label for label in labels if label not in chosen]
        by_name = {label: name for label in rest if (name := self._by_name(label)) is not None}
        if len(by_name) < len(rest) and are_whole_numbers(rest):
            matched, note = self._numbered(rest, by_name)
        else:
            matched, note = by_name, ""
        if labels and not chosen and not matched and self._are_refused(labels):
            shown = (
                f"label {labels[0]!r} is" if len(labels) == 1 else f"labels {listed(labels)} are"
            )
            raise InputError(
                f"the {shown} none of the model's, {self._known()}: say which is which by "
                "`label_map`, as in OLD=NEW,..."
            )
        return Matched({**chosen, **matched}, self, note)

    def _renamed(self, labels: Sequence[str], renamed: dict[str, str]) -> dict[str, str]:
        if renamed and not set(renamed) & set(labels):
            raise InputError(
                f"`label_map` names {listed(renamed)}, but the file has {listed(labels)}"
            )
        for old, new in renamed.items():
            if self.are_all and new not in self.names:
                raise InputError(
                    f"`label_map` {old}={new}: {new!r} is none of the model's labels, "
                    f"{self._known()}"
                )
        return {old: new for old, new in renamed.items() if old in labels}

    def _by_name(self, label: str) -> str | None:
        """The same name, the same in another case, or the same number."""
        if label in self.names:
            return label
        number = number_in(label)
        same = [
            name
            for name in self.names
            if name.casefold() == label.casefold()
            or (number is not None and number_in(name) == number)
        ]
        return same[0] if len(same) == 1 else None

    def _numbered(
        self, labels: Sequence[str], by_name: dict[str, str]
    ) -> tuple[dict[str, str], str]:
        """The names of labels that are whole numbers, of which some are no names; and a note."""
        numbers = sorted(map(int, labels))
        inner = self._by_number_inside()
        places = self._by_place(inner)
        results = [
            {label: names[label] for label in labels}
            for names in (inner, places)
            if set(labels) <= set(names)
        ]
        if by_name and any(self._is_shifted(numbers, by) for by in (-1, 1)):
            raise InputError(self._off_by_one(labels, "they are off by one"))
        if by_name:  # names that are numbers: the others are unknown
            return by_name, ""
        if results and results[0] == results[-1]:  # of two readings at most
            is_plain = set(labels) <= set(inner)
            if is_plain or 0 in numbers:
                return results[0], "" if is_plain else _place_note(results[0])
        if not self.is_ordered and not results:
            return {}, ""
        reason = "they may be places from 0 or from 1" if results else "they are no places from 0"
        raise InputError(self._off_by_one(labels, reason))

    def _by_number_inside(self) -> dict[str, str]:
        """Names by the one number in each, as in `LABEL_1` or `4 stars`; none if two share one."""
        found = [re.findall(r"[0-9]+", name) for name in self.names]
        if not all(len(numbers) == 1 for numbers in found):
            return {}
        inner = {
            str(int(numbers[0])): name for numbers, name in zip(found, self.names, strict=True)
        }
        return inner if len(inner) == len(self.names) else {}

    def _by_place(self, inner: Mapping[str, str]) -> dict[str, str]:
        """Names by their places from 0, as far as their order is known.

        inner: the names by the number in each, which orders them.
        """
        if not self.is_ordered and not inner:
            return {}
        ordered = self.names if self.is_ordered else [inner[n] for n in sorted(inner, key=int)]
        return {str(place): name for place, name in enumerate(ordered)}

    def _is_shifted(self, numbers: Sequence[int], by: int) -> bool:
        """True if the model's names are numbers, and all labels are among them one further on."""
        own = {number_in(name) for name in self.names}
        return all(number + by in own for number in numbers)

    def _are_refused(self, labels: Sequence[str]) -> bool:
        """False for a single label that a model may know, but never predicted."""
        return self.are_all or len(labels) > 1 or are_whole_numbers(labels)

    def _off_by_one(self, labels: Sequence[str], reason: str) -> str:
        ordered = sorted(labels, key=int)
        least = 1 if int(ordered[0]) else 0
        places = [int(label) - least for label in ordered]
        pairs = ",".join(
            f"{label}={self.names[place]}"
            for label, place in zip(ordered, places, strict=True)
            if 0 <= place < len(self.names)
        )
        return (
            f"the labels {listed(ordered)} are numbers, and the model's are {self._known()}: "
            f"{reason}; say which is which by `label_map`, as in {pairs or 'OLD=NEW,...'}"
        )

    def _known(self) -> str:
        return listed(self.names)


def _place_note(matched: Mapping[str, str]) -> str:
    pairs = ", ".join(f"{label} = {matched[label]}" for label in sorted(matched, key=int)[:12])
    return f"labels are read as the places of the model's classes: {pairs}"


@dataclass(frozen=True, slots=True)
class Matched:
    """The model's names for the labels of a file."""

    names: Mapping[str, str]
    """By the label in the file; those that the model does not have are missing."""
    labels: Labels
    note: str = field(default="")
    """A choice that the user should know of; empty where there was none."""

    def find(self, label: str) -> str:
        """The model's name for a label. Raises InputError for one that it does not have."""
        if label in self.names:
            return self.names[label]
        if not self.labels.are_all:
            return label
        known = ", ".join(self.labels.names[:12])
        raise InputError(
            f"the label {label!r} is none of the model's ({known}): map it by `label_map`"
        )
