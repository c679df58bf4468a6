"""What other arithmetic than torch's float32 changes: each engine and dtype against it.

    python benchmarks/accuracy.py [--data DIR] [--causal MODEL] [--classifier MODEL]
        [--encoder MODEL] [--translator MODEL] [--rows 300]

For a causal model: the share of texts whose 32 greedy tokens are all the same, and the perplexity
of stories; for a classifier: the share of film sentences with the same label, and its accuracy;
for vectors: the mean and the least cosine with those of float32; for a translator: the share of
sentences with the same text, and BLEU. Prints a table; proves nothing, and exits with 0.
"""

import json
from dataclasses import replace

import numpy as np
import sacrebleu
from common import arguments, compressed_lines, evenly, pairs

from llmcli.data.rows import Row
from llmcli.decoding.request import Request
from llmcli.engines.base import end_tokens
from llmcli.engines.choose import Purpose, load
from llmcli.spec import Decoding, ModelSpec
from llmcli.spec.tasks import ClassifyOptions, EmbedOptions, TranslateOptions
from llmcli.system.machine import has_int8_products
from llmcli.tasks.classify import classify
from llmcli.tasks.embed import embed
from llmcli.tasks.translate import translate

NEW, PROMPT, READ = 32, 24, 128  # tokens
CHOICES = [("torch", "float32"), ("torch", "bfloat16"), ("ct2", "float32"), ("ct2", "int8")]
if has_int8_products():
    CHOICES.insert(2, ("torch", "int8"))


def rows_of(texts):
    return [Row(number, text) for number, text in enumerate(texts, 1)]


def lines(path, column):
    return [json.loads(line)[column] for line in compressed_lines(path)]


def causal(loaded, texts):
    ids = [loaded.tokenizer(text)["input_ids"][:READ] for text in texts]
    ids = [one for one in ids if len(one) == READ]
    written = [[] for _ in ids]
    for start in range(0, len(ids), 16):
        some = [one[:PROMPT] for one in ids[start : start + 16]]
        limits, seeds = [NEW] * len(some), [0] * len(some)
        request = Request(some, limits, end_tokens(loaded), seeds=seeds)
        for step in loaded.engine.decode(request, Decoding()):
            written[start + step.row].append(step.token)
    scores = loaded.engine.score(ids, [READ - 1] * len(ids))
    perplexity = float(np.exp(-np.concatenate(scores).mean()))
    return written, f"perplexity {perplexity:.3f}"


def labels(loaded, texts, right):
    found = list(classify(loaded, rows_of(texts), ClassifyOptions(top=1)))
    said = [one.label for one in found]
    accuracy = np.mean([one == gold for one, gold in zip(said, right, strict=True)])
    return said, f"accuracy {accuracy:.3f}"


def translations(loaded, sources, targets):
    found = list(translate(loaded, rows_of(sources), TranslateOptions(to_lang="fr")))
    said = [one.translation for one in found]
    return said, f"BLEU {sacrebleu.corpus_bleu(said, [targets]).score:.2f}"


def vectors(loaded, texts):
    found = np.stack([one.embedding for one in embed(loaded, rows_of(texts), EmbedOptions())])
    return found / np.linalg.norm(found, axis=1, keepdims=True), ""


def compare(name, model, kinds, work):
    """Run a task on each engine and dtype, and print how it differs from the first."""
    reference = None
    for engine, dtype in CHOICES:
        spec = replace(ModelSpec(model), engine=engine, dtype=dtype)
        found, quality = work(load(spec, Purpose(kinds)))
        reference = found if reference is None else reference
        if isinstance(found, np.ndarray):
            cosines = (found * reference).sum(1)
            same = f"cosine {cosines.mean():.5f}, least {cosines.min():.5f}"
        else:
            share = np.mean([one == two for one, two in zip(found, reference, strict=True)])
            same = f"{100 * share:.1f}% of {len(found)} the same"
        print(f"| {name} | {engine} | {dtype} | {same} | {quality} |", flush=True)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--causal", default="gpt2-stories")
    parser.add_argument("--classifier", default="bert-en")
    parser.add_argument("--encoder", default="bert-en")
    parser.add_argument("--translator", default="marian-en-fr-zh")
    options = parser.parse_args()
    count = 20 if options.quick else options.rows
    stories = evenly(lines(options.data / "stories" / "stories.jsonl.xz", "text"), count)
    films = options.data / "sentence-polarity" / "dev.jsonl.xz"
    texts = evenly(lines(films, "text"), count)
    right = evenly(lines(films, "label"), count)
    found = evenly(pairs(options.data / "tatoeba" / "eng-fra.tsv.xz"), count)
    english, french = [one for one, _ in found], [others[0] for _, others in found]
    print("| task | engine | dtype | against torch float32 | quality |\n|---|---|---|---|---|")
    compare("generate", options.causal, ("causal",), lambda one: causal(one, stories))
    compare("classify", options.classifier, ("classifier",), lambda one: labels(one, texts, right))
    compare("embed", options.encoder, (), lambda one: vectors(one, texts))
    compare(
        "translate",
        options.translator,
        ("seq2seq",),
        lambda one: translations(one, english, french),
    )


if __name__ == "__main__":
    main()
