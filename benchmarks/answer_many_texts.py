"""How well passages are found and read where only the questions of SQuAD are given.

    python benchmarks/answer_many_texts.py SQUAD.json[.xz] ... [--rows 500] [--read 60] [-m bert-en]

All contexts of the files are the passages. Prints the share of questions whose own context is among
the first passages, by BM25 and by the vectors of the model; then the exact match and F1 of answers
from that many passages (BM25), read one by one as `llmcli answer` does, and together as one text.
"""

import argparse
import random

import numpy as np

from llmcli.data.collection import Text
from llmcli.data.rows import Row
from llmcli.data.squad import read_questions
from llmcli.evaluation.metrics.squad import answer_f1, exact_match
from llmcli.inference.passages import Bm25
from llmcli.inference.sourced_answers import Library
from llmcli.spec import WINDOWS, ModelSpec
from llmcli.spec.tasks import AnswerOptions, EmbedOptions
from llmcli.tasks import answer as answering
from llmcli.tasks import embed as embedding

FIRST = (1, 3, 5, 10)


def vectors(model, texts):
    loaded = embedding.load(model, EmbedOptions())
    rows = [Row(number, text) for number, text in enumerate(texts, 1)]
    results = embedding.embed(loaded, rows, EmbedOptions(normalize=True), WINDOWS)
    return np.stack([result.embedding for result in results])


def print_recall(name, ranks):
    shares = (f"{np.mean([rank < k for rank in ranks]):.3f} in {k}" for k in FIRST)
    print(f"{name}: {', '.join(shares)}", flush=True)


def print_answers(name, results, questions):
    golds = [[answer.text for answer in question.answers] for question in questions]
    pairs = [(result.answer, gold) for result, gold in zip(results, golds, strict=True)]
    match = np.mean([exact_match(said, gold) for said, gold in pairs])
    print(f"{name}: exact match {match:.3f}, F1 {np.mean([answer_f1(*p) for p in pairs]):.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--read", type=int, default=60)
    parser.add_argument("-m", "--model", default="bert-en")
    given = parser.parse_args()
    model = ModelSpec(given.model)
    questions = [question for file in given.files for question in read_questions(file)]
    contexts = list(dict.fromkeys(question.context for question in questions))
    random.Random(0).shuffle(questions)
    questions = [question for question in questions if question.answers][: given.rows]
    print(f"{len(contexts):,} passages, {len(questions):,} questions")
    index = Bm25(contexts)
    own = [contexts.index(question.context) for question in questions]
    scores = np.stack([index.scores(question.question) for question in questions])  # (Q, N)
    print_recall("BM25", [(row > row[at]).sum() for row, at in zip(scores, own, strict=True)])
    of_texts = vectors(model, contexts)
    scores = vectors(model, [question.question for question in questions]) @ of_texts.T  # (Q, N)
    print_recall("vectors", [(row > row[at]).sum() for row, at in zip(scores, own, strict=True)])
    library = Library([Text(str(at), text) for at, text in enumerate(contexts)])
    loaded, questions = answering.load(model), questions[: given.read]
    rows = [Row(number, question.question) for number, question in enumerate(questions, 1)]
    for count in FIRST:
        options = AnswerOptions(passages=count)
        found = answering.answer(loaded, rows, options, WINDOWS, library)
        print_answers(f"{count} passages, one by one", found, questions)
        joined = answering.answer(loaded, list(library.rows(rows, count)), options, WINDOWS)
        print_answers(f"{count} passages as one text", joined, questions)


if __name__ == "__main__":
    main()
