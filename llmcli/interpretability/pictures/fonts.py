"""Fonts for the characters of a picture, found among those of the machine."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any

from llmcli.system.extras import load_extra

FIRST = "DejaVu Sans"
"""Comes with matplotlib; has no Chinese characters."""
PREFERRED = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",  # the name under which matplotlib knows the file of all variants
    "Noto Sans SC",
    "Source Han Sans SC",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "SimHei",
    "Arial Unicode MS",
)
"""Fonts with Chinese characters that are read well on a screen, the best first."""


def choose_fonts(texts: Iterable[str]) -> tuple[list[str], str]:
    """Names of fonts that have the characters of the texts together, and what none of them has.

    The first font comes with matplotlib. Others are looked for among the machine's only for
    characters that it lacks.
    """
    needed = {char for text in texts for char in text if not char.isspace()}
    chosen, missing = [], needed
    for name, path in _candidates():
        has = missing & _characters(path)
        if has or name == FIRST:
            chosen.append(name)
            missing = missing - has
        if not missing:
            break
    return chosen, "".join(sorted(missing))


def _candidates() -> Iterator[tuple[str, str]]:
    """Name and file of each regular font: first matplotlib's, then the preferred, then all."""
    yield FIRST, _regular_fonts()[FIRST]
    _add_new_fonts()
    regular = _regular_fonts()
    del regular[FIRST]
    for name in PREFERRED:
        if name in regular:
            yield name, regular.pop(name)
    yield from regular.items()


def _regular_fonts() -> dict[str, str]:
    """The file of each font that matplotlib knows, by its name."""
    regular: dict[str, str] = {}
    for font in sorted(_manager().fontManager.ttflist, key=_plainness):
        if "Emoji" not in font.name and "Last Resort" not in font.name:  # colour bitmaps; boxes
            regular.setdefault(font.name, font.fname)
    return regular


def _manager() -> Any:
    return load_extra("matplotlib.font_manager", "a picture")


def _add_new_fonts() -> None:
    """Tell matplotlib of fonts that came to the machine after it wrote its list of them."""
    manager = _manager()
    known = {font.fname for font in manager.fontManager.ttflist}
    for path in sorted(set(manager.findSystemFonts()) - known):
        with suppress(RuntimeError, OSError):  # a format that its library does not take
            manager.fontManager.addfont(path)


def _plainness(font: Any) -> tuple[bool, bool, str, str]:
    return (
        font.style != "normal",
        font.weight not in (400, "normal", "regular"),
        font.name,
        font.fname,
    )


@cache
def _characters(path: str) -> frozenset[str]:
    """The characters of a font file; none of one that cannot be read."""
    fonts = load_extra("matplotlib.ft2font", "a picture")
    try:
        return frozenset(map(chr, fonts.FT2Font(path).get_charmap()))
    except (RuntimeError, OSError):  # a format that matplotlib's library does not take
        return frozenset()
