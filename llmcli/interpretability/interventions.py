"""Passes in which something inside the model is changed: many changes at once, one a row.

Every batch begins with the text as it is, so that a change is compared with the same pass; a second
text may stand beside it, from which activations are taken.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from llmcli.interpretability.architecture import hidden_of, with_hidden
from llmcli.interpretability.outcome import Outcome
from llmcli.interpretability.probe import Edit, Site

MOST_NUMBERS = 1 << 25  # of the largest tensor of a pass, 128 MB
Inputs = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Head:
    """The output (B, T, d) of one attention head, before the heads are joined."""

    site: Site
    head: int


@dataclass(frozen=True, slots=True)
class Stream:
    """The hidden states (B, T, D) that go into a module or come out of it."""

    module: nn.Module
    side: Literal["in", "out"]


Change = Callable[[Tensor, int], None]
"""Changes the values (B, T, D) of one row in place; rows before it are as the model has them."""


@dataclass(frozen=True, slots=True)
class Intervention:
    """A change at one place."""

    place: Head | Stream
    change: Change


def set_to_zero(values: Tensor, row: int) -> None:
    """The place gives nothing."""
    values[row] = 0


def set_to_mean(upto: int | None) -> Change:
    """The place gives its mean over the first `upto` positions, at all positions; None: over all.

    What the place gives depends on the text no more, but has its usual size.
    """

    def change(values: Tensor, row: int) -> None:
        values[row] = values[row, :upto].mean(0)

    return change


def take_from_second(positions: slice | int) -> Change:
    """Some positions get what the second text of the batch has there."""

    def change(values: Tensor, row: int) -> None:
        values[row, positions] = values[1, positions]

    return change


@dataclass(frozen=True, slots=True)
class Scores:
    """What some interventions led to."""

    text: Tensor
    """(C,): the scores of the text as it is, in the same pass."""
    second: Tensor | None
    """(C,): those of the second text."""
    changed: Tensor
    """(N, C): those of the text with each of the N changes."""


def run_changed(
    outcome: Outcome, interventions: Sequence[Intervention], second: Inputs | None = None
) -> Iterator[Scores]:
    """Run the text with each intervention, as many at once as memory allows, in order.

    second: another text with as many tokens, as the network takes it, each (1, T). Without
    interventions, there is one batch without changed texts.
    """
    study = outcome.study
    first = [study.inputs] if second is None else [study.inputs, second]
    settings = _last_position(outcome)
    size = max(1, _rows_at_once(outcome, bool(settings)) - len(first))
    for start in range(0, max(1, len(interventions)), size):
        batch = interventions[start : start + size]
        inputs = _batch([*first, *[study.inputs] * len(batch)])
        with torch.no_grad(), _hooks(batch, len(first)):
            edit = _edit(batch, len(first))
            if edit is None:
                outputs = study.run(inputs, **settings)
            else:
                outputs = study.probed(edit=edit, inputs=inputs, **settings)
        scores = outcome.scores(outputs, 0 if settings else None)
        yield Scores(scores[0], None if second is None else scores[1], scores[len(first) :])


def _batch(rows: Sequence[Inputs]) -> Inputs:
    return {name: torch.cat([row[name] for row in rows]) for name in rows[0]}


def _last_position(outcome: Outcome) -> dict[str, Any]:
    """Settings with which a causal model computes logits at the position alone, if it can."""
    study = outcome.study
    forward = inspect.signature(study.network.forward).parameters
    if study.kind != "causal" or "logits_to_keep" not in forward:
        return {}
    return {"logits_to_keep": torch.tensor([outcome.position], device=study.network.device)}


def _rows_at_once(outcome: Outcome, one_position: bool) -> int:
    """How many texts may be in a batch, by the largest tensors that they need."""
    study = outcome.study
    counts = [len(side.tokens) for side in study.sides]
    config = study.network.config
    heads = max(getattr(config, name, 1) or 1 for name in ("num_attention_heads", "n_head"))
    width = study.network.get_input_embeddings().weight.shape[1]
    vocabulary = outcome.baseline.numel()
    logits = vocabulary * (counts[-1] if study.predicts_tokens and not one_position else 1)
    longest = max(counts)
    numbers: int = max(logits, heads * longest**2, 4 * width * longest)
    return max(2, MOST_NUMBERS // numbers)


def _edit(batch: Sequence[Intervention], before: int) -> Edit | None:
    """The changes of heads as the probe takes them; None if there are none."""
    by_site: dict[Site, list[tuple[int, int, Change]]] = {}
    for row, each in enumerate(batch, before):
        if isinstance(each.place, Head):
            by_site.setdefault(each.place.site, []).append((row, each.place.head, each.change))

    def edit(site: Site, output: Tensor) -> Tensor:
        changes = by_site.get(site)
        if changes is None:
            return output
        changed = output.clone()  # (B, T, H, d)
        for row, head, change in changes:
            change(changed[:, :, head], row)
        return changed

    return edit if by_site else None


@contextmanager
def _hooks(batch: Sequence[Intervention], before: int) -> Iterator[None]:
    """The changes of streams, as hooks of their modules."""
    by_place: dict[Stream, list[tuple[int, Change]]] = {}
    for row, each in enumerate(batch, before):
        if isinstance(each.place, Stream):
            by_place.setdefault(each.place, []).append((row, each.change))
    with ExitStack() as stack:
        for place, changes in by_place.items():
            stack.callback(_hook(place, changes).remove)
        yield


def _hook(place: Stream, changes: list[tuple[int, Change]]) -> Any:
    def changed(hidden: Tensor) -> Tensor:
        values = hidden.clone()
        for row, change in changes:
            change(values, row)
        return values

    def on_output(module: nn.Module, args: Any, output: Any) -> Any:
        return with_hidden(output, changed(hidden_of(output)))

    def on_input(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
        if args:
            return (changed(args[0]), *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": changed(kwargs["hidden_states"])}

    if place.side == "out":
        return place.module.register_forward_hook(on_output)
    return place.module.register_forward_pre_hook(on_input, with_kwargs=True)
