"""What each head of each layer attends to, in every part of the model."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from llmcli.arrays import Floats
from llmcli.interpretability.attention_page import packed_part
from llmcli.interpretability.attention_parts import AttentionPart
from llmcli.interpretability.attention_reader import Reader, number_of
from llmcli.interpretability.induction import induction
from llmcli.interpretability.probe import Captured, Site
from llmcli.interpretability.sections import SectionResult
from llmcli.interpretability.study import Study
from llmcli.interpretability.words import words
from llmcli.spec.explain import ExplainOptions

Write = Callable[[str, Floats], None]
"""Takes the name of an array, and the array."""


@dataclass(frozen=True, slots=True)
class Attention(SectionResult):
    """The attention of all parts of a model."""

    parts: tuple[AttentionPart, ...]
    """One for a model with a single stack; else encoder, decoder and cross-attention."""
    has_values: bool
    """Whether queries, keys and values could be recorded, not the weights alone."""
    write_rest: Callable[[Write], None] | None = field(default=None, repr=False, compare=False)
    """Reads the model again and writes the weights of the layers that are not kept, one after
    another; None where all are kept."""

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON has them: the kept layers."""
        record = SectionResult.to_dict(self)
        del record["write_rest"]
        return record

    def named_arrays(self) -> Iterator[tuple[str, Any]]:
        """The arrays of each part by its name, such as `self/layer3/weights`."""
        yield from ((part.part, part) for part in self.parts)


def reason_against(study: Study) -> str | None:
    """Why there is no attention to show: None for a model that has some."""
    if study.has_heads:
        return None
    seen: list[Site] = []
    study.probed(lambda captured: seen.append(captured.site))
    return None if seen else _say("no_attention")


def build(study: Study, options: ExplainOptions) -> Attention:
    """Score all heads, and keep the weights of as many layers as fit.

    Raises UsageError for layers or heads that the model does not have.
    """
    reader = Reader(study)
    study.probed(reader.visit)
    scores = induction(study) if study.kind == "causal" else None
    parts = tuple(part.finish(scores) for part in reader.parts.values())
    notes = tuple(_note(part) for part in parts if _is_cut(part))
    if not study.has_heads:
        notes += (_say("no_values"),)
    return Attention(
        parts,
        study.has_heads,
        partial(_write_rest, study, parts) if any(map(_is_cut, parts)) else None,
        checks=reader.checks(),
        notes=notes,
    )


def _write_rest(study: Study, parts: tuple[AttentionPart, ...], write: Write) -> None:
    """Read the model again, and write what is not kept of one layer after another."""
    kept = {(part.part, held.layer) for part in parts for held in part.held}
    before: dict[str, list[int]] = {}

    def visit(captured: Captured) -> None:
        part = captured.site.part
        layers = before.setdefault(part, [])
        layers.append(number_of(captured.site, layers))
        if (part, layers[-1]) not in kept:
            weights = np.asarray(captured.weights[0].cpu().numpy(), np.float32)
            write(f"{part}/layer{layers[-1]}/weights", weights)

    study.probed(visit)


def page_data(result: Attention, size: int) -> dict[str, Any]:
    """What a page shows of the section, in about `size` bytes."""
    cells = [sum(held.weights.size for held in part.held) for part in result.parts]
    shares = [size * count // max(1, sum(cells)) for count in cells]
    packed = [packed_part(part, share) for part, share in zip(result.parts, shares, strict=True)]
    left_out = [
        _say("left_out", part=_say(f"part_{part.part}"), names=", ".join(map(str, data["layers"])))
        for part, data in zip(result.parts, packed, strict=True)
        if len(data["layers"]) < len(part.held)
    ]
    return {"parts": packed, "has_values": result.has_values, "left_out": left_out}


def _is_cut(part: AttentionPart) -> bool:
    return not part.is_chosen and len(part.held) < part.shape[0]


def _note(part: AttentionPart) -> str:
    key = "note_first" if np.isnan(part.effects).all() else "note_effect"
    names = ", ".join(str(held.layer) for held in part.held)
    return _say(
        key, part=_say(f"part_{part.part}"), kept=len(part.held), count=part.shape[0], names=names
    )


def _say(key: str, **values: Any) -> str:
    return words("attention")["en"][key].format(**values)
