"""Pictures of a terminal, from the transcripts of pages: SVG, made by rich."""

import html
import io
import re

from rich.console import Console
from rich.text import Text

from tests.docs.pages import DOCS
from tests.docs.transcripts import Step, steps

FORWARD = DOCS / "images" / "forward.svg"
SHOWN = 'llmcli forward "Once upon a time" --top 2'
WIDTH = 92


def shown_step() -> Step:
    """Find the transcript that the picture shows."""
    page = (DOCS / "commands" / "forward.md").read_text("utf-8")
    return next(step for step in steps(page) if step.command == SHOWN)


def draw() -> None:
    """Draw the transcript as a terminal shows it."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    text = Text(str(shown_step()).rstrip())
    text.highlight_regex(r"^\$ .*", "bold green")
    text.highlight_regex(r"^\[.*\]$", "dim")
    text.highlight_regex(r"(?m)^ position.*$", "bold")
    text.highlight_regex(r"(?<= )'[^'\n]*'(?=\s)", "cyan")
    text.highlight_regex(r"\b\d\.\d+\b", "yellow")
    console.print(text, soft_wrap=True, highlight=False)
    picture = console.export_svg(title="llmcli", unique_id="llmcli")
    fonts = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)  # a page fetches nothing from elsewhere
    FORWARD.write_text(fonts.sub("", picture), "utf-8")


def characters_of(picture: str) -> str:
    """Read what a picture shows, without spaces."""
    parts = re.findall(r"<text class=\"llmcli-r\d+\"[^>]*>(.*?)</text>", picture, re.DOTALL)
    return "".join(html.unescape("".join(parts)).split())
