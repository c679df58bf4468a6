"""An explanation: the sections of one text under one model, with the checks of their numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llmcli.data.results import Result
from llmcli.decoding.text_config import text_setting
from llmcli.errors import ModelUnsuitable
from llmcli.interpretability.checks import SelfCheck
from llmcli.interpretability.numbers import arrays_of, listed_values
from llmcli.interpretability.reading import Side
from llmcli.interpretability.sections import SectionResult, section
from llmcli.interpretability.study import Study
from llmcli.models.architectures import Kind
from llmcli.models.starters import Note, ignore
from llmcli.spec.explain import SECTIONS, SectionName


@dataclass(frozen=True, slots=True)
class Subject:
    """The model that is explained."""

    model_id: str
    """Its name."""
    revision: str | None
    """Its commit on the hub; None of a folder or a starter."""
    architecture: str
    """Its class in transformers."""
    kind: Kind
    """What it can do."""
    dtype: str
    """float32: explanations are computed in it."""
    layers: int | None
    """The number of its layers; of an encoder-decoder those of its decoder."""
    heads: int | None
    """Attention heads of a layer."""
    width: int | None
    """Numbers of a hidden state."""
    vocabulary: int | None
    """Tokens that it knows."""
    parameters: int
    """The number of its weights."""


@dataclass(frozen=True, slots=True)
class Explanation(Result):
    """What happens inside a model when it reads a text."""

    text: str
    """The text, as it was given."""
    subject: Subject
    """The model."""
    sides: tuple[Side, ...]
    """The tokens that the model reads: of the text; or of the source and of the target."""
    position: int
    """The position of the last side whose prediction is explained."""
    following: tuple[int | None, ...]
    """For each position of the last side, the id of the token that is to be predicted there."""
    sections: dict[SectionName, SectionResult]
    """What each section found."""
    undefined: dict[SectionName, str]
    """Sections that this model or text does not have, and why."""
    checks: tuple[SelfCheck, ...]
    """How far the numbers of all sections are from the model's own."""

    def to_dict(self) -> dict[str, Any]:
        """The explanation as JSON has it: all numbers in full, as lists."""
        names = ("text", "subject", "sides", "position", "following", "undefined", "checks")
        record = {name: listed_values(getattr(self, name)) for name in names}
        record["sections"] = {name: result.to_dict() for name, result in self.sections.items()}
        return record

    def arrays(self) -> dict[str, Any]:
        """All arrays by name, such as `layers/probabilities`, as an .npz file holds them."""
        return {
            f"{name}/{path}": array
            for name, result in self.sections.items()
            for path, array in arrays_of(result)
        }


def explain_study(
    study: Study, *, note: Note = ignore, progress: Callable[[str], None] = ignore
) -> Explanation:
    """Compute the sections that the study's settings ask for.

    note: receives a line for each choice. progress: is told each section's name before it begins.
    Raises ModelUnsuitable for a section that was asked for and is not defined for the model.
    """
    asked = study.options.sections
    results: dict[SectionName, SectionResult] = study.results
    undefined: dict[SectionName, str] = {}
    for name in SECTIONS:
        if asked and name not in asked:
            continue
        reason = section(name).reason_against(study)
        if reason is not None and asked:
            raise ModelUnsuitable(f"`sections` {name} of {study.model_id}: {reason}")
        if reason is not None:
            undefined[name] = reason
            continue
        progress(name)
        results[name] = section(name).build(study, study.options)
        for line in results[name].notes:
            note(line)
    return Explanation(
        row=study.row,
        text=study.row.text,
        subject=subject_of(study),
        sides=study.sides,
        position=study.position,
        following=study.reading.following,
        sections=results,
        undefined=undefined,
        checks=(*study.checks, *(check for each in results.values() for check in each.checks)),
    )


def subject_of(study: Study) -> Subject:
    """The model of a study, in numbers."""
    network, config = study.network, study.network.config

    def number(*names: str) -> int | None:
        values = (text_setting(config, name) for name in names)
        return next((value for value in values if isinstance(value, int)), None)

    return Subject(
        model_id=study.model_id,
        revision=study.loaded.checkpoint.revision,
        architecture=type(network).__name__,
        kind=study.kind,
        dtype="float32",
        layers=number("decoder_layers", "num_decoder_layers", "num_hidden_layers", "n_layer"),
        heads=number("num_attention_heads", "n_head", "decoder_attention_heads", "num_heads"),
        width=number("hidden_size", "d_model", "n_embd"),
        vocabulary=number("vocab_size"),
        parameters=sum(parameter.numel() for parameter in network.parameters()),
    )
