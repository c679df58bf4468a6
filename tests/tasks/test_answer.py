"""Answers: against a brute-force search over all spans, and transformers' own generate."""

import math

import pytest
import torch

from llmcli.data.rows import Row
from llmcli.engines.pytorch.loading import load
from llmcli.errors import ModelUnsuitable, UsageError
from llmcli.spec import BatchOptions, ModelSpec
from llmcli.spec.tasks import AnswerOptions
from llmcli.tasks.answer import answer
from tests.tiny_models import MORE_WORDS, WORDS, word_tokenizer

CONTEXT = "the cat sat on mats . a dog ran ."
LONG = " ".join(["the cat sat on mats .", "a dog ran .", "who is it ? it is this dog ."] * 2)


def rows(question, *contexts):
    return [Row(number, question, pair=context) for number, context in enumerate(contexts, 1)]


@pytest.fixture(scope="module")
def reader(tiny_reader):
    return load(ModelSpec(str(tiny_reader)), ("reader", "causal", "seq2seq"))


def all_spans(reader, question, context, longest, *, room=24, overlap=0):
    """Every span as {(start, end): score}, and the score of none, by plain loops."""
    tokenizer = reader.tokenizer
    first = tokenizer(question, add_special_tokens=False)["input_ids"]
    found = tokenizer(context, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = found["input_ids"], found["offset_mapping"]
    size = min(len(ids), room - len(first) - 3)
    starts = range(0, max(1, len(ids) - overlap), max(1, size - overlap))
    spans, none = {}, math.inf
    for begin in starts:
        part = ids[begin : begin + size]
        whole = [2, *first, 3, *part, 3]
        types = [0] * (len(first) + 2) + [1] * (len(part) + 1)
        with torch.no_grad():
            out = reader.network(torch.tensor([whole]), token_type_ids=torch.tensor([types]))
        start, end = out.start_logits[0].tolist(), out.end_logits[0].tolist()
        none = min(none, start[0] + end[0])
        skip = len(first) + 2
        for a in range(len(part)):
            for b in range(a, min(len(part), a + longest)):
                place = (offsets[begin + a][0], offsets[begin + b][1])
                score = start[skip + a] + end[skip + b]
                spans[place] = max(score, spans.get(place, -math.inf))
        if begin + size >= len(ids):
            break
    return spans, none


@pytest.mark.parametrize("longest", [1, 3, 30])
def test_answers_are_the_best_of_all_spans(reader, longest):
    spans, _ = all_spans(reader, "who sat ?", CONTEXT, longest)
    order = sorted(spans, key=lambda place: -spans[place])[:4]
    total = sum(math.exp(score) for score in spans.values())
    (result,) = answer(
        reader, rows("who sat ?", CONTEXT), AnswerOptions(top=4, max_answer_tokens=longest)
    )
    assert [(one.start, one.end) for one in result.answers] == order
    for one in result.answers:
        assert one.answer == CONTEXT[one.start : one.end]
        expected = math.exp(spans[one.start, one.end]) / total
        assert one.score == pytest.approx(expected, rel=1e-4)
    assert (result.answer, result.start, result.score) == (
        result.answers[0].answer,
        result.answers[0].start,
        result.answers[0].score,
    )


def test_a_long_context_is_read_in_windows_that_overlap(reader, monkeypatch):
    monkeypatch.setattr("llmcli.inference.answers.OVERLAP", 5)
    spans, _ = all_spans(reader, "who ran ?", LONG, 30, overlap=5)
    assert len(reader.tokenizer(LONG)["input_ids"]) > 24
    order = sorted(spans, key=lambda place: -spans[place])[:3]
    (result,) = answer(
        reader, rows("who ran ?", LONG), AnswerOptions(top=3), BatchOptions(on_overflow="window")
    )
    assert [(one.start, one.end) for one in result.answers] == order
    assert result.overflow == "window"
    assert all(LONG[one.start : one.end] == one.answer for one in result.answers)


def test_other_ways_to_read_a_long_context(reader):
    for how in ("truncate", "split"):
        (result,) = answer(
            reader, rows("who ran ?", LONG), AnswerOptions(), BatchOptions(on_overflow=how)
        )
        assert result.overflow == how and result.answer in LONG
    (result,) = answer(
        reader, rows("who ran ?", LONG), AnswerOptions(), BatchOptions(on_overflow="error")
    )
    assert "the model takes 24" in result.error


def test_no_answer_is_weighed_against_the_best_span(reader):
    spans, none = all_spans(reader, "who sat ?", CONTEXT, 30)
    margin = none - max(spans.values())
    for threshold, has_answer in ((margin + 0.1, True), (margin - 0.1, False)):
        spec = AnswerOptions(no_answer=True, no_answer_threshold=threshold)
        (result,) = answer(reader, rows("who sat ?", CONTEXT), spec)
        assert result.no_answer_margin == pytest.approx(margin, abs=1e-4)
        assert (result.answer is not None) == has_answer
        if not has_answer:
            total = sum(math.exp(score) for score in spans.values()) + math.exp(none)
            assert result.score == pytest.approx(math.exp(none) / total, rel=1e-4)
    total = sum(math.exp(score) for score in spans.values()) + math.exp(none)
    expected = math.exp(max(spans.values())) / total
    assert result.answers[0].score == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("size", [None, 1, 2])
def test_batches_change_no_answer(reader, size):
    contexts = [CONTEXT, "a dog", "it is good ? it is bad . the cat ran", "this"]
    alone = [next(answer(reader, rows("who ?", one), AnswerOptions())) for one in contexts]
    together = answer(
        reader, rows("who ?", *contexts), AnswerOptions(), BatchOptions(batch_size=size)
    )
    for one, other in zip(together, alone, strict=True):
        assert one.answer == other.answer
        assert one.score == pytest.approx(other.score, abs=1e-5)


def test_offsets_count_characters_of_the_text_as_given(reader):
    context = "  看看\tthe   cat\n sat é dog "
    (result,) = answer(reader, rows("who ?", context), AnswerOptions(top=9))
    for one in result.answers:
        assert context[one.start : one.end] == one.answer == one.answer.strip() != ""


def test_a_question_or_text_that_is_empty_fails(reader):
    results = list(answer(reader, [Row(1, "", pair="a"), Row(2, "who", pair=" ")], AnswerOptions()))
    assert [one.error for one in results] == ["the text is empty", "the second text is empty"]


def test_a_tokenizer_without_offsets_is_refused(reader, monkeypatch):
    monkeypatch.setattr(type(reader.tokenizer), "is_fast", False)
    with pytest.raises(ModelUnsuitable, match="gives no character offsets"):
        next(answer(reader, rows("who ?", "cat"), AnswerOptions()))


@pytest.mark.parametrize("model", ["tiny_chat", "tiny_gpt2", "tiny_marian"])
def test_a_model_that_writes_answers_greedily(request, model):
    loaded = load(ModelSpec(str(request.getfixturevalue(model))), ("reader", "causal", "seq2seq"))
    spec = AnswerOptions(max_answer_tokens=6)
    question, context = "who?", "a cat"
    (result,) = answer(loaded, rows(question, context), spec)
    tokenizer = loaded.tokenizer
    if model == "tiny_chat":
        prompt = (
            "<user>Answer the question from the text, in a few words.\n\n"
            "Text: a cat\n\nQuestion: who?\n<assistant>"
        )
    elif model == "tiny_gpt2":
        prompt = "Text: a cat\n\nQuestion: who?\nAnswer:"
    else:
        prompt = "question: who? context: a cat"
    inputs = tokenizer(prompt, return_tensors="pt")
    options = {"max_new_tokens": 6, "do_sample": False, "num_beams": 1}
    with torch.no_grad():
        ids = loaded.network.generate(**inputs, **options)[0]
    new = ids if loaded.kind == "seq2seq" else ids[inputs["input_ids"].shape[1] :]
    text = tokenizer.decode(new, skip_special_tokens=True).strip()
    if model == "tiny_gpt2":
        text = text.split("\n")[0].strip()
    assert result.answer == text
    assert result.start == (context.find(text) if text and text in context else None)
    assert 0 < result.score <= 1


def test_a_writing_model_takes_a_long_context_in_parts(tiny_chat):
    loaded = load(ModelSpec(str(tiny_chat)), ("causal",))
    long = rows("who?", " ".join(f"cat {n}." for n in range(200)))
    spec = AnswerOptions(max_answer_tokens=4, top=9)
    (refused,) = answer(loaded, long, spec, BatchOptions(on_overflow="error"))
    assert "choose another `on_overflow`" in refused.error
    (cut,) = answer(loaded, long, spec, BatchOptions(on_overflow="truncate"))
    assert (cut.overflow, len(cut.answers)) == ("truncate", 1)
    for how in ("window", "split"):
        (result,) = answer(loaded, long, spec, BatchOptions(on_overflow=how))
        assert result.overflow == how and len(result.answers) > 1
        scores = [one.score for one in result.answers]
        assert scores == sorted(scores, reverse=True) and result.score == scores[0]


def test_a_pair_without_a_token_between_is_told_apart(tmp_path):
    """As GPT-2's tokenizer makes it: the question's tokens, and at once those of the text."""
    from tokenizers import processors
    from transformers import GPT2Config, GPT2ForQuestionAnswering

    tokenizer = word_tokenizer(WORDS + MORE_WORDS)
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A", pair="$A $B", special_tokens=[]
    )
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=22, n_embd=16, n_layer=1, n_head=2, n_positions=32)
    GPT2ForQuestionAnswering(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = load(ModelSpec(str(tmp_path)), ("reader",))
    (result,) = answer(loaded, rows("who sat ?", CONTEXT), AnswerOptions(top=3))
    inputs = tokenizer("who sat ?", CONTEXT, return_tensors="pt")
    inputs.pop("token_type_ids", None)
    with torch.no_grad():
        out = loaded.network(**inputs)
    start, end = out.start_logits[0, 3:], out.end_logits[0, 3:]
    grid = (start[:, None] + end[None, :]).triu()
    grid[grid == 0] = -math.inf
    first, last = divmod(int(grid.argmax()), len(end))
    words = CONTEXT.split()
    assert result.answer == " ".join(words[first : last + 1])


def test_a_model_that_writes_cannot_say_that_there_is_no_answer(tiny_gpt2):
    loaded = load(ModelSpec(str(tiny_gpt2)), ("causal",))
    with pytest.raises(UsageError, match="`no_answer`"):
        next(answer(loaded, rows("who?", "a cat"), AnswerOptions(no_answer=True)))
