"""Pictures of sections as PNG or SVG, with matplotlib. One file a section.

A file NAME.py has two functions. `height(result) -> float` says how many inches the section needs
at a width of `style.WIDTH`. `draw(result, figure, say)` draws it: `figure` is a matplotlib figure
of that size (`figure.subplots(...)`), laid out by matplotlib; `say(key, **values)` gives the
section's words in the reader's language. The title is drawn by `figure.py`. Colours, heat maps and
bars are in `style.py`. Neither needs to import matplotlib.
"""

from importlib import import_module
from typing import Any

SECTIONS: dict[str, str] = {"tokens": "tokens", "next-word": "next_word"}
"""The file of each section that has a picture, without .py."""


def drawing(section: str) -> Any | None:
    """The module with `height` and `draw` of a section; None where it has no picture."""
    name = SECTIONS.get(section)
    return import_module(f"{__name__}.{name}") if name else None
