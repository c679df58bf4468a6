"""Walking through the steps of `learn`: Enter, b, a number, q."""

from collections.abc import Callable

from llmcli.cli.tour_screen import Screen
from llmcli.interpretability.tour.step import STEPS
from llmcli.interpretability.tour.tour import Tour

Ask = Callable[[str], str | None]
"""Shows a prompt and reads a line, without its end; None at the end of the input."""


def show_all(tour: Tour, screen: Screen) -> None:
    """Write the whole tour, one step after another."""
    screen.welcome(tour.model_id)
    for name in STEPS:
        step = tour.step(name)
        screen.question(step)
        screen.answer(step)


def walk(tour: Tour, screen: Screen, ask: Ask) -> None:
    """Show a step, wait for a guess, show the answer, wait for the next step, until the end."""
    screen.welcome(tour.model_id)
    at: int | None = 0
    while at is not None:
        at = _visit(at, tour, screen, ask)


def _visit(at: int, tour: Tour, screen: Screen, ask: Ask) -> int | None:
    """Show one step. Returns the next one to show; None to leave."""
    with screen.out.waiting("computing"):
        step = tour.step(STEPS[at])
    screen.question(step)
    line = _asked(screen, ask, "prompt_guess")
    if _leads(line):
        return _destination(line, at, screen)
    if line:
        screen.verdict(line, step)
    screen.answer(step)
    is_last = at + 1 == len(STEPS)
    line = _asked(screen, ask, "prompt_end" if is_last else "prompt_next")
    if _leads(line):
        return _destination(line, at, screen)
    return None if is_last else at + 1


def _asked(screen: Screen, ask: Ask, prompt: str) -> str | None:
    line = ask(screen.prompt(prompt, count=len(STEPS)))
    return None if line is None else line.strip()


def _leads(line: str | None) -> bool:
    """True if a line is a key that leads to a step or out, and no guess."""
    return line is None or line.lower() in ("b", "q", "quit") or _is_number(line)


def _is_number(line: str) -> bool:
    return line.isascii() and line.isdigit()


def _destination(line: str | None, at: int, screen: Screen) -> int | None:
    """The step where a key leads from another; None to leave."""
    if line is None or line.lower() in ("q", "quit"):
        return None
    if line.lower() == "b":
        return max(0, at - 1)
    if 1 <= int(line[:9]) <= len(STEPS):
        return int(line) - 1
    screen.say("no_step", number=line[:9], count=len(STEPS))
    return at
