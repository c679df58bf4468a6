"""Each metric: an example worked by hand, then another implementation on varied data."""

import math
import warnings

import numpy as np
import pytest
import sacrebleu
from scipy import stats
from sklearn import metrics as sklearn

from llmcli.evaluation import metrics

LABELS = ["a", "b", "c"]
DRAW = np.random.default_rng(7)
GOLD = [LABELS[at] for at in DRAW.choice(3, 400, p=[0.6, 0.3, 0.1])]
SAID = [g if DRAW.random() < 0.7 else LABELS[DRAW.integers(3)] for g in GOLD]
SURE = DRAW.beta(4, 2, 400)


def test_class_scores_by_hand():
    gold, said = ["a", "a", "a", "b", "b", "c"], ["a", "a", "b", "b", "a", "a"]
    matrix = metrics.confusion_matrix(gold, said, LABELS)
    assert matrix.tolist() == [[2, 1, 0], [1, 1, 0], [1, 0, 0]]
    assert metrics.accuracy(gold, said) == 3 / 6
    a, b, c = metrics.class_scores(matrix, LABELS)
    assert (a.precision, a.recall, a.f1, a.support) == (2 / 4, 2 / 3, 4 / 7, 3)
    assert (b.precision, b.recall, b.f1, b.support) == (1 / 2, 1 / 2, 1 / 2, 2)
    assert (c.precision, c.recall, c.f1, c.support) == (0, 0, 0, 1)  # never said
    assert metrics.macro_f1(matrix) == pytest.approx((4 / 7 + 1 / 2 + 0) / 3)


def test_classes_equal_scikit_learn():
    matrix = metrics.confusion_matrix(GOLD, SAID, LABELS)
    assert (matrix == sklearn.confusion_matrix(GOLD, SAID, labels=LABELS)).all()
    assert metrics.accuracy(GOLD, SAID) == sklearn.accuracy_score(GOLD, SAID)
    assert metrics.macro_f1(matrix) == pytest.approx(sklearn.f1_score(GOLD, SAID, average="macro"))
    expected = zip(*sklearn.precision_recall_fscore_support(GOLD, SAID, labels=LABELS), strict=True)
    for ours, theirs in zip(metrics.class_scores(matrix, LABELS), expected, strict=True):
        assert (ours.precision, ours.recall, ours.f1, ours.support) == pytest.approx(theirs)


def test_a_class_that_is_nowhere_is_left_out_of_the_mean():
    matrix = metrics.confusion_matrix(["a", "b"], ["a", "a"], LABELS)
    expected = sklearn.f1_score(["a", "b"], ["a", "a"], average="macro")
    assert metrics.macro_f1(matrix) == pytest.approx(expected)


def test_calibration_error_by_hand():
    # (13/15, 14/15]: two rows, mean 0.9, half of them right; (7/15, 8/15]: one, 0.5, right
    assert metrics.calibration_error([0.88, 0.92, 0.5], [True, False, True]) == pytest.approx(
        2 / 3 * abs(0.5 - 0.9) + 1 / 3 * abs(1 - 0.5)
    )


def test_calibration_error_equals_a_plain_loop():
    right = DRAW.random(400) < SURE
    expected = 0.0
    for n in range(15):
        here = (n / 15 < SURE) & ((n + 1) / 15 >= SURE)
        if here.any():
            expected += here.mean() * abs(right[here].mean() - SURE[here].mean())
    assert metrics.calibration_error(SURE, right) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("said", "gold", "exact", "f1"),
    [
        ("the Jane Austen.", ["Jane Austen"], 1, 1),
        ("Jane", ["Jane Austen"], 0, 2 / 3),
        ("by Jane Austen, in 1815", ["Austen", "1815", "Jane Austen"], 0, 4 / 7),
        ("Tom", ["Jane"], 0, 0),
        ("", [], 1, 1),
        ("Tom", [], 0, 0),
        ("", ["Jane"], 0, 0),
        ("cat cat", ["cat"], 0, 2 / 3),
        ("anthem", ["them"], 0, 0),
        ("the", ["a"], 1, 1),
    ],
)
def test_answers_by_hand(said, gold, exact, f1):
    assert metrics.exact_match(said, gold) == exact
    assert metrics.answer_f1(said, gold) == pytest.approx(f1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("An  A-team; the «the» (a.b)", "ateam « » ab"),
        ("ÀTHE the\tLa", "àthe la"),
        ("don't", "dont"),
        ("…a…", "… …"),
    ],
)
def test_answers_are_normalized_as_by_the_official_script(text, expected):
    assert metrics.normalize_answer(text) == expected  # what that script gives


FRENCH = ["Le chat est sur le tapis .", "Il fait beau aujourd'hui !", "Bonjour", "Oui, merci."]
REFERENCES = ["Le chat est assis sur le tapis.", "Il fait beau aujourd'hui.", "Salut", "Oui !"]


def test_translations_equal_sacrebleu():
    made = metrics.Translations(FRENCH, [[one] for one in REFERENCES], "13a")
    rows = np.array([0, 1, 3, 3])  # a row may be drawn twice
    bleu = sacrebleu.BLEU()
    chrf = sacrebleu.CHRF()
    some, right = [FRENCH[at] for at in rows], [[REFERENCES[at] for at in rows]]
    assert made.scores(rows) == pytest.approx(
        (bleu.corpus_score(some, right).score, chrf.corpus_score(some, right).score)
    )
    assert made.signatures["bleu"] == str(bleu.get_signature())
    assert made.signatures["chrf"] == str(chrf.get_signature())
    assert metrics.bleu_and_chrf(FRENCH, REFERENCES) == made.scores(np.arange(4))


def test_bleu_by_hand():
    # 5 words for 6; of 5, 4, 3, 2 n-grams 5, 3, 2, 1 are in the reference
    precisions = math.prod([5 / 5, 3 / 4, 2 / 3, 1 / 2]) ** (1 / 4)
    bleu, _ = metrics.bleu_and_chrf(["the cat sat on mat"], ["the cat sat on the mat"])
    assert bleu == pytest.approx(100 * precisions * math.exp(1 - 6 / 5))


def test_several_references_equal_sacrebleu():
    made = metrics.Translations(FRENCH[:2], [REFERENCES[:1], ["Il fait beau.", FRENCH[1]]], "13a")
    streams = [[REFERENCES[0], "Il fait beau."], [None, FRENCH[1]]]
    expected = sacrebleu.BLEU().corpus_score(FRENCH[:2], streams).score
    assert made.scores(np.arange(2))[0] == pytest.approx(expected)


TAGS = [
    ["B-PER", "I-PER", "O", "B-LOC"],
    ["I-LOC", "I-LOC", "I-PER", "O", "B-PER", "B-PER"],
    ["O", "O"],
    ["B-LOC", "I-PER", "I-LOC", "O"],
]
TAGGED = [
    ["B-PER", "I-PER", "O", "B-ORG"],
    ["B-LOC", "I-LOC", "B-PER", "O", "B-PER", "I-PER"],
    ["B-LOC", "O"],
    ["B-LOC", "I-LOC", "I-LOC", "O"],
]


def test_entities_by_hand():
    gold, said = [["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "O", "O", "B-LOC"]]
    together, each = metrics.entity_scores(gold, said)
    assert together == (1 / 2, 1 / 2, 1 / 2)
    assert [(one.label, one.f1, one.support) for one in each] == [("LOC", 1, 1), ("PER", 0, 1)]


def test_entities_equal_seqeval():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from seqeval import metrics as seqeval

        expected = [
            getattr(seqeval, f"{name}_score")(TAGS, TAGGED) for name in ("precision", "recall")
        ]
        f1 = seqeval.f1_score(TAGS, TAGGED)
        report = seqeval.classification_report(TAGS, TAGGED, output_dict=True, zero_division=0)
    together, each = metrics.entity_scores(TAGS, TAGGED)
    assert together == pytest.approx((*expected, f1))
    for one in each:
        theirs = report[one.label]
        assert (one.precision, one.recall, one.f1, one.support) == pytest.approx(
            (theirs["precision"], theirs["recall"], theirs["f1-score"], theirs["support"])
        )


def test_retrieval_by_hand():
    ranks = metrics.ranks_of(np.array([0.3, 0.9, 0.2, 0.8]), [0, 1])
    assert ranks == [1, 3]
    assert [metrics.recall_at(ranks, k) for k in (1, 2, 3)] == [1 / 2, 1 / 2, 1]
    assert metrics.reciprocal_rank([3, 4]) == 1 / 3
    assert metrics.ranks_of(np.zeros(4), [1]) == [4]  # a model that says nothing has no luck


def test_reciprocal_ranks_equal_scikit_learn():
    scores = DRAW.random((20, 30))
    relevant = DRAW.integers(0, 30, 20)
    truth = np.zeros((20, 30))
    truth[np.arange(20), relevant] = 1
    ranks = [metrics.ranks_of(row, [at]) for row, at in zip(scores, relevant.tolist(), strict=True)]
    mine = np.mean([metrics.reciprocal_rank(one) for one in ranks])
    assert mine == pytest.approx(sklearn.label_ranking_average_precision_score(truth, scores))
    top = np.mean([metrics.recall_at(one, 5) for one in ranks])
    assert top == pytest.approx(
        sklearn.top_k_accuracy_score(relevant, scores, k=5, labels=range(30))
    )


def test_correlations_equal_scipy_with_ties():
    x = DRAW.integers(0, 9, 60)
    y = x + DRAW.normal(0, 3, 60)
    assert metrics.pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic)
    assert metrics.spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    assert metrics.pearson([1, 2], [3, 5]) == pytest.approx(1)
    assert math.isnan(metrics.pearson([1, 1], [1, 2])) and math.isnan(metrics.pearson([1], [1]))


def test_a_bootstrap_interval_is_near_that_of_theory():
    sample = DRAW.normal(0, 1, 500)
    (found,) = metrics.bootstrap(lambda rows: [sample[rows].mean()], 500, times=4000, seed=1)
    error = sample.std() / math.sqrt(500)
    assert found.low == pytest.approx(sample.mean() - 1.96 * error, abs=0.1 * error)
    assert found.high == pytest.approx(sample.mean() + 1.96 * error, abs=0.1 * error)


def test_a_bootstrap_is_repeatable_and_equals_scipy():
    sample = DRAW.exponential(1, 200)

    def mean(rows):
        return [sample[rows].mean(), math.nan]

    one, nothing = metrics.bootstrap(mean, 200, times=3000, seed=5)
    assert [one] == metrics.bootstrap(mean, 200, times=3000, seed=5)[:1]
    assert math.isnan(nothing.low)
    theirs = stats.bootstrap((sample,), np.mean, n_resamples=3000, method="percentile", rng=2)
    assert one.low == pytest.approx(theirs.confidence_interval.low, rel=0.02)
    assert one.high == pytest.approx(theirs.confidence_interval.high, rel=0.02)


@pytest.mark.parametrize(("b", "c"), [(0, 0), (1, 5), (5, 1), (3, 3), (40, 70), (900, 1000)])
def test_mcnemar_equals_the_binomial_test(b, c):
    expected = stats.binomtest(min(b, c), b + c).pvalue if b + c else 1
    assert metrics.mcnemar(b, c) == pytest.approx(expected)
    assert (
        metrics.mcnemar(0, 3) == 2 / 8
    )  # three tosses on one side: 1/8, and as much for the other


def test_nothing_is_needed_to_import_the_metrics_but_numpy():
    import subprocess
    import sys

    code = (
        "import sys, llmcli.evaluation.metrics; print(sys.modules.keys() & {'torch', 'sacrebleu'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n"
