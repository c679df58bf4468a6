"""How often the intervals that evaluate and compare print hold the true value.

    python benchmarks/interval_coverage.py [--trials 400] [--bootstrap 400] [--task T] [--out FILE]

Samples are drawn from distributions of which 20,000 rows stand for all; each sample is measured as
`evaluate` does it. Prints a table: the share of the intervals that hold the
value, and of the samples for which one is printed. Exits with 1 if a mean is below 93 percent.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from llmcli.evaluation.evaluators.causal_lm import PerplexityScorer
from llmcli.evaluation.evaluators.classification import ClassificationScorer
from llmcli.evaluation.evaluators.embedding import RetrievalScorer, SimilarityScorer
from llmcli.evaluation.evaluators.question_answering import AnswerScorer
from llmcli.evaluation.evaluators.regression import NumberScorer
from llmcli.evaluation.evaluators.token_classification import EntityScorer
from llmcli.evaluation.evaluators.translation import TranslationScorer
from llmcli.evaluation.examples import Example
from llmcli.evaluation.measuring import measures
from llmcli.evaluation.perplexity import Surprisal
from llmcli.spec.evaluation import EvaluateOptions
from llmcli.tasks.compare import _differences

ALL = 20_000
DRAW = np.random.default_rng(0)
WORDS = [f"w{at}" for at in range(50)]


def example(expected, predicted, confidence=None):
    return Example(0, "", expected, predicted, confidence, 0)


def labels(accuracy, classes=3):
    """Rows whose label is right with this probability."""

    def draw(rows):
        gold = DRAW.choice(
            classes, rows, p=np.array([3, 2, 1][:classes]) / sum([3, 2, 1][:classes])
        )
        wrong = (gold + DRAW.integers(1, classes, rows)) % classes
        said = np.where(DRAW.random(rows) < accuracy, gold, wrong)
        return [example(str(a), str(b)) for a, b in zip(gold, said, strict=True)]

    return draw


def answers(accuracy):
    def draw(rows):
        right = DRAW.random(rows) < accuracy
        part = DRAW.random(rows) < 0.5
        said = [
            "a b c" if ok else "a d" if near else "x" for ok, near in zip(right, part, strict=True)
        ]
        return [example(["a b c"], text) for text in said]

    return draw


def numbers(correlation):
    def draw(rows):
        gold = DRAW.normal(size=rows)
        noise = DRAW.normal(size=rows)
        said = correlation * gold + np.sqrt(1 - correlation**2) * noise
        return [example(a, b) for a, b in zip(gold.tolist(), said.tolist(), strict=True)]

    return draw


def texts(rows):
    """Surprisals of lines of different lengths."""
    tokens = 3 + DRAW.poisson(20, rows)
    nats = tokens * DRAW.gamma(9, 3.2 / 9, rows)
    return [
        example(None, Surprisal(float(n), int(t), int(t), int(4 * t)))
        for n, t in zip(nats, tokens, strict=True)
    ]


def queries(share):
    def draw(rows):
        first = DRAW.random(rows) < share
        later = DRAW.geometric(0.15, rows) + 1
        return [
            example(None, (1,) if ok else (int(at),)) for ok, at in zip(first, later, strict=True)
        ]

    return draw


def entities(share):
    """Sentences with up to three entities, each found with this probability."""

    def draw(rows):
        made = []
        for count in DRAW.integers(0, 4, rows):
            gold, said = [], []
            for found in DRAW.random(count) < share:
                gold += ["B-A", "O"]
                said += ["B-A" if found else "O", "B-A" if DRAW.random() > 0.95 else "O"]
            made.append(example(tuple(gold or ["O"]), tuple(said or ["O"])))
        return made

    return draw


def translations(share):
    """Sentences of which each word is right with this probability."""

    def draw(rows):
        made = []
        for size in 6 + DRAW.poisson(8, rows):
            gold = DRAW.choice(WORDS, size)
            said = np.where(DRAW.random(size) < share, gold, DRAW.choice(WORDS, size))
            made.append(example([" ".join(gold)], " ".join(said)))
        return made

    return draw


def classification(rows):
    return ClassificationScorer(rows, ["0", "1", "2"])


def answering(rows):
    return AnswerScorer(rows, characters=False)


def translating(rows):
    return TranslationScorer(rows, "13a")


CASES = [
    *(
        ("classification", f"accuracy {p}", labels(p), classification)
        for p in (0.5, 0.8, 0.95, 0.99)
    ),
    *(("question answering", f"exact {p}", answers(p), answering) for p in (0.3, 0.8, 0.98)),
    *(("regression", f"correlation {r}", numbers(r), NumberScorer) for r in (0.0, 0.5, 0.9)),
    *(("similarity", f"correlation {r}", numbers(r), SimilarityScorer) for r in (0.3, 0.8)),
    ("perplexity", "lines", texts, PerplexityScorer),
    *(("retrieval", f"first {p}", queries(p), RetrievalScorer) for p in (0.2, 0.7, 0.97)),
    *(("tagging", f"found {p}", entities(p), EntityScorer) for p in (0.5, 0.9)),
    *(("translation", f"words {p}", translations(p), translating) for p in (0.5, 0.8)),
]
SIZES = (20, 50, 200)


def covered(draw, scorer, rows, options, trials):
    """For each metric: the share of printed intervals that hold the value, and of those printed."""
    truth = scorer(draw(ALL))
    values = dict(zip(truth.names, truth.scores(np.arange(ALL)), strict=True))
    held = {name: [] for name in truth.names}
    for _ in range(trials):
        for measure in measures(scorer(draw(rows)), rows, options):
            if measure.low is not None:
                held[measure.name].append(measure.low <= values[measure.name] <= measure.high)
    return {
        name: (np.mean(each) if each else None, len(each) / trials) for name, each in held.items()
    }


def differences(first, second):
    """Two models on the same rows, of which each is right with its own probability."""

    def draw(rows):
        gold = DRAW.integers(0, 3, rows)
        hard = DRAW.random(rows)  # shared: a row that is hard is hard for both
        pairs = []
        for share in (first, second):
            own = 0.7 * hard + 0.3 * DRAW.random(rows)
            said = np.where(own < share, gold, (gold + 1) % 3)
            pairs.append([example(str(a), str(b)) for a, b in zip(gold, said, strict=True)])
        return pairs

    return draw


def compared(draw, rows, options, trials):
    a, b = map(classification, draw(ALL))
    values = {
        each.name: each.difference
        for each in _differences(a, b, ALL, EvaluateOptions("classification", bootstrap=0))
    }
    held = {name: [] for name in values}
    for _ in range(trials):
        a, b = map(classification, draw(rows))
        for each in _differences(a, b, rows, options):
            if each.low is not None:
                held[each.name].append(each.low <= values[each.name] <= each.high)
    return {
        name: (np.mean(each) if each else None, len(each) / trials) for name, each in held.items()
    }


def table(options):
    """The lines of the table, and the coverage of each metric over all cases and sizes."""
    settings = EvaluateOptions("classification", bootstrap=options.bootstrap)
    found = []
    for task, case, draw, scorer in CASES:
        if options.task not in (None, task):
            continue
        for rows in SIZES:
            part = covered(draw, scorer, rows, settings, options.trials)
            found += [(task, case, rows, name, *values) for name, values in part.items()]
            print(found[-1], flush=True)
    if options.task not in (None, "compare"):
        return found
    for first, second in ((0.6, 0.7), (0.9, 0.92), (0.99, 0.99)):
        for rows in SIZES:
            part = compared(differences(first, second), rows, settings, options.trials)
            case = f"accuracy {first} and {second}"
            found += [("compare", case, rows, name, *values) for name, values in part.items()]
            print(found[-1], flush=True)
    return found


def page(found, options):
    lines = [
        "# Coverage of the printed intervals",
        "",
        f"How often a 95% interval holds the true value, in {options.trials} samples each, with "
        f"{options.bootstrap} bootstrap samples (`benchmarks/interval_coverage.py`). *printed*",
        "is the share of samples for which an interval is shown: none by bootstrap below 50 rows,",
        "or where 10 rows or fewer are wrong (or right), and none of the calibration error.",
        "",
        "| task | data | rows | metric | coverage | printed |",
        "|---|---|---|---|---|---|",
    ]
    for task, case, rows, name, coverage, printed in found:
        if coverage is not None:
            lines.append(f"| {task} | {case} | {rows} | {name} | {coverage:.3f} | {printed:.2f} |")
    means = {}
    for task, _, _, name, coverage, printed in found:
        if coverage is not None and printed > 0.5:
            means.setdefault((task, name), []).append(coverage)
    lines += ["", "| task | metric | mean coverage | lowest |", "|---|---|---|---|"]
    for (task, name), each in means.items():
        lines.append(f"| {task} | {name} | {np.mean(each):.3f} | {min(each):.3f} |")
    return "\n".join([*lines, ""]), {key: float(np.mean(each)) for key, each in means.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--bootstrap", type=int, default=400)
    parser.add_argument("--task", help="only this one")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    text, means = page(table(options), options)
    if options.out is None:
        print(text)
    else:
        options.out.write_text(text, encoding="utf-8")
    sys.exit(min(means.values()) < 0.93)


if __name__ == "__main__":
    main()
