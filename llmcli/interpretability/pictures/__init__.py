"""Pictures of sections as PNG or SVG, with matplotlib. One file a section.

A file NAME.py has two functions. `height(result) -> float` says how many inches the section needs
at a width of `style.WIDTH`. `draw(result, figure, say)` draws it: `figure` is a matplotlib figure
of that size (`figure.subplots(...)`), laid out by matplotlib; `say(key, **values)` gives the
section's words in the reader's language. The title is drawn by `figure.py`. Colours, heat maps and
bars are in `style.py`. Neither needs to import matplotlib.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any


def drawing(section: str) -> Any | None:
    """The module with `height` and `draw` of a section; None where it has no picture."""
    name = f"{__name__}.{section.replace('-', '_')}"
    return import_module(name) if find_spec(name) is not None else None
