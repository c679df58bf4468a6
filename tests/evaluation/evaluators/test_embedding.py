"""Evaluation of embeddings against the command, scipy and plain numpy."""

import numpy as np
import pytest
from scipy import stats

from llmcli.data.rows import Row
from llmcli.evaluation.evaluation_set import EvaluationSet
from llmcli.spec import ModelSpec
from llmcli.spec.evaluation import EvaluateOptions
from llmcli.tasks.evaluate import evaluate, load
from tests.evaluation.reports import TEXTS, record_of, values, write_rows

EVALUATE = ["evaluate", "--json", "--task", "embedding"]


def vectors(run, tmp_path, model, texts):
    """Unit vectors of texts, by the command."""
    path = tmp_path / "vectors.npy"
    (tmp_path / "vectors.txt").write_text("\n".join(texts))
    words = ["embed", "-q", "-m", model, "-i", tmp_path / "vectors.txt", "-o", path]
    assert run(*words).exit_code == 0
    array = np.load(path)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def test_similarity_equals_the_command_and_scipy(run, tmp_path, tiny_encoder):
    first, second = TEXTS[:7], TEXTS[1:8]
    scores = [5.0, 1.0, 3.0, 3.0, 2.0, 4.0, 0.5]
    rows = [{"a": a, "b": b, "score": s} for a, b, s in zip(first, second, scores, strict=True)]
    path = write_rows(tmp_path / "pairs.csv", rows)
    columns = ["--column", "a", "--column", "b", "--label-column", "score"]
    record = record_of(run(*EVALUATE, "-m", tiny_encoder, "-i", path, *columns))
    of_all = vectors(run, tmp_path, tiny_encoder, TEXTS)
    similarities = (of_all[:7] * of_all[1:8]).sum(1)
    assert values(record) == pytest.approx(
        {
            "spearman": stats.spearmanr(similarities, scores).statistic,
            "pearson": stats.pearsonr(similarities, scores).statistic,
        },
        abs=1e-5,
    )


def test_retrieval_equals_the_command(run, tmp_path, tiny_encoder):
    # "a dog ran" has two right texts, and a text that is right for two queries counts once
    pairs = [(TEXTS[1], TEXTS[4]), (TEXTS[1], TEXTS[0]), (TEXTS[2], TEXTS[5]), (TEXTS[3], TEXTS[5])]
    rows = [{"query": query, "text": text} for query, text in pairs]
    path = write_rows(tmp_path / "pairs.jsonl", rows)
    record = record_of(run(*EVALUATE, "-m", tiny_encoder, "-i", path))
    of_all = vectors(run, tmp_path, tiny_encoder, TEXTS)
    similarities = of_all[[1, 2, 3]] @ of_all[[4, 0, 5]].T
    places = (-similarities).argsort(1).argsort(1) + 1
    ranks = [sorted(places[0, :2]), [places[1, 2]], [places[2, 2]]]
    assert values(record)["mrr"] == pytest.approx(np.mean([1 / min(own) for own in ranks]))
    at_one = [np.mean([rank <= 1 for rank in own]) for own in ranks]
    assert values(record)["recall@1"] == pytest.approx(np.mean(at_one))
    assert values(record)["recall@5"] == 1
    assert (record["rows"], record["unit"]) == (3, "queries")
    assert record["settings"]["texts"] == 3
    assert all(mistake["said"].startswith("rank ") for mistake in record["mistakes"])


def test_progress_is_told_how_many_texts_will_come(tiny_encoder):
    totals = []

    def follow(results, total=None):
        results = list(results)
        totals.append((len(results), total))
        return iter(results)

    options = EvaluateOptions("embedding", bootstrap=0)
    rows = [Row(number, "who is it ?", pair=text) for number, text in enumerate(TEXTS[:3], 1)]
    rows.append(Row(4, "who is it ?", pair=" "))
    loaded = load(ModelSpec(str(tiny_encoder)), options)
    report = evaluate(loaded, EvaluationSet(rows, "rows"), options, follow=follow)
    assert totals == [(1, 1), (3, 3)]
    assert (report.rows, report.rows_read) == (1, 4)
    assert report.notes == ("row 4: one of its texts is empty",)
