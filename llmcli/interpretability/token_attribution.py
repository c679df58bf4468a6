"""What the tokens of a study add to numbers that its model gives: by name, with sums and checks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llmcli.arrays import Floats
from llmcli.interpretability.checks import SelfCheck
from llmcli.interpretability.gradient_pass import input_sides
from llmcli.interpretability.input_attribution import CLOSE, InputAttribution, Run, attribute_inputs
from llmcli.interpretability.reading import SideName
from llmcli.interpretability.study import Study


@dataclass(frozen=True, slots=True)
class SideAttribution:
    """What each token of one sequence adds, by three methods."""

    side: SideName
    """Which sequence."""
    names: tuple[str, ...]
    """Readable names of its tokens, (T,)."""
    integrated_gradients: Floats
    """(T,): the mean gradient on the way from the baseline to the text, times the way."""
    gradient_x_input: Floats
    """(T,): the gradient at the text, times the embedding."""
    occlusion: Floats
    """(T,): how much the difference falls when the token alone becomes the baseline."""


@dataclass(frozen=True, slots=True)
class TokenAttribution:
    """What the tokens add to a number."""

    baseline: str
    """The token that all tokens but special ones become."""
    value: float
    """The number for the text."""
    baseline_value: float
    """The number for the text of baseline tokens."""
    difference: float
    """value - baseline_value, which the integrated gradients sum to."""
    sums: tuple[float, float, float]
    """Over all tokens: integrated gradients, gradient x input, occlusion."""
    nodes: int
    """Points of the way at which gradients were computed."""
    error: float
    """How far the sum of the integrated gradients is from the difference, as a share of it."""
    holds: bool
    """True if that is at most 1%."""
    sides: tuple[SideAttribution, ...]
    """Of each sequence."""


def attribute_tokens(study: Study, run: Run) -> tuple[TokenAttribution, ...]:
    """Attribute each of the K numbers of `run` to the tokens that the model read."""
    sides, baseline = input_sides(study)
    found = attribute_inputs(sides, run)
    return tuple(_of_number(study, found, baseline, number) for number in range(len(found.value)))


def sum_check(name: str, attributions: Sequence[TokenAttribution]) -> SelfCheck:
    """The check of the integrated gradients: of all numbers, the worst."""
    return SelfCheck(name, max(each.error for each in attributions), CLOSE)


def _of_number(
    study: Study, found: InputAttribution, baseline: str, number: int
) -> TokenAttribution:
    methods = (found.integrated_gradients, found.gradient_x_input, found.occlusion)
    sums = [float(sum(side[number].sum() for side in method)) for method in methods]
    error = float(found.error[number])
    return TokenAttribution(
        baseline=baseline,
        value=float(found.value[number]),
        baseline_value=float(found.baseline[number]),
        difference=float(found.difference[number]),
        sums=(sums[0], sums[1], sums[2]),
        nodes=found.nodes,
        error=error,
        holds=error <= CLOSE,
        sides=tuple(
            SideAttribution(
                side.name,
                tuple(token.name for token in side.tokens),
                *(_floats(method[at][number]) for method in methods),
            )
            for at, side in enumerate(study.sides)
        ),
    )


def _floats(values: object) -> Floats:
    return np.asarray(values, np.float32)
