"""One picture of one or several sections, under one another."""

import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from llmcli.interpretability.pictures.fonts import choose_fonts
from llmcli.interpretability.pictures.style import SETTINGS, TITLE, WIDTH
from llmcli.system.extras import load_extra

Say = Callable[..., str]
"""Words of a section: `say(key, **values)` in the reader's language."""
Note = Callable[[str], None]
DOTS = 150  # an inch, in a PNG
MOST_DOTS = 60_000  # on a side; matplotlib takes less than 65,536


@dataclass(frozen=True, slots=True)
class Picture:
    """A section that is drawn."""

    title: str
    """Written above it."""
    height: float
    """Inches that it needs below its title."""
    draw: Callable[[Any], None]
    """Draws it into a figure of matplotlib."""


def picture_bytes(pictures: Sequence[Picture], form: Literal["png", "svg"], note: Note) -> bytes:
    """The file of a picture with these sections, the first on top.

    note: receives a line about characters that no font of the machine has. Raises InputError if
    matplotlib is not installed.
    """
    matplotlib = load_extra("matplotlib", f"a picture as {form.upper()}")
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **SETTINGS}):
        figure = _draw(pictures)
        missing = _set_fonts(figure)
        if missing:
            note(_without_font(missing, form))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")
            return _file(figure, form)


def _draw(pictures: Sequence[Picture]) -> Any:
    """The figure: a strip for each section, with its title."""
    figures = load_extra("matplotlib.figure", "a picture")
    heights = [picture.height + TITLE for picture in pictures]
    figure = figures.Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    strips = figure.subfigures(len(pictures), 1, height_ratios=heights, squeeze=False)
    for picture, strip in zip(pictures, strips[:, 0], strict=True):
        strip.suptitle(picture.title, fontsize=12, fontweight="bold", x=0.01, ha="left")
        picture.draw(strip)
    return figure


def _set_fonts(figure: Any) -> str:
    """Give all texts fonts that have their characters; the characters that none has."""
    text = load_extra("matplotlib.text", "a picture")
    texts = figure.findobj(text.Text)
    fonts, missing = choose_fonts(each.get_text() for each in texts)
    for each in texts:
        each.set_fontfamily(fonts)
    return missing


def _without_font(missing: str, form: str) -> str:
    some = " ".join(missing[:8]) + (" ..." if len(missing) > 8 else "")
    cure = "install one, such as Noto Sans CJK"
    if form == "png":
        return f"no font of this machine has {some}: the picture shows boxes; {cure}, or write .svg"
    return f"no font of this machine has {some}: viewed here, the picture may show boxes; {cure}"


def _file(figure: Any, form: str) -> bytes:
    width, height = figure.get_size_inches()
    dots = min(DOTS, MOST_DOTS / max(width, height))
    memory = io.BytesIO()
    # Without a date, equal pictures are equal files.
    metadata = {"Date": None} if form == "svg" else {"Software": None}
    figure.savefig(memory, format=form, dpi=dots, metadata=metadata)
    return memory.getvalue()
