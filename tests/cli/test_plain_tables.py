"""Tables of plain characters."""

import pytest

from llmcli.cli.plain_tables import number, plain_table, probability, shortened, signed


def test_columns_are_as_wide_as_a_terminal_shows_them():
    table = plain_table(["label", "rows"], [["好的", "7"], ["good", "1,234"]], right={1})
    assert table == "label   rows\n────────────\n好的       7\ngood   1,234"


def test_numbers_have_four_significant_digits():
    assert [signed(value) for value in (0.5, -0.25, 0.0)] == ["+0.5000", "-0.2500", "+0.0000"]
    assert number(float("nan")) == number(None) == signed(None) == "-"


def test_long_texts_are_shortened_between_words_or_characters():
    assert shortened("a\n b", 10) == "a b"
    assert shortened("一二三四五六七八九", 11) == "一二三四..."


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0.81236, 4, "0.8124"), (0.0005, 3, "0.001"), (0.00049, 3, "4.9e-04"), (0.0, 3, "0.000")],
)
def test_tiny_probabilities_are_shown_in_scientific_notation(value, digits, text):
    assert probability(value, digits) == text
