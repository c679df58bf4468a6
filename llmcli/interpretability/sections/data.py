"""What data an explanation has: each array with its shape, and how to get all of them."""

from dataclasses import dataclass

from llmcli.interpretability.numbers import arrays_of
from llmcli.interpretability.sections import SectionResult
from llmcli.interpretability.study import Study
from llmcli.spec.explain import ExplainOptions


@dataclass(frozen=True, slots=True)
class StoredArray:
    """An array of a section."""

    name: str
    """Its name in an .npz file, such as `layers/probabilities`."""
    shape: tuple[int, ...]
    dtype: str
    """Its type in numpy."""
    bytes: int
    """Its size in memory."""


@dataclass(frozen=True, slots=True)
class Data(SectionResult):
    """The arrays of all other sections."""

    stored: tuple[StoredArray, ...]


def reason_against(study: Study) -> str | None:
    """None: every explanation has data, unless no other section was computed."""
    return None if study.results else "no other section was computed"


def build(study: Study, options: ExplainOptions) -> Data:
    """List the arrays of the sections that were computed before."""
    return Data(
        tuple(
            StoredArray(f"{section}/{name}", array.shape, str(array.dtype), array.nbytes)
            for section, result in study.results.items()
            for name, array in arrays_of(result)
        )
    )
