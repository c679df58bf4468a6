"""Pictures: text that stays text, fonts that are looked for, equal files from equal numbers."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from llmcli.errors import InputError
from llmcli.interpretability.pictures import figure, fonts
from llmcli.interpretability.pictures.figure import Picture, picture_bytes
from llmcli.interpretability.pictures.style import HeatMap, bars, heat_map

pytest.importorskip("matplotlib")

UNASSIGNED = "\U000e0fff"
"""A character that no font has."""


def pictures(*names):
    values = np.array([[0.5, -2.0], [np.nan, 1.0]], np.float32)

    def draw(strip):
        left, right = strip.subplots(1, 2)
        heat_map(
            left, HeatMap(values=values, rows=names, columns=names, changes=True, numbers=".1f")
        )
        bars(right, names, [1.0, -1.0], "nats")

    return [Picture("What if", 2.0, draw)]


def texts(svg):
    root = ElementTree.fromstring(svg)
    return ["".join(node.itertext()).strip() for node in root.iter() if node.tag.endswith("}text")]


def test_svg_keeps_text_as_text_and_a_dollar_is_no_formula():
    notes = []
    written = texts(picture_bytes(pictures("$x$", "<b> & $"), "svg", notes.append))
    assert {"What if", "$x$", "<b> & $", "0.5", "-2.0", "1.0", "nats"} <= set(written)
    assert notes == []


@pytest.mark.parametrize("form", ["png", "svg"])
def test_equal_numbers_give_equal_files(form):
    first, second = (picture_bytes(pictures("a", "b"), form, print) for _ in range(2))
    assert first == second


def test_a_picture_has_a_strip_for_each_section():
    alone = picture_bytes(pictures("a", "b"), "svg", print)
    both = picture_bytes(pictures("a", "b") * 2, "svg", print)
    height = [float(re.search(rb'height="([\d.]+)pt"', svg)[1]) for svg in (alone, both)]
    assert height[1] == 2 * height[0] == 2 * 2.5 * 72


def test_a_character_without_a_font_is_said_in_one_line():
    notes = []
    picture_bytes(pictures("a", UNASSIGNED), "png", notes.append)
    assert len(notes) == 1
    assert notes[0].startswith(f"no font of this machine has {UNASSIGNED}: the picture shows boxes")


def test_fonts_are_added_until_they_have_all_characters(monkeypatch):
    has = {"main": "ab$", "songti": "我们", "other": "我们ت"}
    monkeypatch.setattr(fonts, "_candidates", lambda: [(n, n) for n in (fonts.FIRST, *has)])
    monkeypatch.setattr(fonts, "_characters", lambda path: frozenset(has.get(path, "")))
    assert fonts.choose_fonts(["a b", "我们"]) == ([fonts.FIRST, "main", "songti"], "")
    assert fonts.choose_fonts(["ت", "ب"]) == ([fonts.FIRST, "other"], "ب")


def test_the_size_in_dots_stays_below_what_matplotlib_draws(monkeypatch):
    monkeypatch.setattr(figure, "MOST_DOTS", 450)
    png = picture_bytes(pictures("a", "b"), "png", print)
    assert int.from_bytes(png[16:20], "big") == 450


def test_without_matplotlib_the_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(
        InputError, match=r"a picture as PNG needs the matplotlib package: pip inst"
    ):
        picture_bytes(pictures("a", "b"), "png", print)
