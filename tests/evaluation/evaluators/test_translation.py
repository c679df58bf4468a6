"""Evaluation of translations against the command and sacrebleu."""

import json

import pytest
import sacrebleu

from tests.evaluation.reports import record_of, values, write_rows

EVALUATE = ["evaluate", "--json", "--task", "translation"]


def test_it_equals_the_command_and_sacrebleu(run, tmp_path, tiny_marian):
    sources = ["the cat sat on a mat.", "Once upon a time.", "hello cat! the moon."]
    right = ["Le chat est sur le tapis.", "Bonjour, mes amis !", "le chat"]
    rows = [{"en": a, "fr": b} for a, b in zip(sources, right, strict=True)]
    path, saved = write_rows(tmp_path / "a.csv", rows), tmp_path / "saved.jsonl"
    words = [*EVALUATE, "--target-column", "fr"]
    direct = record_of(run(*words, "-m", tiny_marian, "-i", path, "--column", "en"))
    run("translate", "-q", "-m", tiny_marian, "-i", path, "--column", "en", "-o", saved)
    again = record_of(run(*words, "--predictions", saved))
    assert again["metrics"] == direct["metrics"]
    said = [json.loads(line)["translation"] for line in saved.read_text().splitlines()]
    bleu, chrf = sacrebleu.BLEU(), sacrebleu.CHRF()
    assert values(direct) == pytest.approx(
        {
            "bleu": bleu.corpus_score(said, [right]).score,
            "chrf": chrf.corpus_score(said, [right]).score,
        }
    )
    assert direct["signatures"]["bleu"] == str(bleu.get_signature())


def test_only_the_best_of_several_translations_counts(run, tmp_path):
    rows = [
        {"row": 1, "text": "a", "translation": "le chat", "index": 0, "target": "le chat"},
        {"row": 1, "text": "a", "translation": "un chien", "index": 1, "target": "le chat"},
    ]
    path = write_rows(tmp_path / "a.jsonl", rows)
    record = record_of(run(*EVALUATE, "--predictions", path))
    assert (record["rows"], values(record)["chrf"]) == (1, 100)


def test_chinese_is_cut_into_characters(run, tmp_path):
    rows = [{"text": "a", "translation": "我明天要去看电影", "target": "我今天要去看电影"}]
    path = write_rows(tmp_path / "a.jsonl", rows)
    words = [*EVALUATE, "--predictions", path]
    chinese, other = record_of(run(*words, "-t", "Chinese")), record_of(run(*words))
    expected = sacrebleu.BLEU(tokenize="zh").corpus_score(
        [rows[0]["translation"]], [[rows[0]["target"]]]
    )
    assert values(chinese)["bleu"] == pytest.approx(expected.score)
    assert values(other)["bleu"] == 0  # one word of eight characters, and not the right one
