"""What of a text is translated, and what stays around it."""

import pytest

from llmcli.inference.sentences import halves, sentences
from llmcli.inference.translation.layout import pieces, put_together


def kept_and_sentences(text, **how):
    found = pieces(text, **how)
    return [piece.text for piece in found if not piece.is_sentence], [
        piece.text for piece in found if piece.is_sentence
    ]


TEXTS = [
    "",
    " ",
    "\n\n",
    "One. Two.\n\nThree.",
    "- a\n  * b\r\n1. c\n2) d\n> e\n## f\n",
    "一、你好。\n2、再见！ 好。",
    "***\n---\n12.5\n…",
    "Tabs\tinside.\tAnd after.\n\x0b",
    "“Why?” she said. He left.",
    "emoji 🙂. more.\u2028next",
    "A {brace} and }{.",
]


@pytest.mark.parametrize("text", TEXTS)
def test_the_pieces_are_the_whole_text(text):
    assert "".join(piece.text for piece in pieces(text)) == text
    assert "".join(piece.text for piece in pieces(text, split=False)) == text
    assert "".join(sentences(text)) == text


def test_lists_and_blank_lines_stay():
    kept, said = kept_and_sentences("- Cats.\n\n  2. Dogs run. Far.\n> quoted\n")
    assert kept == ["- ", "\n\n  2. ", " ", "\n> ", "\n"]
    assert said == ["Cats.", "Dogs run.", "Far.", "quoted"]


def test_what_has_no_letter_is_not_translated():
    assert kept_and_sentences("***\n12.50\n")[1] == []


def test_a_wrapped_sentence_is_one():
    text = "This line was wrapped by a mail program in the\nmiddle of its sentence. Next."
    said = kept_and_sentences(text)[1]
    assert said[0] == ("This line was wrapped by a mail program in the middle of its sentence.")


@pytest.mark.parametrize(
    "text",
    [
        "Short line\nanother short one",
        "This line is long enough, and it ends with a full stop.\nnext begins small",
        "This line is long enough to have been wrapped somewhere\n- but this is a list item",
        "This line is long enough to have been wrapped somewhere\n\nbut this is a paragraph",
    ],
)
def test_lines_that_end_for_a_reason_stay_apart(text):
    assert len(kept_and_sentences(text)[1]) == 2


def test_spaces_between_sentences_follow_the_language():
    chinese = pieces("好。你呢？", "zh")
    assert put_together(chinese, ["Good.", "You?"], spaced=True) == "Good. You?"
    english = pieces("Good. You?\nYes.")
    assert put_together(english, ["好。", "你呢？", "是。"], spaced=False) == "好。你呢？\n是。"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("M. Dupont est là. Il part.", ["M. Dupont est là. ", "Il part."]),
        ("我明天要去看电影。你呢？好！", ["我明天要去看电影。", "你呢？", "好！"]),
        ("今日は晴れです。そうですか？", ["今日は晴れです。", "そうですか？"]),
        ("यह एक वाक्य है। यह दूसरा है।", ["यह एक वाक्य है। ", "यह दूसरा है।"]),
        ("It cost $3.50 at 5 p.m. on Monday.", ["It cost $3.50 at 5 p.m. on Monday."]),
        ("No. I do not want it.", ["No. ", "I do not want it."]),
        ("Hi. How are you?", ["Hi. ", "How are you?"]),
        ("Ok. We are going home.", ["Ok. ", "We are going home."]),
        ("Go. It is late.", ["Go. ", "It is late."]),
        ("I am tired. So. We go.", ["I am tired. ", "So. ", "We go."]),
        (
            "Stop me. I am OK. I think no. “He” left.",
            ["Stop me. ", "I am OK. ", "I think no. ", "“He” left."],
        ),
        ("Hm. Good. Me. I do not.", ["Hm. ", "Good. ", "Me. ", "I do not."]),
        ("Да. Я иду. Ну. Всё.", ["Да. ", "Я иду. ", "Ну. ", "Всё."]),
        ("是. 好. 你呢？", ["是. ", "好. ", "你呢？"]),
        ("Mr. Brown is here. Ms. Lee is not.", ["Mr. Brown is here. ", "Ms. Lee is not."]),
        ("J. R. R. Tolkien wrote. No. 5 is here.", ["J. R. R. Tolkien wrote. ", "No. 5 is here."]),
        (
            "12. Apples. It is in art. 5 of the law.",
            ["12. Apples. ", "It is in art. 5 of the law."],
        ),
    ],
)
def test_sentences_of_many_scripts(text, expected):
    assert sentences(text) == expected


@pytest.mark.parametrize(
    "text", ["ab", "a, b", "one two three", "无空格的长句子，在逗号处", "x" * 99]
)
def test_halves_lose_nothing_but_the_space_between(text):
    first, second = halves(text)
    assert first and second
    assert (first + second).replace(" ", "") == text.replace(" ", "")


def test_many_wrapped_lines_are_one_sentence():
    line = "these words go on and on without ever coming to an end"
    assert kept_and_sentences("\n".join([line] * 5))[1] == [" ".join([line] * 5)]
