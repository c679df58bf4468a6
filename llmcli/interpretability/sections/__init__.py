"""The sections of an explanation, a file each: what it finds, and which models have it."""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

from llmcli.interpretability.checks import SelfCheck
from llmcli.interpretability.numbers import listed_values
from llmcli.interpretability.study import Study
from llmcli.spec.explain import ExplainOptions, SectionName


@dataclass(frozen=True, slots=True)
class SectionResult:
    """What a section found. Each section adds fields of its own: arrays, tuples, dataclasses."""

    checks: tuple[SelfCheck, ...] = field(default=(), kw_only=True)
    """How far its numbers are from the model's own."""
    notes: tuple[str, ...] = field(default=(), kw_only=True)
    """What was chosen or left out, a line each."""

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON has them, all numbers in full."""
        return {name: listed_values(getattr(self, name)) for name in field_names(self)}


def field_names(result: SectionResult) -> list[str]:
    """The names of a result's own fields, then those of all sections."""
    names = list(type(result).__dataclass_fields__)
    return [*names[2:], *names[:2]]


class Section(Protocol):
    """What the module of a section has."""

    def reason_against(self, study: Study) -> str | None:
        """Why the section is not defined for this model and text; None if it is."""

    def build(self, study: Study, options: ExplainOptions) -> SectionResult:
        """Compute the section. Raises InputError and UsageError for settings that do not fit."""


def section(name: SectionName) -> Section:
    """The module of a section."""
    module: Any = import_module(module_name(name))
    return module  # type: ignore[no-any-return]


def module_name(name: SectionName) -> str:
    """The full name of a section's module."""
    return f"{__name__}.{name.replace('-', '_')}"
