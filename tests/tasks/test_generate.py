"""The task itself: texts, reasons, limits, seeds; on a tiny GPT-2 with a real BPE."""

import pytest
import torch

from llmcli.data.rows import Failure, Row
from llmcli.decoding.validation import check_decoding
from llmcli.errors import UsageError
from llmcli.inference.generation import Chunk
from llmcli.spec import BatchOptions, Chat, Decoding, ModelSpec
from llmcli.tasks.generate import generate, stream

PROMPTS = ["Once upon a time", "我明天要去看电影。", "a", "The cat sat on the moon and"]


def rows(*texts):
    return [Row(number, text) for number, text in enumerate(texts, 1)]


def continue_one(loaded, text, **settings):
    (result,) = generate(loaded, rows(text), Decoding(**settings), Chat())
    return result


@pytest.mark.parametrize("prompt", PROMPTS)
def test_greedy_text_equals_that_of_transformers(gpt2, prompt):
    result = continue_one(gpt2, prompt, max_new_tokens=20)
    inputs = gpt2.tokenizer(prompt, return_tensors="pt")
    with torch.no_grad():
        ids = gpt2.network.generate(**inputs, max_new_tokens=20, do_sample=False)
    new = ids[0, inputs["input_ids"].shape[1] :]
    assert result.text == gpt2.tokenizer.decode(new, skip_special_tokens=True)
    assert result.prompt_tokens == inputs["input_ids"].shape[1]
    assert result.new_tokens == (new != 0).sum()


def test_the_same_seed_gives_the_same_text_alone_in_a_batch_or_streamed(gpt2):
    spec = Decoding(temperature=1.0, seed=5, max_new_tokens=30)
    alone = [next(generate(gpt2, rows(text), spec, Chat())).text for text in PROMPTS]
    batch = [
        one.text for one in generate(gpt2, rows(*PROMPTS), spec, Chat(), BatchOptions(batch_size=4))
    ]
    streamed = []
    for text in PROMPTS:
        chunks = [
            event.text
            for event in stream(gpt2, rows(text), spec, Chat())
            if isinstance(event, Chunk)
        ]
        assert chunks[0] == ""
        streamed.append("".join(chunks))
    assert alone == batch == streamed
    other = Decoding(temperature=1.0, seed=6, max_new_tokens=30)
    assert next(generate(gpt2, rows(PROMPTS[0]), other, Chat())).text != alone[0]


def test_greedy_decoding_reports_no_seed(gpt2):
    assert continue_one(gpt2, "a cat", max_new_tokens=2, seed=5).seed is None


def test_several_sequences_of_one_prompt_differ_and_repeat(gpt2):
    settings = {"temperature": 1.0, "seed": 1, "max_new_tokens": 20, "num_return_sequences": 3}

    def texts():
        found = generate(
            gpt2, rows("a", "b"), Decoding(**settings), Chat(), BatchOptions(batch_size=2)
        )
        return [(one.row.number, one.index, one.text) for one in found]

    assert [one[:2] for one in texts()] == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]
    assert len({text for _, _, text in texts()[:3]}) == 3
    assert texts() == texts()
    assert texts()[0][2] == continue_one(gpt2, "a", temperature=1.0, seed=1, max_new_tokens=20).text


def test_beams_come_best_first_with_their_scores(gpt2):
    spec = Decoding(num_beams=3, num_return_sequences=3, max_new_tokens=8)
    scores = [one.score for one in generate(gpt2, rows("a cat"), spec, Chat())]
    assert scores == sorted(scores, reverse=True)


def test_the_text_ends_before_a_stop_string(gpt2):
    whole = continue_one(gpt2, "Once", max_new_tokens=20).text
    stop = whole[len(whole) // 2 :][:3]
    result = continue_one(gpt2, "Once", max_new_tokens=20, stop=(stop,))
    assert result.text == whole[: whole.index(stop)]
    assert result.finish_reason == "stop"


def test_the_last_token_allowed_is_a_reason(gpt2):
    result = continue_one(gpt2, "Once", max_new_tokens=5)
    assert (result.new_tokens, result.finish_reason) == (5, "length")


def test_an_end_token_is_a_reason_and_no_text(gpt2, monkeypatch):
    first = continue_one(gpt2, "Once", max_new_tokens=9, logprobs=1)
    ids = [step.id for step in first.logprobs]
    end = next(token for at, token in enumerate(ids) if at >= 2 and ids.index(token) == at)
    monkeypatch.setattr(gpt2.network.generation_config, "eos_token_id", [end])
    result = continue_one(gpt2, "Once", max_new_tokens=9)
    assert (result.finish_reason, result.new_tokens) == ("end", ids.index(end))
    assert result.text == gpt2.tokenizer.decode(ids[: ids.index(end)])


def test_by_default_text_stops_where_the_context_ends(gpt2):
    result = continue_one(gpt2, "a cat sat")
    assert result.prompt_tokens + result.new_tokens == gpt2.context == 64


def test_a_row_that_cannot_be_continued_fails_alone(gpt2):
    texts = rows("a", "cat " * 100, "b") + [Row(4, "", error="not JSON")]
    spec = Decoding(max_new_tokens=3)
    results = list(generate(gpt2, texts, spec, Chat(), BatchOptions(batch_size=4)))
    assert [isinstance(one, Failure) for one in results] == [False, True, False, True]
    assert "takes 64" in results[1].error
    assert results[3].error == "not JSON"
    assert results[2].text == continue_one(gpt2, "b", max_new_tokens=3).text


def test_an_empty_prompt_begins_a_text(gpt2):
    assert continue_one(gpt2, "", max_new_tokens=3).prompt_tokens == 1


def test_logprobs_name_each_token_and_its_rivals(gpt2):
    result = continue_one(gpt2, "a", max_new_tokens=4, logprobs=2)
    assert len(result.logprobs) == 4
    for step in result.logprobs:
        assert step.best[0].id == step.id  # greedy took the likeliest
        assert step.best[0].logprob == step.logprob >= step.best[1].logprob


def test_a_chat_model_gets_its_template(tiny_chat):
    from llmcli.engines.pytorch.loading import load
    from llmcli.inference.prompts import encode_prompt

    loaded = load(ModelSpec(str(tiny_chat)), ("causal",))
    plain = encode_prompt(loaded, "hello cat", Chat())
    chat = encode_prompt(loaded, "hello cat", Chat(chat=True))
    system = encode_prompt(loaded, "hello cat", Chat(system="be a dog"))
    decode = loaded.tokenizer.decode
    assert decode(plain) == "hello cat"
    assert decode(chat) == "<user>hello cat\n<assistant>"
    assert decode(system) == "<system>be a dog\n<user>hello cat\n<assistant>"


@pytest.mark.parametrize(
    "spec",
    [
        Decoding(num_beams=2, top_k=5),
        Decoding(num_beams=2, num_return_sequences=3),
        Decoding(num_return_sequences=2),
        Decoding(num_return_sequences=2, temperature=0),
    ],
)
def test_settings_that_contradict_one_another_are_refused(spec):
    with pytest.raises(UsageError):
        check_decoding(spec)


def test_a_seed_is_drawn_where_none_is_given_and_reported(gpt2):
    first, second = (continue_one(gpt2, "a cat", temperature=1.0, max_new_tokens=8) for _ in "ab")
    assert first.seed is not None
    assert first.seed != second.seed
    repeated = continue_one(gpt2, "a cat", temperature=1.0, max_new_tokens=8, seed=first.seed)
    assert repeated.text == first.text
    batch = BatchOptions(seed=7)
    (result,) = generate(gpt2, rows("a cat"), Decoding(temperature=1.0), Chat(), batch)
    assert result.seed == 7


def test_beams_are_streamed_as_a_whole_and_several_sequences_not_at_all(gpt2):
    spec = Decoding(num_beams=2, max_new_tokens=8)
    started, chunk, result = stream(gpt2, rows("a cat"), spec, Chat())
    assert started == Chunk(Row(1, "a cat"), "")
    assert (
        chunk.text == result.text == continue_one(gpt2, "a cat", num_beams=2, max_new_tokens=8).text
    )
    with pytest.raises(UsageError, match="cannot be streamed"):
        stream(gpt2, rows("a"), Decoding(num_beams=2, num_return_sequences=2), Chat())


def test_a_row_that_fails_is_streamed_as_its_failure(gpt2):
    bad = Row(1, "", error="not text")
    failure, *events = stream(gpt2, [bad, Row(2, "a")], Decoding(max_new_tokens=2), Chat())
    assert isinstance(failure, Failure)
    assert events[-1].row.number == 2
