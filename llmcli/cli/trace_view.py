"""The trace of a text on a terminal: what could have been next at each step, and why it was not."""

import textwrap
from collections.abc import Callable, Iterator, Sequence

from llmcli.cli.colours import PLAIN, Stretch, Style
from llmcli.cli.plain_tables import display_width
from llmcli.data.records import Record

WIDTH = 80
STAGES = ("probability", "penalized", "tempered", "final")
COLUMN = 12
"""Columns of a probability."""
LEAST_NOTE = 10
"""Columns beside the probabilities, for a bar or the name of a setting."""
LONGEST = 20
"""Columns of a bar."""
SAME = 1e-9
"""Probabilities that differ by less are the same stage."""
BOLD: Style = {"bold": True}
DIM: Style = {"dim": True}
Say = Callable[..., str]
"""A text by its key, with its values."""


def trace_lines(steps: Sequence[Record], say: Say) -> Iterator[Stretch]:
    """The steps of a trace as lines of at most 80 columns, each with its style."""
    stages = shown_stages(steps)
    names = (_name(each) for step in steps for each in step["candidates"])
    layout = _Layout(say, max(map(display_width, names), default=1), len(stages))
    for number, step in enumerate(steps, start=1):
        if number > 1:
            yield "", PLAIN
        yield from _step_lines(number, step, stages, layout)


class _Layout:
    """How wide the columns of the tables are."""

    def __init__(self, say: Say, widest: int, stages: int) -> None:
        self.say = say
        room = WIDTH - 4 - stages * COLUMN - 2 - LEAST_NOTE
        self.token = min(max(widest, 14), room, 30)
        self.note = WIDTH - 4 - self.token - stages * COLUMN - 2


def shown_stages(steps: Sequence[Record]) -> list[str]:
    """The stages at which some probability of a trace differs from the stage before.

    >>> same = {"probability": 0.5, "penalized": 0.5, "tempered": 0.5}
    >>> shown_stages([{"candidates": [{**same, "final": 0.75}]}])
    ['probability', 'final']
    """
    shown = [STAGES[0]]
    for before, stage in zip(STAGES, STAGES[1:], strict=False):
        parts = (part for step in steps for part in [*step["candidates"], step.get("rest")] if part)
        if any(abs(part[stage] - part[before]) > SAME for part in parts):
            shown.append(stage)
    return shown


def _step_lines(
    number: int, step: Record, stages: Sequence[str], layout: _Layout
) -> Iterator[Stretch]:
    say = layout.say
    yield from ((line, BOLD) for line in _wrapped(f"{number:>3} ", _facts(step, stages, say)))
    head = "".join(pad(say(stage), COLUMN, right=True) for stage in stages)
    yield f"    {pad(say('token'), layout.token)}{head}", DIM
    for candidate in step["candidates"]:
        is_taken = candidate["id"] == step["id"]
        name = pad(cut(_name(candidate), layout.token), layout.token)
        cells = "".join(_cell(candidate, stage) for stage in stages)
        note = _note(candidate, stages, layout)
        line = f"  {'▸' if is_taken else ' '} {name}{cells}  {note}".rstrip()
        yield line, BOLD if is_taken else PLAIN
    rest = step["rest"]
    if rest["tokens"]:
        name = cut(say("rest", count=f"{rest['tokens']:,}"), layout.token)
        yield (
            f"    {pad(name, layout.token)}{''.join(_cell(rest, stage) for stage in stages)}",
            PLAIN,
        )
    yield from ((line, DIM) for line in _settings(step, say))


def _facts(step: Record, stages: Sequence[str], say: Say) -> str:
    facts = [
        say("rank", rank=step["rank"])
        if step["rank"] == step["final_rank"]
        else say("rank_both", rank=step["rank"], final=step["final_rank"]),
        say("entropy", entropy=f"{step['entropy']:.2f}")
        if len(stages) == 1
        else say(
            "entropy_both", entropy=f"{step['entropy']:.2f}", final=f"{step['final_entropy']:.2f}"
        ),
    ]
    if step["uniform"] is not None:
        facts.append(say("drawn_short", uniform=f"{step['uniform']:.4f}"))
    return f"{_name(step)}  {say('joint').join(facts)}"


def _settings(step: Record, say: Say) -> Iterator[str]:
    """Which settings changed or removed something."""
    changed: dict[str, list[str]] = {}
    for candidate in step["candidates"]:
        for name in candidate["changed_by"]:
            changed.setdefault(name, []).append(_name(candidate))
    for name, tokens in changed.items():
        yield from _wrapped("    ", say("changed", name=name, tokens=", ".join(tokens)))
    parts = [
        say("removal", name=each["name"], tokens=f"{each['tokens']:,}", mass=percent(each["mass"]))
        for each in step["removals"]
    ]
    if parts:
        yield from _wrapped("    ", say("removals", list=say("joint").join(parts)))


def _note(candidate: Record, stages: Sequence[str], layout: _Layout) -> str:
    """The setting that removed a candidate, or a bar for its probability at the last stage."""
    if candidate["removed_by"] is not None:
        name = candidate["removed_by"]
        return cut(layout.say("model") if name == "model" else name, layout.note)
    bar = "█" * round(min(layout.note, LONGEST) * min(1.0, candidate[stages[-1]]))
    return bar or "▏"


def _cell(part: Record, stage: str) -> str:
    is_gone = stage == "final" and part.get("removed_by") is not None
    return f"{'-' if is_gone else percent(part[stage]):>{COLUMN}}"


def _name(part: Record) -> str:
    """A token in quotes; bytes, which are in brackets, as they are."""
    token: str = part["token"]
    return token if token.startswith("<") and token.endswith(">") else f"'{token}'"


def percent(share: float) -> str:
    """A probability in percent.

    >>> percent(0.12345), percent(0.00001), percent(0.0), percent(0.99999), percent(1.0)
    ('12.3%', '<0.01%', '0%', '>99.9%', '100%')
    """
    if share in (0, 1):
        return f"{share:.0%}"
    if share < 0.0001:
        return "<0.01%"
    if 0.999 < share < 1:
        return ">99.9%"
    return f"{share:.1%}" if share >= 0.1 else f"{share:.2%}"


def cut(text: str, most: int) -> str:
    """A text of at most `most` columns, its end left out.

    >>> cut("' Wednesday'", 8), cut("看电影", 5)
    ("' Wedne…", '看电…')
    """
    if display_width(text) <= most:
        return text
    while display_width(text) > most - 1:
        text = text[:-1]
    return f"{text}…"


def pad(text: str, width: int, *, right: bool = False) -> str:
    """A text with spaces up to a width in columns; right: the spaces come first."""
    space = " " * (width - display_width(text))
    return space + text if right else text + space


def _wrapped(start: str, text: str) -> list[str]:
    """A text in lines of at most 80 columns, after `start`."""
    if display_width(start + text) <= WIDTH:
        return [start + text]
    is_wide = display_width(text) > len(text)
    width = WIDTH // 2 if is_wide else WIDTH
    inner = " " * len(start)
    return textwrap.wrap(text, width, initial_indent=start, subsequent_indent=inner)
