"""Compare llmcli's vectors with transformers' states, pooled by their mean, on a real encoder.

    python benchmarks/embed_equality.py MODEL TEXTS.jsonl[.xz] [--column text] [--rows 1000]

Each text alone through transformers; all of them through llmcli in their order, in a random
order, and with three sizes of batches. Prints the greatest difference of any number; exits
with 1 if it is above 1e-5. Texts are cut to what the model takes.
"""

import argparse
import random
import sys
from itertools import islice

import numpy as np
import torch

from llmcli.data.readers import read_rows
from llmcli.data.rows import Row
from llmcli.engines.pytorch.loading import load_encoder
from llmcli.spec import BatchOptions, ModelSpec
from llmcli.spec.tasks import EmbedOptions
from llmcli.tasks.embed import embed


def ours(loaded, texts, size):
    rows = [Row(number, text) for number, text in enumerate(texts, 1)]
    batch = BatchOptions(batch_size=size, on_overflow="truncate")
    how = EmbedOptions(pooling="mean", normalize=False)
    return np.stack([one.embedding for one in embed(loaded, rows, how, batch)])


def theirs(loaded, text):
    inputs = loaded.tokenizer(text, return_tensors="pt", truncation=True, max_length=loaded.context)
    with torch.no_grad():
        hidden = loaded.network(**inputs).last_hidden_state  # (1, T, D)
    return hidden[0].mean(0).numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("texts")
    parser.add_argument("--column", default="text")
    parser.add_argument("--rows", type=int, default=1000)
    options = parser.parse_args()
    loaded = load_encoder(ModelSpec(options.model))
    texts = [row.text for row in islice(read_rows(options.texts, options.column), options.rows)]
    expected = np.stack([theirs(loaded, text) for text in texts])
    worst = 0.0
    order = list(range(len(texts)))
    random.Random(0).shuffle(order)
    for size in (None, 1, 7, 64):
        there = np.abs(ours(loaded, texts, size) - expected).max()
        shuffled = ours(loaded, [texts[at] for at in order], size)
        back = np.abs(shuffled - expected[order]).max()
        worst = max(worst, float(there), float(back))
        print(f"batches of {size or 'auto'}: {there:.1e} in order, {back:.1e} in random order")
    print(f"{len(texts)} texts, greatest difference {worst:.1e}")
    sys.exit(worst > 1e-5)


if __name__ == "__main__":
    main()
