"""One text or many, errors raised or yielded, notes and the log; on the starters."""

import logging

import numpy as np
import pytest

import llmcli

SHORT = llmcli.Decoding(max_new_tokens=4)
STARTER_NOTE = "bert-en: a small model of English; "


@pytest.fixture(scope="module")
def bert():
    return llmcli.load("bert-en")


@pytest.fixture(scope="module")
def stories():
    return llmcli.load("gpt2-stories")


def test_one_text_gives_one_result_and_several_an_iterator(bert):
    alone = llmcli.classify("I loved it.", model=bert)
    assert isinstance(alone, llmcli.Classification)
    several = llmcli.classify(iter(["I loved it.", "I hated it."]), model=bert)
    assert iter(several) is several
    assert [result.label for result in several] == [alone.label, "negative"]


def test_a_mapping_or_a_row_is_one_text_too(bert):
    fields = {"id": 3, "text": "I loved it."}
    result = llmcli.classify(fields, model=bert)
    assert result.to_dict()["id"] == 3
    row = llmcli.Row(9, "I loved it.")
    assert llmcli.classify(row, model=bert).row is row


def test_several_are_texts_mappings_and_pairs(bert):
    questions = [
        ("Who wrote it?", "Emma is a novel by Jane Austen."),
        {"question": "Who wrote it?", "context": "Emma is a novel by Jane Austen."},
    ]
    answers = {result.answer for result in llmcli.answer(questions, model=bert)}
    assert answers == {"Jane Austen"}
    (answer,) = llmcli.answer(["Who?"], "Emma is a novel by Jane Austen.", model=bert)
    assert answer.row.pair == "Emma is a novel by Jane Austen."


def test_a_single_text_raises_its_error(bert):
    with pytest.raises(llmcli.InputError, match="^the text is empty$"):
        llmcli.classify("", model=bert)
    with pytest.raises(llmcli.InputError, match="no field 'text'; it has 'review'"):
        llmcli.classify({"review": "good"}, model=bert)


def test_of_several_texts_the_first_error_is_raised_with_its_place(bert):
    results = llmcli.classify(["good", "", "bad"], model=bert)
    assert next(results).label == "positive"
    with pytest.raises(llmcli.InputError, match="^row 2: the text is empty$"):
        next(results)


def test_errors_are_yielded_on_demand(bert):
    texts = ["good", None, b"x", float("nan"), "\ud800", "bad"]
    first, *failures, last = llmcli.classify(texts, model=bert, on_error="yield")
    assert [failure.error for failure in failures] == [
        "not text but NoneType",
        "not text but bytes",
        "not text but float",
        "not valid Unicode",
    ]
    assert [result.row.number for result in (first, *failures, last)] == [1, 2, 3, 4, 5, 6]
    assert failures[0].to_dict() == {"row": 2, "error": "not text but NoneType"}


def test_misuse_is_refused_at_the_call():
    with pytest.raises(TypeError, match="not bytes"):
        llmcli.classify(b"good")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="not int"):
        llmcli.tokenize(3)  # type: ignore[call-overload]
    with pytest.raises(llmcli.UsageError, match="`on_error` is 'raise' or 'yield', not 'skip'"):
        llmcli.classify("good", on_error="skip")  # type: ignore[arg-type]
    with pytest.raises(llmcli.UsageError, match="`model` is empty"):
        llmcli.classify("good", model="")
    with pytest.raises(llmcli.UsageError, match="needs its `context`"):
        llmcli.answer("Who?")
    with pytest.raises(llmcli.UsageError, match="pass the text in a list"):
        options = llmcli.TranslateOptions(num_return_sequences=2)
        llmcli.translate("Hello.", from_lang="en", to_lang="fr", options=options)


def test_several_results_of_one_text_come_in_an_iterator():
    options = llmcli.TranslateOptions(num_beams=2, num_return_sequences=2)
    results = llmcli.translate(["I am tired."], from_lang="en", to_lang="fr", options=options)
    assert [result.index for result in results] == [0, 1]


def test_a_starter_is_noted_in_the_result_and_in_the_log_alone(caplog, capfd):
    with caplog.at_level(logging.INFO, "llmcli"):
        result = llmcli.classify("I loved it.")
    assert len(result.notes) == 1
    assert result.notes[0].startswith(STARTER_NOTE)
    assert [record.getMessage() for record in caplog.records] == list(result.notes)
    assert capfd.readouterr() == ("", "")


def test_a_named_model_is_not_noted(bert):
    assert llmcli.classify("I loved it.", model=bert).notes == ()
    assert llmcli.classify("I loved it.", model="bert-en").notes == ()
    assert llmcli.classify("I loved it.", model=llmcli.ModelSpec("bert-en")).notes == ()


def test_a_text_that_is_cut_is_noted_in_its_result(bert, caplog):
    batch = llmcli.BatchOptions(on_overflow="truncate")
    with caplog.at_level(logging.INFO, "llmcli"):
        short, long = llmcli.classify(["good", "good " * 600], model=bert, batch=batch)
    assert short.notes == ()
    assert long.notes == (
        "the text was too long for the model: cut to fit (`on_overflow`=truncate)",
    )
    assert caplog.records[-1].getMessage() == f"row 2: {long.notes[0]}"


def test_the_reason_for_the_slower_engine_is_noted(stories):
    options = llmcli.Decoding(num_beams=2, max_new_tokens=4)
    assert llmcli.generate("Once", model=stories, options=SHORT).notes == ()
    result = llmcli.generate("Once", model=stories, options=options)
    assert result.notes[0].startswith("engine: torch, not ct2: ")
    asked = llmcli.ModelSpec("gpt2-stories", engine="torch")
    assert llmcli.generate("Once", model=asked, options=SHORT).notes == ()


def test_vectors_come_as_an_array_or_one_by_one(bert):
    texts = ["a dog", "a cat"]
    array = llmcli.embed(texts, model=bert)
    assert array.shape == (2, 384)
    assert array.dtype == np.float32
    alone = llmcli.embed("a dog", model=bert)
    assert np.allclose(alone.embedding, array[0], atol=1e-6)
    assert llmcli.embed([], model=bert).shape == (0, 384)
    with pytest.raises(llmcli.InputError, match="row 2: the text is empty"):
        llmcli.embed(["a dog", ""], model=bert)
    result, failure = llmcli.embed(["a dog", ""], model=bert, on_error="yield")
    assert (result.embedding == array[0]).all()
    assert isinstance(failure, llmcli.Failure)


def test_a_stream_gives_the_text_in_pieces_and_then_the_result(stories):
    stream = llmcli.stream("Once upon", model=stories, options=SHORT)
    pieces = list(stream)
    whole = llmcli.generate("Once upon", model=stories, options=SHORT)
    assert "".join(pieces) == stream.result.text == whole.text
    assert len(pieces) > 1
    assert stream.result == llmcli.stream("Once upon", model=stories, options=SHORT).result
    with pytest.raises(llmcli.UsageError, match="one prompt"):
        llmcli.stream(["a"], model=stories)  # type: ignore[arg-type]


def test_a_stream_that_fails_raises_and_has_no_result(stories):
    stream = llmcli.stream("a " * 2000, model=stories)
    with pytest.raises(llmcli.InputError, match="shorten the prompt"):
        next(stream)
    with pytest.raises(llmcli.UsageError, match="no result"):
        stream.result  # noqa: B018


def test_the_other_functions_take_the_same_forms(bert, stories):
    assert llmcli.fill("A [MASK] dog.", model=bert).gaps[0].start == 2
    assert len(list(llmcli.fill(["A [MASK] dog."] * 2, model=bert))) == 2
    assert [result.count for result in llmcli.tokenize(["Once", "Once upon"], model=stories)] == [
        1,
        2,
    ]
    assert llmcli.tokenize("Once", model=stories, special=False).count == 1
    forward = llmcli.forward("Once upon a time", model=stories, top=2)
    assert len(forward.positions[0].best) == 2
    assert llmcli.generate({"text": "Once"}, model=stories, options=SHORT).new_tokens == 4


def test_zero_shot_labels_refuse_a_second_text(stories):
    options = llmcli.ClassifyOptions(labels=("happy", "sad"))
    rows = [("Tom laughed.", "Tom cried."), "Tom laughed."]
    pair, single = llmcli.classify(rows, model=stories, options=options, on_error="yield")
    assert isinstance(pair, llmcli.Failure) and "leave out the second one" in pair.error
    assert isinstance(single, llmcli.Classification)
