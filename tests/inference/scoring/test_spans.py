"""The smallest spans that segmentations share, by hand and as properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcli.inference.scoring.spans import (
    Span,
    common_spans,
    piece_offsets,
    sentence_boundaries,
    token_boundaries,
    word_boundaries,
)

CUTS = st.sets(st.integers(1, 19), max_size=12)


def segmentation(cuts, length=20):
    edges = [0, *sorted(cuts), length]
    return token_boundaries(list(zip(edges, edges[1:], strict=False)), length)


@given(CUTS, CUTS)
def test_the_spans_cover_the_text_and_none_can_be_split(first, second):
    text = "x" * 20
    spans = common_spans(text, segmentation(first), segmentation(second))
    assert "".join(text[start:end] for start, end in spans) == text
    assert {span.end for span in spans} == (first & second) | {20}


@given(CUTS)
def test_a_segmentation_beside_itself_is_itself(cuts):
    boundaries = segmentation(cuts)
    spans = common_spans("x" * 20, boundaries, boundaries)
    assert [span.start for span in spans] == [0, *sorted(cuts)]


@pytest.mark.parametrize(
    ("offsets", "length", "expected"),
    [
        ([(0, 1), (0, 1), (0, 1)], 1, {0: 0, 1: 3}),  # three bytes of one character
        ([(0, 3), (4, 7)], 7, {0: 0, 3: 1, 7: 2}),  # the space belongs to no token
        ([(0, 3), (3, 7)], 7, {0: 0, 3: 1, 7: 2}),  # the space belongs to the second
        ([(0, 0), (0, 3)], 3, {0: 0, 3: 2}),  # a mark of a space that is not there
        ([(0, 3), (3, 3), (3, 5)], 6, {0: 0, 3: 2, 6: 3}),
        ([(0, 2), (1, 3), (3, 4)], 4, {0: 0, 3: 2, 4: 3}),
    ],
)
def test_tokens_that_share_a_character_have_no_boundary(offsets, length, expected):
    assert token_boundaries(offsets, length) == expected


def test_the_space_before_a_word_is_part_of_its_span():
    text = "A  big\n\ncat. "
    spans = common_spans(text, word_boundaries(text))
    assert [text[start:end] for start, end in spans] == ["A", "  big", "\n\ncat", ".", " "]
    assert Span(1, 6).shown(text) == ("big", 3, 6)


def test_sentences_end_before_the_space_that_follows():
    text = "我看书。你呢？ Yes.\nNo"
    spans = common_spans(text, sentence_boundaries(text))
    assert [span.shown(text)[0] for span in spans] == ["我看书。", "你呢？", "Yes.", "No"]


@pytest.mark.parametrize(
    ("pieces", "text", "expected"),
    [
        ([" Le", " chat"], "Le chat", [(0, 2), (2, 7)]),
        ([b"\xe7\x9c", b"\x8b", "书"], "看书", [(0, 1), (0, 1), (1, 2)]),
        ([" ", "a", "b"], "ab ", [(0, 0), (0, 1), (1, 2)]),
        (["a,"], "a，", [(0, 2)]),  # NFKC of a Chinese comma
        (["b"], "a", None),
        (["a"], "ab", None),
    ],
)
def test_places_by_what_tokens_spell(pieces, text, expected):
    raw = [piece if isinstance(piece, bytes) else piece.encode() for piece in pieces]
    assert piece_offsets(raw, text) == expected
