"""evaluate and compare: by hand, against the commands themselves, and against other libraries."""

import csv
import json
import math

import numpy as np
import pytest
import sacrebleu
from scipy import stats
from sklearn import metrics as sklearn

from llmcli.errors import InputError
from llmcli.evaluation.examples import Example
from llmcli.spec.tasks import EvaluateOptions
from llmcli.tasks.compare import compare
from llmcli.tasks.evaluate import evaluate
from tests.tiny_models import STORY

TEXTS = [
    "the cat sat on mats",
    "a dog ran",
    "who is it ?",
    "it is good .",
    "bad dog",
    "where is this cat ?",
    "this is a good dog . it sat on mats .",
    "mats",
]
GOLD = ["sad", "glad", "mad", "glad", "sad", "glad", "mad", "sad"]
LEVELS = ["easy", "hard"] * 4
CLASSIFICATION = EvaluateOptions("classification")


def write_rows(path, rows):
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return path


def report(result):
    assert result.exit_code in (0, 1), result.output
    (record,) = json.loads(result.stdout)
    return record


def values(record):
    return {name: one["value"] for name, one in record["metrics"].items()}


def examples(gold, said, sure=None, **more):
    sure = sure or [None] * len(gold)
    return [
        Example(number, f"text {number}", g, s, c, number, **more)
        for number, (g, s, c) in enumerate(zip(gold, said, sure, strict=True), 1)
    ]


# By hand


def test_what_is_told_of_a_classification():
    made = examples(list("aabb"), list("abbb"), [0.9, 0.8, 0.7, 0.6])
    found = evaluate(made, CLASSIFICATION, ["a", "b"])
    told = {one.name: one.value for one in found.measures}
    assert told["accuracy"] == 3 / 4
    assert told["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert told["calibration_error"] == pytest.approx((0.1 + 0.8 + 0.3 + 0.4) / 4)
    assert found.confusion == ((1, 1), (0, 2))
    (mistake,) = found.mistakes
    assert (mistake.row, mistake.expected, mistake.said) == (2, "a", "b")
    for one in found.measures:
        assert one.low <= one.value <= one.high


def test_the_mistakes_that_the_model_was_surest_of_come_first():
    made = examples(list("aaaa"), list("bbab"), [0.6, 0.9, 1.0, 0.7])
    found = evaluate(made, EvaluateOptions("classification", mistakes=2), ["a", "b"])
    assert [one.row for one in found.mistakes] == [2, 4]


def test_slices_by_column_and_length():
    made = [
        Example(n, "", "a", said, None, length, (level,))
        for n, (said, length, level) in enumerate(
            [("a", 1, "x"), ("b", 2, "x"), ("a", 30, "y"), ("a", 40, "x")], 1
        )
    ]
    found = evaluate(made, EvaluateOptions("classification", by=("level", "length")), ["a", "b"])
    told = [(one.by, one.value, one.rows, one.measures[0].value) for one in found.slices]
    assert told == [
        ("level", "x", 3, 2 / 3),
        ("level", "y", 1, 1),
        ("length", "1", 1, 1),
        ("length", "2", 1, 0),
        ("length", "30", 1, 1),
        ("length", "40", 1, 1),
    ]


def test_intervals_are_repeatable_and_can_be_left_out():
    made = examples(list("ab" * 20), list("abab" * 5 + "bbbb" * 5))
    first, again, other = (
        evaluate(made, EvaluateOptions("classification", seed=seed), ["a", "b"]).measures[1]
        for seed in (1, 1, 2)
    )
    assert first == again != other
    none = evaluate(made, EvaluateOptions("classification", bootstrap=0), ["a", "b"]).measures[0]
    assert (none.low, none.high) == (None, None)


def test_tags():
    gold = [("B-PER", "I-PER", "O"), ("O", "B-LOC")]
    said = [("B-PER", "O", "O"), ("O", "B-LOC")]
    found = evaluate(examples(gold, said), EvaluateOptions("token-classification"))
    told = {one.name: one.value for one in found.measures}
    assert told == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "tag_accuracy": 4 / 5}
    with pytest.raises(InputError, match="line 1: 1 tags were predicted for 3"):
        evaluate(examples(gold[:1], [("O",)]), EvaluateOptions("token-classification"))


def test_compare_by_hand():
    gold = list("aaaaaaaa")
    first, second = examples(gold, list("aaaabbbb")), examples(gold, list("baaaaaab"))
    found = compare(first, second, CLASSIFICATION, ["a", "b"])
    accuracy = found.differences[0]
    assert (accuracy.a, accuracy.b, accuracy.difference) == (4 / 8, 6 / 8, 2 / 8)
    assert (found.mcnemar.only_a, found.mcnemar.only_b) == (1, 3)
    assert found.mcnemar.p == pytest.approx(stats.binomtest(1, 4).pvalue)
    assert [(one.row, one.change) for one in found.changed] == [
        (1, "wrong"),
        (5, "right"),
        (6, "right"),
        (7, "right"),
    ]
    assert (found.became_right, found.became_wrong) == (3, 1)


def test_the_same_rows_are_drawn_for_both():
    # b has exactly one row more: always a difference of 0 to a few rows, never below 0
    gold, draw = ["a"] * 50, np.random.default_rng(1)
    said = ["a" if one else "b" for one in draw.random(50) < 0.5]
    better = [*said]
    better[said.index("b")] = "a"
    found = compare(examples(gold, said), examples(gold, better), CLASSIFICATION, ["a", "b"])
    assert found.differences[0].low == 0
    assert found.differences[0].high <= 4 / 50
    same = compare(examples(gold, said), examples(gold, said), CLASSIFICATION, ["a", "b"])
    assert (same.differences[0].low, same.differences[0].high) == (0, 0)
    assert (same.mcnemar.p, same.changed) == (1, ())


def test_compare_refuses_rows_that_are_not_the_same():
    with pytest.raises(InputError, match="line 1 is 'a' for the first and 'b'"):
        compare(examples("a", "a"), examples("b", "a"), CLASSIFICATION, ["a", "b"])
    with pytest.raises(InputError, match="no row in common"):
        compare(examples("a", "a"), [], CLASSIFICATION, ["a", "b"])


# The commands


@pytest.fixture
def labelled(tmp_path):
    rows = [
        {"text": text, "label": label, "level": level}
        for text, label, level in zip(TEXTS, GOLD, LEVELS, strict=True)
    ]
    return write_rows(tmp_path / "gold.jsonl", rows)


def test_classification_equals_the_command_and_scikit_learn(
    run, tmp_path, labelled, tiny_classifier
):
    direct = report(
        run("evaluate", "--task", "classification", "-m", tiny_classifier, "-i", labelled, "--json")
    )
    saved = tmp_path / "saved.jsonl"
    assert run("classify", "-q", "-m", tiny_classifier, "-i", labelled, "-o", saved).exit_code == 0
    for more in ([], ["-i", labelled]):
        words = ["--task", "classification", "--predictions", saved, "--json", *more]
        again = report(run("evaluate", *words))
        for name in ("metrics", "classes", "confusion", "mistakes"):
            assert again[name] == direct[name]
    said = [json.loads(line)["label"] for line in saved.read_text().splitlines()]
    assert len(set(said)) > 1
    assert values(direct)["accuracy"] == sklearn.accuracy_score(GOLD, said)
    assert values(direct)["macro_f1"] == pytest.approx(
        sklearn.f1_score(GOLD, said, average="macro")
    )
    labels = direct["labels"]
    assert direct["confusion"] == sklearn.confusion_matrix(GOLD, said, labels=labels).tolist()


@pytest.mark.parametrize("kind", ["csv", "parquet", "json"])
def test_saved_predictions_of_every_format(run, tmp_path, labelled, tiny_classifier, kind):
    plain, other = tmp_path / "a.jsonl", tmp_path / f"a.{kind}"
    for path in (plain, other):
        run("classify", "-q", "-m", tiny_classifier, "-i", labelled, "-o", path)
    words = ["--task", "classification", "--by", "level", "--json", "--predictions"]
    first, second = (report(run("evaluate", *words, path)) for path in (plain, other))
    assert second["metrics"] == first["metrics"] and second["slices"] == first["slices"]
    assert [one["value"] for one in first["slices"]] == ["easy", "hard"]


def test_limit_takes_the_first_rows(run, labelled, tiny_classifier):
    words = ["evaluate", "--task", "classification", "-m", tiny_classifier, "-i", labelled]
    found = report(run(*words, "--limit", 3, "--json"))
    assert found["rows"] == sum(map(sum, found["confusion"])) == 3


def test_rows_without_a_prediction_fail(run, tmp_path, labelled):
    rows = [{"row": 2, "label": "glad"}, {"row": 4, "error": "too long"}]
    path = write_rows(tmp_path / "a.jsonl", rows)
    words = ["--task", "classification", "--predictions", path, "-i", labelled, "--limit", 4]
    result = run("evaluate", *words, "--json")
    assert result.exit_code == 1
    assert (report(result)["rows"], report(result)["failed"]) == (1, 3)
    assert "[row 1: no prediction in the file]" in result.stderr
    assert "[row 4: too long]" in result.stderr


def test_predictions_from_a_pipe_whose_scores_are_no_numbers(run):
    lines = '{"label": "a", "input_label": "b", "score": NaN}\n{"label": "a", "input_label": "a"}\n'
    words = ["evaluate", "--task", "classification", "--predictions", "-", "--json"]
    result = run(*words, input=lines)
    assert values(report(result)) == {"accuracy": 0.5, "macro_f1": pytest.approx(1 / 3)}
    assert report(result)["mistakes"][0]["confidence"] is None


def test_labels_may_be_numbers_or_called_otherwise(run, tmp_path, labelled, tiny_classifier):
    words = ["evaluate", "--task", "classification", "-m", tiny_classifier, "--json", "-i"]
    expected = report(run(*words, labelled))["confusion"]
    numbers = {"sad": 0, "glad": 1, "mad": 2}
    for name, calls in (("n", numbers), ("u", {one: one.upper() for one in numbers})):
        rows = [{"text": t, "label": calls[g]} for t, g in zip(TEXTS, GOLD, strict=True)]
        path = write_rows(tmp_path / f"{name}.jsonl", rows)
        assert report(run(*words, path))["confusion"] == expected
    rows = [{"text": t, "mood": f"x{g}"} for t, g in zip(TEXTS, GOLD, strict=True)]
    path = write_rows(tmp_path / "m.csv", rows)
    renamed = ["--label-column", "mood", "--label-map", "xsad=sad,xglad=glad,xmad=mad"]
    assert report(run(*words, path, *renamed))["confusion"] == expected


def test_rows_that_fail_are_told_and_the_others_measured(run, tmp_path, tiny_classifier):
    rows = [
        {"text": "a dog", "label": "sad"},
        {"text": "", "label": "sad"},
        {"text": "a cat", "label": "happy"},
        {"text": "a cat"},
    ]
    path = write_rows(tmp_path / "a.jsonl", rows)
    result = run("evaluate", "--task", "classification", "-m", tiny_classifier, "-i", path)
    assert result.exit_code == 1
    assert "1 rows of" in result.stdout and "3 failed" in result.stdout
    assert "[row 2: the text is empty]" in result.stderr
    assert "[row 4: no field 'label'" in result.stderr
    assert "the label 'happy' is none of the model's (sad, glad, mad)" in result.stderr
    assert "3 of 4 rows failed" in result.stderr


CONTEXT = "the cat sat on mats . a dog ran ."


def test_answers_equal_the_command(run, tmp_path, tiny_reader):
    asked = ["who sat ?", "who ran ?", "where is it ?"]
    right = [["the cat", "cat"], ["a dog"], ["on mats", "mats"]]
    rows = [
        {"id": f"q{n}", "question": q, "context": CONTEXT, "answers": {"text": a}}
        for n, (q, a) in enumerate(zip(asked, right, strict=True))
    ]
    flat = write_rows(tmp_path / "flat.jsonl", rows)
    qas = [
        {"id": f"q{n}", "question": q, "answers": [{"text": one} for one in a]}
        for n, (q, a) in enumerate(zip(asked, right, strict=True))
    ]
    nested = tmp_path / "squad.json"
    data = [{"title": "cats", "paragraphs": [{"context": CONTEXT, "qas": qas}]}]
    nested.write_text(json.dumps({"data": data}))
    words = ["evaluate", "--task", "question-answering", "--json"]
    direct = [report(run(*words, "-m", tiny_reader, "-i", path)) for path in (flat, nested)]
    assert direct[0]["metrics"] == direct[1]["metrics"]

    saved = tmp_path / "saved.jsonl"
    columns = ["--column", "question", "--column", "context"]
    run("answer", "-q", "-m", tiny_reader, "-i", flat, *columns, "-o", saved)
    assert report(run(*words, "--predictions", saved))["metrics"] == direct[0]["metrics"]
    said = {
        record["id"]: record["answer"] for record in map(json.loads, saved.read_text().splitlines())
    }
    official = tmp_path / "official.json"
    official.write_text(json.dumps(dict(reversed(said.items()))))
    joined = report(run(*words, "--predictions", official, "-i", nested, "--by", "title"))
    assert values(joined) == values(direct[0])
    assert joined["slices"][0]["value"] == "cats"


def test_no_answer_is_right_where_there_is_none(run, tmp_path):
    rows = [
        {"question": "a", "context": "b", "answers": {"text": []}, "said": None},
        {"question": "a", "context": "b", "answers": {"text": ["b"]}, "said": None},
        {"question": "a", "context": "b", "answers": {"text": ["the big cat"]}, "said": "big"},
    ]
    path = write_rows(tmp_path / "a.jsonl", rows)
    words = ["--task", "question-answering", "--predictions", path, "--prediction-column", "said"]
    found = report(run("evaluate", *words, "--json"))
    assert values(found) == pytest.approx(
        {"exact_match": 100 / 3, "f1": 100 * (1 + 0 + 2 / 3) / 3}  # big cat: 1/1 and 1/2
    )


def test_answers_without_spaces_are_compared_by_character(run, tmp_path):
    rows = [{"question": "a", "context": "b", "answer": "看电影", "answers": ["去看电影"]}]
    path = write_rows(tmp_path / "a.jsonl", rows)
    words = ["evaluate", "--task", "question-answering", "--predictions", path, "--json"]
    words += ["--prediction-column", "answer"]
    assert values(report(run(*words))) == {"exact_match": 0, "f1": 0}
    found = values(report(run(*words, "--characters")))
    assert found["f1"] == pytest.approx(100 * 2 * 3 / (3 + 4))


def test_translations_equal_the_command_and_sacrebleu(run, tmp_path, tiny_marian):
    sources = ["the cat sat on a mat.", "Once upon a time.", "hello cat! the moon."]
    right = ["Le chat est sur le tapis.", "Bonjour, mes amis !", "le chat"]
    rows = [{"en": a, "fr": b} for a, b in zip(sources, right, strict=True)]
    path, saved = write_rows(tmp_path / "a.csv", rows), tmp_path / "saved.jsonl"
    words = ["evaluate", "--task", "translation", "--target-column", "fr", "--json"]
    direct = report(run(*words, "-m", tiny_marian, "-i", path, "--column", "en"))
    run("translate", "-q", "-m", tiny_marian, "-i", path, "--column", "en", "-o", saved)
    again = report(run(*words, "--predictions", saved))
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
    found = report(run("evaluate", "--task", "translation", "--predictions", path, "--json"))
    assert (found["rows"], values(found)["chrf"]) == (1, 100)


def test_chinese_is_cut_into_characters(run, tmp_path):
    rows = [{"text": "a", "translation": "我明天要去看电影", "target": "我今天要去看电影"}]
    path = write_rows(tmp_path / "a.jsonl", rows)
    words = ["evaluate", "--task", "translation", "--predictions", path, "--json"]
    chinese, other = report(run(*words, "-t", "Chinese")), report(run(*words))
    expected = sacrebleu.BLEU(tokenize="zh").corpus_score(
        [rows[0]["translation"]], [[rows[0]["target"]]]
    )
    assert values(chinese)["bleu"] == pytest.approx(expected.score)
    assert values(other)["bleu"] == 0  # one word of eight characters, and not the right one


def vectors(run, tmp_path, model, texts):
    path = tmp_path / "vectors.npy"
    (tmp_path / "vectors.txt").write_text("\n".join(texts))
    words = ["embed", "-q", "-m", model, "-i", tmp_path / "vectors.txt", "-o", path]
    assert run(*words).exit_code == 0
    found = np.load(path)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_similarity_equals_the_command_and_scipy(run, tmp_path, tiny_encoder):
    first, second = TEXTS[:7], TEXTS[1:8]
    scores = [5.0, 1.0, 3.0, 3.0, 2.0, 4.0, 0.5]
    rows = [{"a": a, "b": b, "score": s} for a, b, s in zip(first, second, scores, strict=True)]
    path = write_rows(tmp_path / "pairs.csv", rows)
    words = ["evaluate", "--task", "embedding", "-m", tiny_encoder, "-i", path, "--json"]
    found = report(run(*words, "--column", "a", "--column", "b", "--label-column", "score"))
    one = vectors(run, tmp_path, tiny_encoder, first)
    other = vectors(run, tmp_path, tiny_encoder, second)
    alike = (one * other).sum(1)
    assert values(found) == pytest.approx(
        {
            "spearman": stats.spearmanr(alike, scores).statistic,
            "pearson": stats.pearsonr(alike, scores).statistic,
        },
        abs=1e-5,
    )


def test_retrieval_equals_the_command(run, tmp_path, tiny_encoder):
    # "a dog ran" has two right texts, and a text that is right for two queries counts once
    pairs = [(TEXTS[1], TEXTS[4]), (TEXTS[1], TEXTS[0]), (TEXTS[2], TEXTS[5]), (TEXTS[3], TEXTS[5])]
    rows = [{"query": query, "text": text} for query, text in pairs]
    path = write_rows(tmp_path / "pairs.jsonl", rows)
    words = ["evaluate", "--task", "embedding", "-m", tiny_encoder, "-i", path, "--json"]
    found = report(run(*words))
    texts = [TEXTS[4], TEXTS[0], TEXTS[5]]
    alike = vectors(run, tmp_path, tiny_encoder, [TEXTS[1], TEXTS[2], TEXTS[3]])
    alike = alike @ vectors(run, tmp_path, tiny_encoder, texts).T
    places = (-alike).argsort(1).argsort(1) + 1
    ranks = [sorted(places[0, :2]), [places[1, 2]], [places[2, 2]]]
    assert values(found)["mrr"] == pytest.approx(np.mean([1 / min(one) for one in ranks]))
    at_one = [np.mean([rank <= 1 for rank in one]) for one in ranks]
    assert values(found)["recall@1"] == pytest.approx(np.mean(at_one))
    assert values(found)["recall@5"] == 1
    assert (found["rows"], found["unit"]) == (3, "queries")
    assert found["settings"]["texts"] == 3


def test_perplexity_of_rows_and_of_a_document(run, tmp_path, tiny_gpt2, gpt2):
    text = tmp_path / "a.txt"
    text.write_text(STORY * 4)
    words = ["evaluate", "--task", "causal-lm", "-m", tiny_gpt2, "--json", "-i"]
    whole = report(run(*words, text, "--baseline", "ngram"))
    assert (whole["rows"], whole["unit"], whole["settings"]["stride"]) == (4, "lines", 32)
    assert values(whole)["byte_perplexity"] == pytest.approx(2 ** values(whole)["bits_per_byte"])
    assert values(report(run(*words, "-", input=STORY * 4))) == values(whole)
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
    each = report(run(*words, rows, "--by", "from", "--by", "length"))
    assert each["rows"] == 2 and len(each["slices"]) == 2
    train = ["--baseline", "ngram", "--baseline-train", text, "--ngram-order", "2"]
    known = report(run(*words, rows, *train))
    assert known["baseline"]["perplexity"]["value"] < 3  # it knows the text by heart


def test_compare_models_and_files(run, tmp_path, labelled, tiny_classifier):
    saved = tmp_path / "saved.jsonl"
    run("classify", "-q", "-m", tiny_classifier, "-i", labelled, "-o", saved)
    words = ["compare", "--task", "classification", "--json", "-i", labelled]
    same = report(run(*words, tiny_classifier, saved))
    assert same["mcnemar"] == {"only_a": 0, "only_b": 0, "p": 1.0}
    assert same["metrics"]["accuracy"]["difference"] == 0 and same["changed"] == []
    right = [{"row": n, "label": g, "score": 1.0} for n, g in enumerate(GOLD, 1)]
    perfect = write_rows(tmp_path / "perfect.jsonl", right)
    found = report(run(*words, saved, perfect, "--rows", 2))
    assert found["metrics"]["accuracy"]["b"] == 1
    assert found["became_right"] == found["mcnemar"]["only_b"] > 2 == len(found["changed"])
    assert found["changed"][0]["b"] == found["changed"][0]["expected"]


def test_compare_perplexities(run, tmp_path, tiny_gpt2, tiny_chat):
    path = tmp_path / "a.txt"
    path.write_text(STORY * 3)
    found = report(
        run("compare", "--task", "causal-lm", "--json", "-i", path, tiny_gpt2, tiny_chat)
    )
    bits = found["metrics"]["bits_per_byte"]
    assert bits["difference"] == pytest.approx(bits["b"] - bits["a"])
    assert found["mcnemar"] is None and found["better"] + found["worse"] == 3


def test_the_report_is_a_file_whole_or_not_at_all(run, tmp_path, labelled, tiny_classifier):
    words = ["evaluate", "-q", "--task", "classification", "-m", tiny_classifier, "-i", labelled]
    for name in ("a.txt", "a.json", "a.jsonl"):
        assert run(*words, "-o", tmp_path / name).stdout == ""
    assert "accuracy" in (tmp_path / "a.txt").read_text()
    (array,) = json.loads((tmp_path / "a.json").read_text())
    assert array == json.loads((tmp_path / "a.jsonl").read_text())
    failed = run(*words, "--label-column", "nothing", "-o", tmp_path / "b.txt")
    assert failed.exit_code == 3 and not list(tmp_path.glob("b.*"))


def test_tags_from_a_file(run, tmp_path):
    rows = [
        {"text": "Tom is here", "tags": ["B-PER", "O", "O"], "predicted_tags": "B-PER O B-LOC"},
        {"text": "in Rome", "tags": ["O", "B-LOC"], "predicted_tags": ["O", "B-LOC"]},
    ]
    path = write_rows(tmp_path / "a.jsonl", rows)
    words = ["evaluate", "--task", "token-classification", "--predictions", path]
    found = report(run(*words, "--json"))
    assert values(found) == pytest.approx(
        {"precision": 2 / 3, "recall": 1, "f1": 4 / 5, "tag_accuracy": 4 / 5}
    )
    text = run(*words).stdout
    assert "LOC" in text and "0.6667" in text and "worst rows" in text
