"""Beam search with CTranslate2: how rows are divided, and that this does not change their texts."""

import pytest

from llmcli.decoding.request import Request
from llmcli.engines.ct2.search import parts, search
from llmcli.spec import Decoding
from tests.engines.ct2.random_models import convert_random, tokens
from tests.engines.ct2.test_seq2seq import MARIAN

ctranslate2 = pytest.importorskip("ctranslate2")
BEAMS = Decoding(num_beams=3, num_return_sequences=2)


def request(lengths, limits):
    """Rows with sources of these lengths, which end with the token 2."""
    sources = [[(7 * row + at) % 40 + 5 for at in range(n)] for row, n in enumerate(lengths)]
    return Request([[49]] * len(limits), limits, frozenset({2}), sources=sources)


def test_rows_of_similar_limits_form_a_part_the_longest_first():
    asked = request([2, 9, 3, 8], [20, 90, 31, 80])
    assert parts(asked, [0, 1, 2, 3], 1, 4) == [[1, 3, 2], [0]]
    assert parts(asked, [0, 3], 1, 4) == [[3], [0]]


def test_each_stream_gets_about_as_many_tokens():
    asked = request([10] * 8 + [20] * 4, [90] * 12)
    assert parts(asked, range(12), 2, 4) == [[8, 9, 10, 11], [0, 1, 2, 3, 4, 5, 6, 7]]
    few = request([10] * 7, [90] * 7)
    assert parts(few, range(7), 2, 4) == [[0, 1, 2, 3, 4, 5, 6]], "a part has 4 rows at least"


def test_many_rows_form_several_parts_for_each_stream():
    asked = request([32] * 64, [90] * 64)  # 2,048 tokens: 8,192 for 4 beams
    assert [len(part) for part in parts(asked, range(64), 2, 4)] == [16] * 4


def test_texts_do_not_depend_on_the_streams_nor_on_the_limits_of_other_rows(tmp_path):
    from transformers import AutoModelForSeq2SeqLM

    case = ("marian", {**MARIAN, "scale_embedding": True})
    _, folder = convert_random(case, AutoModelForSeq2SeqLM, tmp_path, "seq2seq")
    limits = [6, 14, 9, 1, 12, 6, 13, 8, 5, 0]
    asked = request([5, 9, 6, 2, 8, 5, 9, 7, 3, 4], limits)
    options = {"compute_type": "float32", "inter_threads": 2, "intra_threads": 1}
    model = ctranslate2.Translator(folder, **options)
    together = search(model, 2, asked, BEAMS)
    for row, limit in enumerate(limits):
        alone = request([5, 9, 6, 2, 8, 5, 9, 7, 3, 4], limits)
        alone = Request([[49]], [limit], alone.end_tokens, sources=[alone.sources[row]])
        (expected,) = search(model, 1, alone, BEAMS)
        assert [each.tokens for each in together[row]] == [each.tokens for each in expected]
        assert [each.ended for each in together[row]] == [each.ended for each in expected]
        scores = [each.score for each in expected]
        assert [each.score for each in together[row]] == pytest.approx(scores, abs=1e-5)
        assert max(len(each.tokens) for each in together[row]) <= limit
    joined = model.translate_batch([tokens(asked.sources[0])], max_decoding_length=14)
    assert len(joined[0].hypotheses[0]) > 6, "a row would become longer than its limit"
