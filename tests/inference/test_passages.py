"""Passages of documents, and BM25 by the formula in another form."""

import math
import random

import pytest

from llmcli.inference.passages import K1, B, Bm25, passages_of, words_of

TEXT = "One two. Three four.\n\n  Five six seven.\n \nEight. " + "Nine ten. " * 3


def test_passages_are_parts_of_their_document():
    for size in (1, 12, 25, 1000):
        found = list(passages_of(TEXT, "a.txt", size))
        assert all(TEXT[p.start : p.start + len(p.text)] == p.text for p in found)
        assert "".join(TEXT.split()) == "".join("".join(p.text.split()) for p in found)


def test_a_passage_has_as_many_sentences_as_fit():
    texts = [passage.text for passage in passages_of(TEXT, "a.txt", 25)]
    assert texts == [
        "One two. Three four.",
        "Five six seven.",
        "Eight. Nine ten.",
        "Nine ten. Nine ten.",
    ]


@pytest.mark.parametrize("text", ["", " \n\n \n"])
def test_an_empty_document_has_no_passage(text):
    assert list(passages_of(text, "a.txt")) == []


def bm25(query, texts, at):
    """The score of one text, word by word. Source: Robertson and Zaragoza 2009, equation 3.15."""
    tokens = [words_of(text) for text in texts]
    mean = sum(map(len, tokens)) / len(tokens)
    score = 0.0
    for word in set(words_of(query)):
        having = sum(word in of_text for of_text in tokens)
        times = tokens[at].count(word)
        idf = math.log((len(texts) - having + 0.5) / (having + 0.5) + 1)
        length = 1 - B + B * len(tokens[at]) / mean
        score += idf * times * (K1 + 1) / (times + K1 * length)
    return score


def test_scores_are_those_of_the_formula():
    draw = random.Random(1)
    words = "the a cat dog whale sat ran wrote who paris".split()
    texts = [" ".join(draw.choices(words, k=draw.randint(1, 12))) for _ in range(30)]
    index = Bm25(texts)
    for query in ("who wrote the whale", "a cat", "Paris, paris!", "zebra"):
        expected = [bm25(query, texts, at) for at in range(len(texts))]
        assert index.scores(query).tolist() == pytest.approx(expected, abs=1e-4)
        order = sorted(range(len(texts)), key=lambda at: -index.scores(query)[at])
        best = [at for at in order if expected[at] > 0][:5]
        assert index.best(query, 5) == best


def test_chinese_is_found_by_pairs_of_characters():
    index = Bm25(["我明天要去看电影", "他在北京工作", "今天天气很好"])
    assert index.best("谁在北京?", 3) == [1]
