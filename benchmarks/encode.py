"""Labels and vectors of 4,000 film reviews of very mixed lengths.

    python benchmarks/encode.py [--limit 4000] [--classifier DIR] [--encoder DIR]

`llmcli classify` beside transformers' pipeline("text-classification", batch_size=32), and `llmcli
embed` beside AutoModel in batches of 32 in file order with the mean over tokens, as a model's card
shows it. Both sides cut a text at 512 tokens. llmcli with its default arithmetic, and in int8.
Whole processes, and after loading, which is the whole process less another on the first review
alone, for both sides alike. 99.9% of the labels must agree; of vectors the smallest cosine is
told. 8 times is what a processor with AMX needs, 3 times another.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import common

CLASSIFY = """
import json, sys
from transformers import pipeline

folder, source, target = sys.argv[1:]
texts = [json.loads(line)["text"] for line in open(source, encoding="utf-8")]
classifier = pipeline("text-classification", model=folder, dtype="float32")
with open(target, "w", encoding="utf-8") as file:
    for one in classifier(texts, batch_size=32, truncation=True, max_length=512):
        file.write(json.dumps(one) + "\\n")
"""
EMBED = """
import json, sys
import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

folder, source, target = sys.argv[1:]
texts = [json.loads(line)["text"] for line in open(source, encoding="utf-8")]
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
found = []
for at in range(0, len(texts), 32):
    inputs = tokenizer(
        texts[at : at + 32], padding=True, truncation=True, max_length=512, return_tensors="pt"
    )
    with torch.no_grad():
        hidden = model(**inputs).last_hidden_state  # (B, T, D)
    mask = inputs["attention_mask"].unsqueeze(-1)
    found.append(((hidden * mask).sum(1) / mask.sum(1)).numpy())
np.save(target, np.concatenate(found))
"""
CUT = ("--on-overflow", "truncate")
JOBS = {
    "classify": ("transformers pipeline, batch_size=32", CLASSIFY, "jsonl", CUT),
    "embed": (
        "transformers AutoModel, batches of 32",
        EMBED,
        "npy",
        (*CUT, "--pooling", "mean", "--no-normalize"),
    ),
}


def reviews(data: Path, limit: int) -> list[str]:
    """The first texts of the reviews."""
    lines = common.compressed_lines(data / "imdb" / "reviews-4k.jsonl.xz")
    return [json.loads(line)["text"] for line in lines[:limit]]


def main() -> None:
    parser = common.arguments(__doc__)
    parser.add_argument("--limit", type=int, default=4000)
    parser.add_argument("--classifier", type=Path, help="[default: MODELS/polarity]")
    parser.add_argument("--encoder", type=Path, help="[default: MODELS/minilm]")
    options = parser.parse_args()
    models = {
        "classify": options.classifier or options.models / "polarity",
        "embed": options.encoder or options.models / "minilm",
    }
    texts = reviews(options.data, 8 if options.quick else options.limit)
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        sources = {
            "all": common.write_rows(folder / "all.jsonl", texts),
            "first": common.write_rows(folder / "first.jsonl", texts[:1]),
        }
        for job, model in models.items():
            rows += compared(options, folder, sources, job, model)
    common.finish(options, rows)


def compared(
    options: argparse.Namespace, folder: Path, sources: dict[str, Path], job: str, model: Path
) -> Iterator[dict[str, Any]]:
    """The rows of one job."""
    peer, code, kind, how = JOBS[job]
    variants = {f"llmcli {job}": (), f"llmcli {job} int8": common.INT8}
    commands, targets = {}, {}
    for part, source in sources.items():
        for name, dtype in variants.items():
            target = targets[name, part] = folder / f"{name}-{part}.{kind}"
            words = (job, "-m", model, "-i", source, "-o", target, "-q", *how, *dtype)
            commands[f"{name}, {part}"] = common.llmcli(options, *words)
        target = targets[peer, part] = folder / f"theirs-{job}-{part}.{kind}"
        commands[f"{peer}, {part}"] = common.script(code, model, source, target)
    sides = common.measure_for(options, commands)
    compare = {"classify": same_labels, "embed": same_vectors}[job]
    needed = 8 if "amx" in common.machine()["instructions"] else 3
    count = len(common.read_column(sources["all"], "text"))
    for name in variants:
        for told in ("whole process", "after loading"):
            pair = [sides[f"{who}, all"] for who in (name, peer)]
            if told == "after loading":
                firsts = [sides[f"{who}, first"] for who in (name, peer)]
                pair = [common.less(*both) for both in zip(pair, firsts, strict=True)]
            yield common.row(
                f"{name.removeprefix('llmcli ')}, {count} reviews, {model.name}, {told}",
                peer,
                *pair,
                needed=needed if name == f"llmcli {job}" else None,
                check=lambda name=name: compare(targets[name, "all"], targets[peer, "all"]),
            )


def same_labels(ours: Path, theirs: Path) -> common.Check:
    """The share of labels that agree."""
    pairs = zip(common.read_column(ours, "label"), common.read_column(theirs, "label"), strict=True)
    same = [a == b for a, b in pairs]
    good = sum(same) >= 0.999 * len(same)
    return common.Check(f"{sum(same)} of {len(same)} labels agree", good)


def same_vectors(ours: Path, theirs: Path) -> common.Check:
    """The cosine of the two vectors of the text where they differ most."""
    least, count = least_cosine(ours, theirs)
    return common.Check(f"{count} vectors, smallest cosine {least:.6f}", least > 0.99)


def least_cosine(ours: Path, theirs: Path) -> tuple[float, int]:
    import numpy as np

    a, b = np.load(ours), np.load(theirs)  # (N, D)
    cosines = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    return float(cosines.min()), len(a)


if __name__ == "__main__":
    main()
