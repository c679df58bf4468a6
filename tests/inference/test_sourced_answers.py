"""Answers from many texts, against scores of all spans of all passages, taken one by one."""

import math

import pytest
import torch

from llmcli.data.collection import Text
from llmcli.data.rows import Failure, Row
from llmcli.engines.choose import Purpose, load
from llmcli.inference.answers import READERS, WRITING
from llmcli.inference.sourced_answers import Library, snippet_of
from llmcli.spec import WINDOWS, ModelSpec
from llmcli.spec.tasks import AnswerOptions
from llmcli.tasks.answer import answer

TEXTS = [
    Text("a.txt", "the cat sat on mats. a dog ran."),
    Text("b.txt", "this is good.\n\nthe dog is bad."),
    Text("c.txt", "where is it ?"),
]


def reader(model, engine="torch"):
    return load(ModelSpec(str(model), engine=engine), Purpose(READERS, decoding=WRITING))


def by_hand(loaded, question, passages, longest):
    """All spans with their logits, the greatest first: (score, passage, start, end)."""
    spans = []
    for number, passage in enumerate(passages):
        inputs = loaded.tokenizer(
            question, passage, return_offsets_mapping=True, return_tensors="pt"
        )
        offsets = inputs.pop("offset_mapping")[0].tolist()
        with torch.no_grad():
            out = loaded.network(**inputs)
        inside = [at for at, part in enumerate(inputs.sequence_ids(0)) if part == 1]
        for first in inside:
            for last in inside:
                if first <= last < first + longest:
                    score = float(out.start_logits[0, first] + out.end_logits[0, last])
                    spans.append((score, number, offsets[first][0], offsets[last][1]))
    return sorted(spans, reverse=True)


@pytest.mark.parametrize("engine", ["torch", "ct2"])
def test_each_passage_is_read_by_itself(tiny_reader, engine):
    library = Library(TEXTS)
    passages = [passage.text for passage in library.passages]
    question = "the cat dog it is this ?"  # a word of each passage
    options = AnswerOptions(top=4, max_answer_tokens=3, passages=9)
    rows = [Row(7, question, fields={"id": "x"})]
    (result,) = answer(reader(tiny_reader, engine), rows, options, WINDOWS, library)
    expected = by_hand(reader(tiny_reader), question, passages, 3)
    total = math.fsum(math.exp(score) for score, *_ in expected)
    for found, (score, number, start, end) in zip(result.answers, expected, strict=False):
        passage = library.passages[number]
        assert found.score == pytest.approx(math.exp(score) / total, abs=1e-5)
        assert found.answer == passages[number][start:end]
        assert (found.source, found.start) == (passage.source, passage.start + start)
        assert found.end == passage.start + end
    assert len(result.answers) == 4
    assert (result.answer, result.source) == (result.answers[0].answer, result.answers[0].source)
    assert result.row == rows[0]
    text = next(text.text for text in TEXTS if text.source == result.source)
    assert text[result.start : result.end] == result.answer
    assert result.answer in result.snippet


def test_only_the_best_passages_are_read(tiny_reader):
    library = Library(TEXTS)
    options = AnswerOptions(top=50, passages=1)
    (result,) = answer(reader(tiny_reader), [Row(1, "where ?")], options, WINDOWS, library)
    assert {found.source for found in result.answers} == {"c.txt"}


def test_no_answer_is_compared_with_the_spans_of_all_passages(tiny_reader):
    options = AnswerOptions(no_answer=True, no_answer_threshold=-100.0)
    (result,) = answer(reader(tiny_reader), [Row(1, "the dog ?")], options, WINDOWS, Library(TEXTS))
    assert result.answer is None and result.source is None and "source" not in result.to_dict()
    assert result.answers[0].source is not None
    options = AnswerOptions(no_answer=True, no_answer_threshold=100.0)
    (result,) = answer(reader(tiny_reader), [Row(1, "the dog ?")], options, WINDOWS, Library(TEXTS))
    assert result.answer is not None


def test_a_question_without_a_common_word_fails_alone(tiny_reader):
    rows = [Row(1, "zebra ?"), Row(2, "the cat ?"), Row(3, " "), Row(4, "", error="broken")]
    results = list(answer(reader(tiny_reader), rows, AnswerOptions(), WINDOWS, Library(TEXTS)))
    failed = [isinstance(result, Failure) for result in results]
    assert failed == [True, False, True, True]
    errors = [results[at].error for at in (0, 2, 3)]
    assert errors == ["no text has a word of the question", "the text is empty", "broken"]


def test_a_model_that_writes_reads_the_passages_together(tiny_gpt2):
    library = Library([Text("a.txt", "the cat sat. " * 2), Text("b.txt", "the dog ran.")])
    options = AnswerOptions(max_answer_tokens=4)
    (result,) = answer(reader(tiny_gpt2), [Row(1, "the dog ?")], options, WINDOWS, library)
    assert result.row.pair is None
    if result.source is not None:
        assert result.answer in result.snippet


def test_a_snippet_is_cut_between_words():
    text = "word " * 30 + "answer" + " next" * 30
    snippet = snippet_of(text, 150, 156)
    assert snippet.startswith("… word ") and snippet.endswith(" next …")
    assert set(snippet.split()) == {"…", "word", "answer", "next"}
    assert snippet_of("It is Paris.", 6, 11) == "It is Paris."
