"""How much faster than its peers any float32 program can be here, on the jobs on files.

    python benchmarks/ceiling.py [--limit 300] [--prompts 100]

Run encode.py and prompts.py of the same sizes before. Counts the multiplications and additions
that a job cannot do without (none for padding, logits for written tokens only), and those of the
peer's padded batches; measures how many a second this machine makes of two large square matrices,
which products of few rows do not come near; divides. The seconds of peer and llmcli, after
loading, are those of results.json. The last column is the ratio that a program would have that did
nothing but these products, at the full rate.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import common
import encode
import prompts
from tokenizers import Tokenizer

from llmcli.system.measure import measure
from llmcli.system.roofline import DecoderSizes, prefill_flops

LIMIT = 512  # tokens of a review


def tokens_of(folder: Path, texts: Sequence[str], most: int) -> list[int]:
    """The size of each text."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return [min(most, len(one.ids)) for one in tokenizer.encode_batch(list(texts))]


def padded(sizes: Sequence[int], count: int) -> list[int]:
    """The sizes in batches of `count` in file order, each as long as the longest of its batch."""
    batches = [sizes[at : at + count] for at in range(0, len(sizes), count)]
    return [max(batch) for batch in batches for _ in batch]


def encoder_work(folder: Path, sizes: Sequence[int]) -> float:
    """Operations of one pass over each text: every token attends to all of its text."""
    about = json.loads((folder / "config.json").read_text())
    width, inner, layers = (
        about[name] for name in ("hidden_size", "intermediate_size", "num_hidden_layers")
    )
    weights = layers * (4 * width * width + 2 * width * inner)
    return float(sum(2 * weights * n + 4 * layers * width * n * n for n in sizes))


def decoder_work(folder: Path, sizes: Sequence[int], new: int) -> float:
    """Operations of reading each prompt and of writing `new` tokens to it."""
    about = json.loads((folder / "config.json").read_text())
    width, layers, vocabulary = (about[name] for name in ("n_embd", "n_layer", "vocab_size"))
    model = DecoderSizes(12 * layers * width * width, vocabulary * width, layers, width, width)
    step = 2 * (model.layer_parameters + model.output_parameters)
    return sum(
        prefill_flops(model, n)
        + sum(step + 4 * layers * width * (n + more) for more in range(1, new))
        for n in sizes
    )


def main() -> None:
    parser = common.arguments(__doc__)
    parser.add_argument("--limit", type=int, default=4000)
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("-n", "--new-tokens", type=int, default=32)
    options = parser.parse_args()
    rate = measure().rate("float32")
    assert rate is not None
    reviews = encode.reviews(options.data, options.limit)
    texts = prompts.prompts(options.data, options.prompts)
    gpt2 = common.gpt2_124m(options.models)
    new = options.new_tokens
    jobs = []
    for job, name in (("classify", "polarity"), ("embed", "minilm")):
        folder = options.models / name
        sizes = tokens_of(folder, reviews, LIMIT)
        work = [encoder_work(folder, some) for some in (sizes, padded(sizes, 32))]
        jobs.append((f"{job}, {len(reviews)} reviews, {name}, after loading", *work))
    sizes = tokens_of(gpt2, texts, 1024 - new)
    work = [decoder_work(gpt2, some, new) for some in (sizes, padded(sizes, 32))]
    claim = f"{len(texts)} prompts, up to {new} tokens each, GPT-2 124M, float32, after loading"
    jobs.append((claim, *work))
    measured = {one["claim"]: one for one in json.loads((common.HERE / "results.json").read_text())}
    print(f"{rate.gflops:.0f} GFLOP/s by {rate.library}, float32\n")
    print("| job | TFLOP | with the peer's padding | least s | llmcli s | peer s | highest ratio |")
    print("|---|---|---|---|---|---|---|")
    for name, needed, theirs in jobs:
        row = measured.get(name, {})
        least = needed / rate.gflops / 1e9
        seconds = [row.get(who) for who in ("ours", "theirs")]
        told = ["not run" if one is None else f"{one:.1f}" for one in seconds]
        highest = "" if seconds[1] is None else f"{seconds[1] / least:.1f}"
        cells = (f"{needed / 1e12:.2f}", f"{theirs / 1e12:.2f}", f"{least:.1f}", *told, highest)
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
