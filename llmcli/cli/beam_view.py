"""A beam search on a terminal: what each step looked at, the tree, and the texts that finished."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from llmcli.cli.colours import PLAIN, Stretch
from llmcli.cli.plain_tables import display_width
from llmcli.cli.trace_view import BOLD, DIM, WIDTH, Say, cut, pad
from llmcli.data.records import Record

DEEPEST = 12
"""Branches that are indented; deeper ones stand below one another."""


@dataclass(frozen=True, slots=True)
class _Tree:
    """The nodes of a search, and what leads to what."""

    nodes: Mapping[int, Record]
    """By number."""
    children: Mapping[int, Sequence[Record]]
    """The continuations of each node that led to a finished or an open text; 0 is the prompt."""
    returned: Sequence[int]

    def text(self, number: int, since: int = 0) -> str:
        """The text of a node, from the one that follows node `since` on."""
        parts: list[str] = []
        while number != since:
            parts.append(self.nodes[number]["token"])
            number = self.nodes[number]["parent"]
        return "".join(reversed(parts))


def search_lines(tree: Record, say: Say) -> Iterator[Stretch]:
    """All of a search, in lines of at most 80 columns."""
    known = _Tree(
        {node["node"]: node for node in tree["nodes"]}, _survivors(tree), tree["returned"]
    )
    penalty = f"{tree['length_penalty']:g}"
    yield say("search", beams=tree["beams"], penalty=penalty), BOLD
    for step in range(1, max((node["step"] for node in tree["nodes"]), default=0) + 1):
        yield from _step_lines(known, step, say)
    yield "", PLAIN
    yield say("tree_title"), BOLD
    yield from ((line, PLAIN) for line in _branches(known, say))
    yield "", PLAIN
    yield from _ranking(known, penalty, say)


def _survivors(tree: Record) -> dict[int, list[Record]]:
    """The continuations of each node that led to a finished text, or to one that was open."""
    children: dict[int, list[Record]] = {}
    for node in reversed(tree["nodes"]):
        if node["fate"] in ("finished", "open") or node["node"] in children:
            children.setdefault(node["parent"], []).insert(0, node)
    return children


def _step_lines(tree: _Tree, step: int, say: Say) -> Iterator[Stretch]:
    """The continuations that a step looked at, the best first."""
    head = f"{say('search_step', step=step)}"
    yield "", PLAIN
    yield head, BOLD
    names = ("number", "continues", "token", "logprob", "total", "fate")
    widths = (5, 10, 13, 8, 9, 31)
    yield _row([say(name) for name in names], widths), DIM
    for node in (each for each in tree.nodes.values() if each["step"] == step):
        cells = [
            str(node["node"]),
            str(node["parent"] or "-"),
            f"'{node['token']}'",
            f"{node['logprob']:.2f}",
            f"{node['total']:.2f}",
            _fate(node, say),
        ]
        yield _row(cells, widths), DIM if node["fate"] == "dropped" else PLAIN


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    """A line of a table: names to the left, numbers to the right."""
    parts = [
        pad(cut(cell, width), width, right=at not in (2, 5))
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    number, parent, token, logprob, total, fate = parts
    return f"{number}{parent}  {token}{logprob}{total}  {fate}".rstrip()


def _fate(node: Record, say: Say) -> str:
    if node["fate"] == "finished":
        return say("fate_finished", score=f"{node['score']:.3f}", rank=node["rank"])
    return say(f"fate_{node['fate']}")


def _branches(tree: _Tree, say: Say) -> Iterator[str]:
    """The tree; continuations without a branch stand in one line."""
    waiting = [(0, node, "", at == 0) for at, node in enumerate(reversed(tree.children.get(0, ())))]
    while waiting:
        parent, last, indent, is_end = waiting.pop()
        while len(below := tree.children.get(last["node"], ())) == 1:
            last = below[0]
        mark = _mark(tree, last, say)
        line = f"{indent}{'└─' if is_end else '├─'} "
        room = WIDTH - len(line) - 12 - display_width(mark)
        text = cut(f"'{tree.text(last['node'], parent)}'", max(10, room))
        yield f"{line}{text}  {last['total']:.2f}  {mark}".rstrip()
        deeper = indent + ("   " if is_end else "│  ")
        deeper = deeper if len(deeper) <= 3 * DEEPEST else indent
        waiting += [
            (last["node"], node, deeper, at == 0) for at, node in enumerate(reversed(below))
        ]


def _mark(tree: _Tree, node: Record, say: Say) -> str:
    if node["fate"] == "kept":
        return ""
    mark = _fate(node, say)
    return f"{mark} ◂" if node["node"] in tree.returned else mark


def _ranking(tree: _Tree, penalty: str, say: Say) -> Iterator[Stretch]:
    yield say("ranking", penalty=penalty), BOLD
    finished = [node for node in tree.nodes.values() if node["fate"] == "finished"]
    for node in sorted(finished, key=lambda node: node["rank"]):
        quotient = f"{node['total']:.2f} / {node['step']}^{penalty}"
        numbers = f"{node['rank']:>4}  {node['score']:.3f} = {quotient}"
        mark = f"  {say('returned')}" if node["node"] in tree.returned else ""
        start = pad(f"{numbers}{mark}", 42)
        text = cut(f"'{tree.text(node['node'])}'", WIDTH - 44)
        yield f"{start}  {text}", BOLD if mark else PLAIN
