"""One attention head by hand: from q, k and v to what the layer adds, with the model's numbers.

softmax(q K^T / sqrt(d)) V for one head, the heads side by side, times W^O (Vaswani et al. 2017,
sections 3.2.1 and 3.2.2).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from llmcli.arrays import Floats
from llmcli.errors import InputError
from llmcli.interpretability.architecture import stacks
from llmcli.interpretability.checks import SelfCheck
from llmcli.interpretability.probe import Captured, Part
from llmcli.interpretability.sections import SectionResult
from llmcli.interpretability.study import NO_HEADS, Study
from llmcli.spec.explain import ExplainOptions

SHOWN = 8
"""Numbers of a vector that are shown; the rest is in .npz and .json."""
TOLERANCE = 1e-5  # of the largest number


NONE: Floats = np.zeros(0, np.float32)


def omitted(default: Any = NONE) -> Any:
    """A field that is not part of a page, and is filled in later."""
    return field(default_factory=lambda: default, metadata={"pack": "omit"})


@dataclass(frozen=True, slots=True)
class ByHand(SectionResult):
    """One head: T queries, S keys, d numbers each; H heads of the layer, D numbers of a state."""

    part: Part
    """Which attention it is; cross: from the target to the source."""
    layer: int
    head: int
    position: int
    """The query that is shown first."""
    keys_side: int
    """Which side the keys are from, as a place in `sides` of the explanation."""
    queries_side: int
    scaling: float
    """The factor of the products: 1/sqrt(d) in most models."""
    softcap: float | None
    """Scaled products are bounded to it by tanh; None in most models."""
    sink: float | None
    """A score beside those of the keys, which takes weight from them (GPT-OSS); None in most."""
    width: int
    """d"""
    heads: int
    """H"""
    states: int
    """D"""
    query: Floats
    """(T, d) of the head, after rotary embedding."""
    key: Floats
    """(S, d)"""
    value: Floats
    """(S, d)"""
    products: Floats
    """(T, S) q.k"""
    mask: Floats
    """(T, S) what is added to the scaled products: 0, a bias, or minus infinity for hidden keys."""
    weights: Floats
    """(T, S) the model's own, after the softmax."""
    output: Floats
    """(T, d) sum of weight times v: the model's own."""
    written: Floats | None
    """(T, 8) the first numbers of all heads side by side, times W^O: what the layer adds. None
    where the projection cannot be found."""
    query_names: tuple[str, ...] = omitted(())
    """T readable tokens that look."""
    key_names: tuple[str, ...] = omitted(())
    """S readable tokens that are looked at."""
    stored_layers: tuple[int, ...] = ()
    """N layers whose vectors follow: those of `layers`, or the layer of this head."""
    all_queries: Floats = omitted()
    """(N, H, T, d) of all heads of these layers."""
    all_keys: Floats = omitted()
    """(N, H, S, d)"""
    all_values: Floats = omitted()
    """(N, H, S, d)"""
    joined: Floats = omitted()
    """(T, H d) the outputs of all heads side by side."""
    all_written: Floats | None = omitted(None)
    """(T, D) `joined` times W^O, with its bias."""


def reason_against(study: Study) -> str | None:
    """Why no head can be computed by hand."""
    if study.has_heads:
        return None
    return NO_HEADS if study.attentions else "it has no attention"


def build(study: Study, options: ExplainOptions) -> ByHand:
    """Compute one head. Raises InputError for a layer or a head that the model does not have."""
    part: Part = "cross" if study.kind == "seq2seq" else "self"
    layer, head = _chosen(study, part, options)
    stored = tuple(sorted(set(options.layers))) or (layer,)
    kept: dict[int, Captured] = {}

    def keep(captured: Captured) -> None:
        if captured.site.part == part and captured.site.layer in stored:
            kept[captured.site.layer] = captured

    study.probed(keep)
    vectors = [_vectors(kept[number]) for number in stored]
    queries, keys, values = (np.stack(parts) for parts in zip(*vectors, strict=True))
    result = replace(
        _of_head(study, kept[layer], head),
        query_names=tuple(token.name for token in study.sides[-1].tokens),
        key_names=tuple(token.name for token in study.sides[0].tokens),
        stored_layers=stored,
        all_queries=queries,
        all_keys=keys,
        all_values=values,
    )
    return replace(result, checks=_checks(result))


def _chosen(study: Study, part: Part, options: ExplainOptions) -> tuple[int, int]:
    """The layer and head that are asked for, else those with the most decided weights."""
    decided: dict[tuple[int, int], float] = {}

    def visit(captured: Captured) -> None:
        if captured.site.part == part:
            for head, weights in enumerate(captured.weights[0]):
                decided[captured.site.layer, head] = _decided(weights)

    study.probed(visit)
    layers, heads = (1 + max(numbers) for numbers in zip(*decided, strict=True))
    _require("layers", options.layers, layers)
    _require("heads", options.heads, heads)
    places = [
        (layer, head)
        for layer, head in decided
        if layer in (options.layers[:1] or (layer,)) and head in (options.heads[:1] or (head,))
    ]
    return max(places, key=lambda place: decided[place])


def _require(name: str, asked: tuple[int, ...], count: int) -> None:
    """Raise InputError for a number that is not below `count`."""
    for number in asked:
        if number >= count:
            raise InputError(f"`{name}` {number} is not in the model, which has 0 to {count - 1}")


def _decided(weights: torch.Tensor) -> float:
    """How sure a head (T, S) is of a key that is not the first: the mean of its largest weights.

    The first key often takes the weight that a head does not need (Xiao et al. 2023).
    """
    later = weights[1:, 1:] if min(weights.shape) > 1 else weights
    return float(later.max(-1).values.mean())


def _projected(study: Study, part: Part, layer: int, joined: Floats) -> Floats | None:
    """The heads of a layer side by side (T, H d), times W^O (T, D); None without a W^O."""
    stack = stacks(study.network).get("decoder" if part == "cross" else part)
    block = stack.blocks[layer].part(part) if stack else None
    if block is None:
        return None
    with _watched(block.output) as seen:
        study.run()
    fits = seen and seen[0][0].shape == joined.shape and np.allclose(seen[0][0], joined, atol=1e-4)
    return seen[0][1] if fits else None


@contextmanager
def _watched(module: torch.nn.Module) -> Iterator[list[tuple[Floats, Floats]]]:
    """What goes into a module and comes out of it, without the batch."""
    seen: list[tuple[Floats, Floats]] = []

    def keep(_: Any, inputs: Any, output: Any) -> None:
        seen.append((inputs[0][0].cpu().numpy(), output[0].cpu().numpy()))

    handle = module.register_forward_hook(keep)
    try:
        yield seen
    finally:
        handle.remove()


def _of_head(study: Study, attention: Captured, head: int) -> ByHand:
    assert attention.output is not None  # the model has an attention interface
    joined = attention.output[0].flatten(1).cpu().numpy()
    written = _projected(study, attention.site.part, attention.site.layer, joined)
    queries, keys, values = _vectors(attention)
    weights = attention.weights[0, head].cpu().numpy()
    mask = _mask(attention, head, weights.shape)
    sink = None if attention.sinks is None else float(attention.sinks.reshape(-1)[head])
    return ByHand(
        part=attention.site.part,
        layer=attention.site.layer,
        head=head,
        position=min(study.position, len(weights) - 1),
        keys_side=0,
        queries_side=len(study.sides) - 1,
        scaling=float(attention.scaling),
        softcap=attention.softcap,
        sink=sink,
        width=queries.shape[-1],
        heads=len(queries),
        states=joined.shape[-1] if written is None else written.shape[-1],
        query=queries[head],
        key=keys[head],
        value=values[head],
        products=queries[head] @ keys[head].T,
        mask=mask,
        weights=weights,
        output=joined[:, head * values.shape[-1] :][:, : values.shape[-1]],
        written=None if written is None else written[:, :SHOWN],
        joined=joined,
        all_written=written,
    )


def _vectors(attention: Captured) -> tuple[Floats, Floats, Floats]:
    """q (H, T, d), k and v (H, S, d) of a layer."""
    parts = (attention.query, attention.key, attention.value)
    query, key, value = (part[0].cpu().numpy() for part in parts if part is not None)
    return query, key, value


def _mask(attention: Captured, head: int, shape: tuple[int, ...]) -> Floats:
    """What is added to the scores of a head (T, S); minus infinity for hidden keys."""
    if attention.mask is None:
        return np.zeros(shape, np.float32)
    every = attention.mask[0].cpu().numpy()
    mask = every[head if len(every) > 1 else 0]
    mask = np.broadcast_to(mask, shape).astype(np.float32)
    return np.where(mask < HIDDEN, np.float32(-np.inf), mask)


HIDDEN = -1e30
"""A mask has the lowest number of its dtype where it hides a key; a bias is far above that."""


def recomputed(result: ByHand) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The weights (T, S) and the output (T, d) of the head in float64, from q, k and v."""
    parts = (result.query, result.key, result.value)
    query, key, value = (part.astype(np.float64) for part in parts)
    scores = query @ key.T * result.scaling
    if result.softcap is not None:
        scores = result.softcap * np.tanh(scores / result.softcap)
    scores = scores + result.mask
    most = scores.max(-1, keepdims=True)
    if result.sink is not None:
        most = np.maximum(most, result.sink)
    shares = np.exp(scores - most)
    total = shares.sum(-1, keepdims=True)
    if result.sink is not None:
        total = total + np.exp(result.sink - most)
    weights = shares / total
    return weights, weights @ value


def _checks(result: ByHand) -> tuple[SelfCheck, ...]:
    weights, output = recomputed(result)
    largest = max(1.0, float(np.abs(result.output).max()))
    errors = {
        "by-hand.weights_check": float(np.abs(weights - result.weights).max()),
        "by-hand.output_check": float(np.abs(output - result.output).max()) / largest,
    }
    return tuple(SelfCheck(name, error, TOLERANCE) for name, error in errors.items())


BY_QUERY = ("query", "products", "mask", "weights", "output", "written")
"""The arrays that have a row for each query."""
WITHOUT_VECTORS = ("key", "value")


def page_data(result: ByHand, budget: int) -> dict[str, Any]:
    """What a page has of a head, within `budget` bytes.

    The queries nearest to the position, as many as fit, from `first` on; of a long text without
    the vectors of its keys.
    """
    data = {each.name: getattr(result, each.name) for each in fields(result)}
    data = {name: data[name] for name in data if not name.startswith("all_") and name != "joined"}
    count, keys = result.weights.shape
    size = 4 * keys * result.width * 2
    if size > budget // 2:
        data |= dict.fromkeys(WITHOUT_VECTORS)
        size = 0
    each_query = 4 * (3 * keys + 2 * result.width + SHOWN)
    most = max(1, int((budget * BASE64 - size) // each_query))
    first = min(max(0, result.position - most // 2), max(0, count - most))
    kept = slice(first, first + most)
    rows = {name: None if data[name] is None else data[name][kept] for name in BY_QUERY}
    return {**data, **rows, "first": first}


BASE64 = 3 / 4
"""Bytes of an array for each byte of a page."""
