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
    chinese, other = (
        record_of(run(*words, *more)) for more in (["-t", "Chinese"], ["--bleu-tokenize", "13a"])
    )
    expected = sacrebleu.BLEU(tokenize="zh").corpus_score(
        [rows[0]["translation"]], [[rows[0]["target"]]]
    )
    assert values(chinese)["bleu"] == pytest.approx(expected.score)
    assert values(other)["bleu"] == 0  # one word of eight characters, and not the right one
    assert values(record_of(run(*words)))["bleu"] == pytest.approx(expected.score)  # by the script


@pytest.mark.parametrize(
    ("language", "said", "right", "tokenize"),
    [
        ("ja", "私は昨日、新しい本を買いました。", "私は昨日、古い本を買いました。", "ja-mecab"),
        ("ko", "나는 어제 새 책을 샀습니다.", "나는 어제 헌 책을 샀습니다.", "ko-mecab"),
        ("zh-TW", "我昨天買了一本新書。", "我昨天買了一本舊書。", "zh"),
        ("th", "เมื่อวานฉันซื้อหนังสือเล่มใหม่", "เมื่อวานฉันซื้อหนังสือเล่มเก่า", "char"),
        ("fr", "J'ai acheté un nouveau livre hier.", "J'ai acheté un vieux livre hier.", "13a"),
        ("ru", "Вчера я купил новую книгу.", "Вчера я купил старую книгу.", "13a"),
    ],
)
def test_bleu_is_tokenized_for_its_language_as_sacrebleu_recommends(
    run, tmp_path, language, said, right, tokenize
):
    path = write_rows(tmp_path / "a.jsonl", [{"translation": said, "target": right}])
    expected = sacrebleu.BLEU(tokenize=tokenize)
    score = expected.corpus_score([said], [[right]]).score
    for more in (["-t", language], []):  # the script of the references says enough
        record = record_of(run(*EVALUATE, "--predictions", path, *more))
        assert values(record)["bleu"] == pytest.approx(score)
        assert record["signatures"]["bleu"] == str(expected.get_signature())
    shown = run(*[word for word in EVALUATE if word != "--json"], "--predictions", path).stdout
    assert f"bleu: {expected.get_signature()}" in shown


def test_the_package_of_a_tokenizer_is_named_where_it_is_missing(run, tmp_path, monkeypatch):
    from llmcli.evaluation.metrics import bleu

    monkeypatch.setattr(bleu, "is_installed", lambda package: package != "MeCab")
    path = write_rows(tmp_path / "a.jsonl", [{"translation": "本", "target": "本"}])
    result = run(*EVALUATE, "--predictions", path, "-t", "ja")
    assert result.exit_code == 3
    assert (
        "the tokenizer ja-mecab needs the mecab package: pip install 'llmcli[mecab]'"
        in result.stderr
    )
