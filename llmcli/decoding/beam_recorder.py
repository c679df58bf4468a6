"""Records a beam search: which continuations it looked at, and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from llmcli.decoding.recorder import Recorder
from llmcli.decoding.traces import BeamNode, BeamTree, Fate, TraceStep


@dataclass(slots=True)
class BeamRecorder:
    """The tree of the search for one prompt, as far as it has grown."""

    beams: int
    length_penalty: float
    _nodes: list[BeamNode] = field(default_factory=list)
    _steps: dict[int, TraceStep] = field(default_factory=dict)
    """How the last token of each node was chosen."""
    _open: list[int] = field(default_factory=lambda: [0])
    """The nodes of the open beams, in their order; 0 is the prompt."""

    def record(
        self,
        recorder: Recorder,
        first: int,
        candidates: Sequence[tuple[int, int, float]],
        fates: Sequence[Fate],
    ) -> None:
        """Record a step: extensions (beam, token, total) of the open beams, best first.

        recorder: of this step; first: the row of this search's first beam.
        """
        kept = []
        for (origin, token, total), fate in zip(candidates, fates, strict=True):
            parent = self._open[origin]
            before = self._nodes[parent - 1] if parent else None
            length = 1 if before is None else before.step + 1
            number = len(self._nodes) + 1
            logprob = recorder.score(first + origin, token)
            score = total / length**self.length_penalty if fate == "finished" else None
            self._nodes.append(
                BeamNode(number, parent, length, "", token, logprob, total, fate, score)
            )
            if fate != "dropped":
                self._steps[number] = recorder.step(first + origin, token)
            if fate == "kept":
                kept.append(number)
        self._open = kept

    def tree(self, count: int) -> BeamTree:
        """The whole search, at its end. count: how many hypotheses it returns."""
        finished = [node for node in self._nodes if node.fate == "finished"]
        ranked = sorted(finished, key=lambda node: -(node.score or 0.0))
        ranks = {node.node: rank for rank, node in enumerate(ranked, start=1)}
        left = set(self._open)
        nodes = tuple(
            replace(
                node,
                rank=ranks.get(node.node),
                fate="open" if node.node in left else node.fate,
            )
            for node in self._nodes
        )
        returned = tuple(node.node for node in ranked[: min(count, self.beams)])
        return BeamTree(self.beams, self.length_penalty, nodes, returned)

    def path(self, number: int) -> tuple[TraceStep, ...]:
        """How each token of a node was chosen, from the first one on."""
        steps = []
        while number:
            steps.append(self._steps[number])
            number = self._nodes[number - 1].parent
        return tuple(reversed(steps))
