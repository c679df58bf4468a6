"""The page of a run of `generate --trace`: each step's candidates, and the trees of its beams."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from llmcli.decoding.traces import BeamTree, TraceStep
from llmcli.engines.base import Loaded
from llmcli.inference.continuations import Generation
from llmcli.interpretability.page_data import packed
from llmcli.interpretability.words import words
from llmcli.interpretability.write_page import Check, Page, Section, page_html
from llmcli.spec.explain import Language

MOST = 40_000
"""Candidates and continuations of beams in a page: about 1.2 MB."""
MOST_CHARACTERS = 300_000
"""Of prompts and texts in a page."""
TOLERANCE = {"sum": 1e-9, "draw": 1e-12, "score": 1e-4}
STAGES = ("probability", "penalized", "tempered", "final")


class _Names:
    """Texts that occur again and again, by their numbers."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}

    def number(self, name: Any) -> int:
        """The number of a text, from 0."""
        return self._numbers.setdefault(name, len(self._numbers))

    def all(self) -> list[Any]:
        """All texts, in the order of their numbers."""
        return list(self._numbers)


@dataclass(slots=True)
class TracePage:
    """Collects the texts of a run, as many as a page of ordinary size holds."""

    most: int = MOST
    _texts: list[dict[str, Any]] = field(default_factory=list)
    _tokens: _Names = field(default_factory=_Names)
    _settings: _Names = field(default_factory=_Names)
    _facts: list[tuple[str, Any]] = field(default_factory=list)
    _model: str = ""
    _count: int = 0
    """Texts of the run."""
    _steps: int = 0
    """Steps of the texts that are shown."""
    _shown: int = 0
    """How many of them are in the page."""
    _room: int = MOST
    _characters: int = MOST_CHARACTERS
    _errors: dict[str, float] = field(default_factory=dict)
    """The greatest error of each self-check."""

    def __post_init__(self) -> None:
        """Begin with an empty page."""
        self._room = self.most

    def describe(self, loaded: Loaded) -> None:
        """Say in the header which model runs, and how."""
        self._model = loaded.checkpoint.model_id
        self._facts = [
            ("model", self._model),
            *([("revision", loaded.checkpoint.revision)] if loaded.checkpoint.revision else []),
            ("dtype", str(loaded.placement.dtype).removeprefix("torch.")),
            ("device", str(loaded.placement.device)),
            ("engine", loaded.engine.name),
        ]

    def add(self, result: Generation) -> None:
        """Add a text, or as many of its steps as there is room for."""
        self._count += 1
        steps = result.trace or ()
        self._check(result)
        self._characters -= len(result.prompt) + len(result.text)
        if self._room <= 0 or (self._characters < 0 and self._texts):
            self._room = 0
            return
        tree = None if result.tree is None else self._tree(result.tree)
        fitting = 0
        while fitting < len(steps) and self._room > 0:
            self._room -= len(steps[fitting].candidates)
            fitting += 1
        self._steps += len(steps)
        self._shown += fitting
        self._texts.append(
            {
                "prompt": result.prompt,
                "text": result.text,
                "row": result.row.number,
                "index": result.index,
                "finish": result.finish_reason,
                "seed": result.seed,
                "score": result.score,
                "steps": self._packed_steps(steps[:fitting]),
                "tree": tree,
            }
        )

    def html(self, language: Language) -> str:
        """The page."""
        texts = words("trace")
        titles: dict[str, str] = {
            code: says["page_title"].format(model=self._model) for code, says in texts.items()
        }
        data = {
            "texts": self._texts,
            "tokens": {
                "names": [name for name, _ in self._tokens.all()],
                "ids": [number for _, number in self._tokens.all()],
            },
            "settings": self._settings.all(),
            "notes": list(self.notes(language)),
        }
        sections = [Section("trace", data)]
        checks = [
            Check(f"trace.check_{name}", error, TOLERANCE[name], error <= TOLERANCE[name])
            for name, error in self._errors.items()
        ]
        return page_html(Page(titles, language, sections, facts=self._facts, checks=checks))

    def notes(self, language: Language) -> Iterator[str]:
        """What the page leaves out, a line each."""
        says = words("trace")[language]
        if self._shown < self._steps:
            yield says["cut_steps"].format(shown=f"{self._shown:,}", steps=f"{self._steps:,}")
        if len(self._texts) < self._count:
            shown, count = f"{len(self._texts):,}", f"{self._count:,}"
            yield says["cut_texts"].format(shown=shown, texts=count)

    def _check(self, result: Generation) -> None:
        """Compare the numbers of a trace with one another."""
        for step in result.trace or ():
            if result.score is None:
                total = step.rest.final + sum(each.final for each in step.candidates)
                self._keep("sum", abs(total - 1))
            if step.uniform is not None and step.interval is not None:
                low, high = step.interval
                self._keep("draw", max(0.0, low - step.uniform, step.uniform - high))
        if result.tree is not None:
            for node in result.tree.nodes:
                if node.score is not None:
                    total = _sum(result.tree, node.node)
                    quotient = total / node.step**result.tree.length_penalty
                    self._keep("score", abs(quotient - node.score))

    def _keep(self, check: str, error: float) -> None:
        self._errors[check] = max(error, self._errors.get(check, 0.0))

    def _packed_steps(self, steps: Sequence[TraceStep]) -> dict[str, Any]:
        """The steps as arrays: a row a step, and all candidates one after another."""
        number = self._tokens.number
        candidates = [each for step in steps for each in step.candidates]
        settings = self._settings.number
        return {
            "token": _integers(number((step.token, step.id)) for step in steps),
            "numbers": _integers((step.rank, step.final_rank, step.kept) for step in steps),
            "entropy": _floats((step.entropy, step.final_entropy) for step in steps),
            "draw": [
                None if step.interval is None else [step.uniform, *step.interval] for step in steps
            ],
            "sizes": _integers(len(step.candidates) for step in steps),
            "rest": _floats([getattr(step.rest, stage) for stage in STAGES] for step in steps),
            "others": _integers(step.rest.tokens for step in steps),
            "removals": [
                [[settings(each.name), each.tokens, each.mass] for each in step.removals]
                for step in steps
            ],
            "candidate": _integers(number((each.token, each.id)) for each in candidates),
            "ranks": _integers(each.rank for each in candidates),
            "logit": _floats(
                float("-inf") if each.logit is None else each.logit for each in candidates
            ),
            "stages": _floats([getattr(each, stage) for stage in STAGES] for each in candidates),
            "removed": _integers(
                -1 if each.removed_by is None else settings(each.removed_by) for each in candidates
            ),
            "changed": {
                str(at): [settings(name) for name in each.changed_by]
                for at, each in enumerate(candidates)
                if each.changed_by
            },
        }

    def _tree(self, tree: BeamTree) -> dict[str, Any]:
        """The continuations of a search as arrays, a row each; its first steps, if it is large."""
        nodes = tree.nodes
        if len(nodes) > self._room // 2:
            last = nodes[max(0, self._room // 2)].step
            nodes = tuple(node for node in nodes if node.step < last)
            self._steps += tree.nodes[-1].step - last + 1
        self._room -= len(nodes)
        fates = ("kept", "finished", "dropped", "open")
        return {
            "beams": tree.beams,
            "penalty": tree.length_penalty,
            "returned": list(tree.returned),
            "numbers": _integers(
                (node.parent, node.step, fates.index(node.fate), node.rank or 0) for node in nodes
            ),
            "token": _integers(self._tokens.number((node.token, node.id)) for node in nodes),
            "scores": _floats((node.logprob, node.total, node.score or 0.0) for node in nodes),
        }


def _sum(tree: BeamTree, number: int) -> float:
    """The sum of the log-probabilities of the tokens of a node."""
    total = 0.0
    while number:
        node = tree.nodes[number - 1]
        total, number = total + node.logprob, node.parent
    return total


def _floats(rows: Any) -> dict[str, Any]:
    return packed(np.array(list(rows), np.float32))


def _integers(rows: Any) -> dict[str, Any]:
    return packed(np.array(list(rows), np.int32))
