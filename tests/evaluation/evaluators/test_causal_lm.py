"""Evaluation of perplexity."""

import math

import pytest

from tests.evaluation.reports import record_of, values, write_rows
from tests.tiny_models import STORY


def test_perplexity_of_rows_and_of_a_document(run, tmp_path, tiny_gpt2, gpt2):
    text = tmp_path / "a.txt"
    text.write_text(STORY * 4)
    words = ["evaluate", "--task", "causal-lm", "-m", tiny_gpt2, "--json", "-i"]
    whole = record_of(run(*words, text, "--baseline", "ngram"))
    assert (whole["rows"], whole["unit"], whole["settings"]["stride"]) == (4, "lines", 32)
    assert values(whole)["byte_perplexity"] == pytest.approx(2 ** values(whole)["bits_per_byte"])
    assert values(record_of(run(*words, "-", input=STORY * 4))) == values(whole)
    size, count = len((STORY * 4).encode()), len((STORY * 4).split())
    tokens = len(gpt2.tokenizer(STORY * 4)["input_ids"])
    nats = [
        math.log(values(whole)[name]) * number
        for name, number in (
            ("perplexity", tokens),
            ("word_perplexity", count),
            ("byte_perplexity", size),
        )
    ]
    assert nats == pytest.approx([nats[0]] * 3)
    assert whole["baseline"]["perplexity"]["value"] < values(whole)["perplexity"]  # it was trained
    rows = write_rows(tmp_path / "a.jsonl", [{"text": STORY, "from": "here"}] * 2)
    each = record_of(run(*words, rows, "--by", "from", "--by", "length"))
    assert each["rows"] == 2 and len(each["slices"]) == 2
    train = ["--baseline", "ngram", "--baseline-train", text, "--ngram-order", "2"]
    known = record_of(run(*words, rows, *train))
    assert known["baseline"]["perplexity"]["value"] < 3  # it knows the text by heart


def test_limit_takes_the_first_lines_of_a_document(run, tmp_path, tiny_gpt2):
    text = tmp_path / "a.txt"
    text.write_text(STORY * 4)
    words = ["evaluate", "--task", "causal-lm", "-m", tiny_gpt2, "--json", "-i", text]
    record = record_of(run(*words, "--limit", 3))
    assert (record["rows"], record["unit"]) == (3, "lines")
