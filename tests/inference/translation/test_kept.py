"""What stays as it is in a translation."""

import pytest

from llmcli.inference.translation.kept import (
    around_kept,
    exact_parts,
    has_all_exact,
    numbers,
    split_around,
    with_number,
)


def translated(text, unknown=""):
    pieces = around_kept(text, lambda part: any(letter in unknown for letter in part))
    assert "".join(piece.text for piece in pieces) == text
    return [piece.text for piece in pieces if piece.is_sentence]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("I love you.", ["I love you."]),
        ("I love you 😀!", ["I love you"]),
        ("❤️ I am happy 👩‍👩‍👧 because you came.", ["I am happy", "because you came."]),
        ("Paris → London", ["Paris", "London"]),
        ("★★★ Great film!", ["Great film!"]),
        ("Visit https://example.com/a?b=1, then go.", ["Visit", "then go."]),
        ("Write to anna@example.org today.", ["Write to", "today."]),
        ("Click <b>Save</b> to go on.", ["Click", "Save", "to go on."]),
        ("<s>10</s> 12 euros", ["12 euros"]),
        ("Hello {name}, you have %d messages.", ["Hello", "you have", "messages."]),
        ("Run `pip install x` with --quiet now.", ["Run", "with", "now."]),
        ("Open /etc/hosts or ~/a.txt or report_2.pdf.", ["Open", "or", "or"]),
        (">>zzz<< I love you.", ["I love you."]),
        (">>> print(1 << 3)", []),
        ("x² + y² = z²", []),
        ("3天", ["3天"]),
        ("I!", ["I!"]),
        ("std::cin >> a; std::cout << b;", []),
        ("The value of os.getenv('A') is x == y.", ["The value of", "is x", "y."]),
        ("The file(s) and the colour(ed) text", ["The file(s) and the colour(ed) text"]),
        ("Tom and/or Mary paid $5 for 2 cups.", ["Tom and/or Mary paid $5 for 2 cups."]),
        ("I'll come at 5:30 - perhaps.", ["I'll come at 5:30 - perhaps."]),
    ],
)
def test_what_is_no_language_is_kept_and_nothing_is_lost(text, parts):
    assert translated(text) == parts


@pytest.mark.parametrize(
    ("text", "unknown", "parts"),
    [
        ("I live in Łódź.", "Ł", ["I live in"]),
        ("The letter α is Greek.", "α", ["The letter", "is Greek."]),
        ("这个字是龘吗？", "龘", ["这个字是", "吗？"]),
        ("a [big] dog", "[]", ["a", "big", "dog"]),
        ("All is known.", "", ["All is known."]),
    ],
)
def test_what_the_model_cannot_read_is_kept(text, unknown, parts):
    assert translated(text, unknown) == parts


@pytest.mark.parametrize(
    ("text", "translation", "same"),
    [
        ("I was born in 1984.", "Je suis né en 1984.", True),
        ("I was born in 1984.", "Je suis né en 1933.", False),
        ("It costs 1,250.50 euros.", "Il coûte 1 250,50 euros.", True),
        ("75% of us", "75 % d'entre nous", True),
        ("75% of us", "75 d'entre nous", False),
        ("3 cats and 3 dogs", "3 chats", False),
        ("No number", "Aucun", True),
        ("a < b and b > c", "a < b et b > c", True),
        ("a < b and b > c", "a et c", False),
        ("[and]", "et", False),
        ("Tom and/or Mary", "Tom ou Mary", True),
    ],
)
def test_numbers_are_compared_without_what_separates_their_digits(text, translation, same):
    assert has_all_exact(text, translation) is same


def test_a_sole_number_is_put_in_place_of_another():
    assert with_number("It is -5 °C.", "Il fait 7 °C.") == "Il fait -5 °C."
    assert with_number("Room 101, floor 3", "Chambre 7") is None
    assert with_number("in 1984", "en mille") is None
    assert with_number("[in 1984]", "en 33") is None  # the brackets are missing


def test_parts_around_numbers_and_signs():
    text = "If a < b, take 2 of [these]."
    parts = split_around(text, exact_parts(text))
    assert "".join(piece.text for piece in parts) == text
    assert [piece.text for piece in parts if piece.is_sentence] == [
        "If a", "b, take", "of", "these",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Call +33 6 12 34 56 78 at 10:45.", ["+33 6 12 34 56 78", "10:45"]),
        ("He paid $3.50, 1,250 € and 5%.", ["$3.50", "1,250 €", "5%"]),
        ("COVID-19 in the 21st century", ["COVID-19", "21st"]),
    ],
)
def test_numbers_come_with_their_signs(text, found):
    assert [text[start:end].strip() for start, end in numbers(text)] == found
