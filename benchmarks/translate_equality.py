"""Compare llmcli's translations with transformers' generate, and score them.

    python benchmarks/translate_equality.py MODEL TATOEBA.tsv[.xz] [--same 300] [--score 2000]

MODEL is a folder of an opus-mt model from English to the second column's language. Of the
lines, --same are drawn evenly, and each sentence is translated by both, alone by transformers, in
batches by llmcli; prints how many are the same, and exits with 1 if more than --share of them
differ. --engine ct2 compares that one. Of --score
lines, drawn likewise, prints corpus BLEU and chrF with sacrebleu's signatures, of texts
translated sentence by sentence and line by line.
"""

import argparse
import sys
import time

import sacrebleu
import torch
from common import evenly, pairs

from llmcli.data.rows import Row
from llmcli.engines import choose
from llmcli.engines.pytorch.loading import load
from llmcli.spec import BatchOptions, ModelSpec
from llmcli.spec.tasks import TranslateOptions
from llmcli.tasks.translate import translate


def ours(loaded, texts, **how):
    rows = [Row(number, text) for number, text in enumerate(texts, 1)]
    return list(translate(loaded, rows, TranslateOptions(**how), BatchOptions()))


def theirs(loaded, text):
    inputs = loaded.tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        ids = loaded.network.generate(**inputs)
    return loaded.tokenizer.decode(ids[0], skip_special_tokens=True).strip()


def compare(loaded, runner, texts, share):
    """Print how many sentences are the same; return whether at most a share of them differs.

    loaded: with transformers' model. runner: of the engine that is compared with it.
    """
    began = time.perf_counter()
    sentences = [one for result in ours(runner, texts) for one in result.sentences]
    middle = time.perf_counter()
    expected = [theirs(loaded, one.source) for one in sentences]
    ended = time.perf_counter()
    different = [
        (one, wanted)
        for one, wanted in zip(sentences, expected, strict=True)
        if one.translation != wanted
    ]
    for one, wanted in different[:5]:
        print(f"{one.source!r}: {one.translation!r}, transformers: {wanted!r}")
    same = len(sentences) - len(different)
    print(
        f"{same} of {len(sentences)} sentences of {len(texts)} lines are the same; "
        f"{middle - began:.1f} s in batches, {ended - middle:.1f} s one by one"
    )
    return len(different) <= share * len(sentences)


def score(loaded, found):
    """Print BLEU and chrF of llmcli's translations."""
    sources, references = [source for source, _ in found], [targets for _, targets in found]
    most = max(map(len, references))
    columns = [[(each[n] if n < len(each) else None) for each in references] for n in range(most)]
    for split in (True, False):
        texts = [one.translation for one in ours(loaded, sources, split_sentences=split)]
        for metric in (sacrebleu.BLEU(), sacrebleu.CHRF()):
            value = metric.corpus_score(texts, columns)
            way = "sentence by sentence" if split else "line by line"
            print(f"{len(texts)} lines, {way}: {value}  {metric.get_signature()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("pairs")
    parser.add_argument("--same", type=int, default=300)
    parser.add_argument("--score", type=int, default=2000)
    parser.add_argument("--engine", choices=("torch", "ct2"), default="torch")
    parser.add_argument("--share", type=float, default=0.0, help="how many may differ: 0.02")
    options = parser.parse_args()
    loaded = load(ModelSpec(options.model), ("seq2seq",))
    found = pairs(options.pairs)
    runner = loaded
    if options.engine == "ct2":
        runner = choose.load(ModelSpec(options.model, engine="ct2"), choose.Purpose(("seq2seq",)))
    good = compare(loaded, runner, [source for source, _ in evenly(found, options.same)])
    if options.score:
        score(runner, evenly(found, options.score))
    sys.exit(not good)


if __name__ == "__main__":
    main()
