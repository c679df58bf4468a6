"""The picture of a scored text: how it is laid out, and what it leaves out."""

import struct

import pytest

from llmcli.data.rows import Row
from llmcli.interpretability import score_picture
from llmcli.interpretability.score_picture import COLUMNS, ScorePicture, laid_out
from llmcli.spec import WINDOWS
from llmcli.spec.tasks import ScoreOptions
from llmcli.tasks.score import score

pytest.importorskip("matplotlib")


def picture_of(loaded, text, beside=None):
    notes = []
    picture = ScorePicture(loaded, beside)
    (result,) = score(loaded, [Row(1, text)], ScoreOptions(), WINDOWS, beside)
    picture.add(result)
    return picture.png(notes.append), notes


def test_pieces_stand_side_by_side_and_lines_are_broken_before_they_are_too_long():
    pieces = [(" word", 1.0)] * 40 + [("\n", 0.1), ("看" * 9, None), (" ", 2.0)]
    places = laid_out(pieces)
    lines = {}
    for line, column, name, _ in places:
        assert column >= lines.get(line, 0)
        lines[line] = column + len(name)
        assert lines[line] <= COLUMNS
    assert [name for _, _, name, _ in places[-3:]] == ["⏎", "看" * 9, "·"]
    assert places[-2][:2] == (places[-3][0] + 1, 0)  # after the line break of the text
    assert places[-1][1] == 19  # Chinese characters take two columns


@pytest.mark.parametrize("is_beside", [False, True])
def test_the_file_is_a_picture_of_its_lines(gpt2, is_beside):
    content, notes = picture_of(gpt2, "The cat $x$ sat\non 1 mat.", gpt2 if is_beside else None)
    assert content.startswith(b"\x89PNG") and notes == []
    width, height = struct.unpack(">II", content[16:24])
    assert width == 1350 and 150 < height < 260


def test_a_long_text_is_cut_with_a_note(gpt2, monkeypatch):
    monkeypatch.setattr(score_picture, "MOST_LINES", 2)
    _, notes = picture_of(gpt2, "The cat sat on a mat. " * 20)
    assert notes == ["the picture has the first 2 lines of the text: `html` has more"]
