"""Labels and vectors of 4,000 film reviews of very mixed lengths.

    python benchmarks/encode.py [--limit 4000] [--peers PYTHON] [--classifier DIR] [--encoder DIR]

`llmcli classify` beside transformers' pipeline("text-classification", batch_size=32), and `llmcli
embed` beside AutoModel in batches of 32 in file order with the mean over tokens, as a model's card
shows it. Both sides cut a text at 512 tokens. llmcli with its default arithmetic, and in int8.
Whole processes, and after loading, which is the whole process less another on the first review
alone, for both sides alike. Beside OpenVINO by hand, on 600 reviews, after loading: the classifier
converted by its own converter, in sorted batches, in bfloat16 where there is AMX, else in float32.
99.9% of the labels must agree; of vectors the smallest cosine must be 0.999, in int8 0.99. llmcli
must not need more memory than the peer. Needed on a processor with AMX: 6 times, in int8 8 times;
on another one 4 and 5.
"""

import argparse
import json
import os
import sys
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
OPENVINO = """
import json, sys
import numpy as np
import openvino
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

folder, source, target, dtype = sys.argv[1:]
texts = [json.loads(line)["text"] for line in open(source, encoding="utf-8")]
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
names = model.config.id2label
example = dict(tokenizer(["a", "b c"], padding=True, return_tensors="pt"))
settings = {"INFERENCE_PRECISION_HINT": dtype, "PERFORMANCE_HINT": "LATENCY"}
converted = openvino.convert_model(model, example_input=example)
del model
compiled = openvino.Core().compile_model(converted, "CPU", settings)
rows = tokenizer(texts, truncation=True, max_length=512)["input_ids"]
order = sorted(range(len(rows)), key=lambda at: -len(rows[at]))
labels = [None] * len(rows)
begin = 0
while begin < len(order):
    longest = len(rows[order[begin]])
    some = order[begin : begin + max(1, 4096 // longest)]
    begin += len(some)
    ids, mask = (np.zeros((len(some), longest), np.int64) for _ in range(2))
    for at, row in enumerate(some):
        ids[at, : len(rows[row])] = rows[row]
        mask[at, : len(rows[row])] = 1
    given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    given = {name: given[name] for name in example}
    for row, logits in zip(some, compiled(given)[0]):
        labels[row] = names[int(logits.argmax())]
with open(target, "w", encoding="utf-8") as file:
    for label in labels:
        file.write(json.dumps({"label": label}) + "\\n")
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
    parser.add_argument("--reviews", type=int, default=600, help="beside OpenVINO")
    peers = Path(os.environ.get("PEERS", sys.executable))
    parser.add_argument("--peers", type=Path, default=peers, metavar="PYTHON", help="or $PEERS")
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
        few = texts[: options.reviews]
        sources["all"] = common.write_rows(folder / "few.jsonl", few)
        rows.append(beside_openvino(options, folder, sources, models["classify"]))
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
    needed = (6, 8) if has_amx() else (4, 5)
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
                needed=needed[name.endswith("int8")] if told == "whole process" else None,
                check=lambda name=name: compare(
                    targets[name, "all"], targets[peer, "all"], name.endswith("int8")
                ),
                memory=True,
            )


def has_amx() -> bool:
    return "amx" in common.machine()["instructions"]


def beside_openvino(
    options: argparse.Namespace, folder: Path, sources: dict[str, Path], model: Path
) -> dict[str, Any]:
    """The row of OpenVINO by hand."""
    dtype = "bf16" if has_amx() else "f32"
    commands, targets = {}, {}
    for part, source in sources.items():
        ours, theirs = (folder / f"{who}-openvino-{part}.jsonl" for who in ("ours", "theirs"))
        targets[part] = ours, theirs
        words = ("classify", "-m", model, "-i", source, "-o", ours, "-q", *CUT)
        commands[f"llmcli, {part}"] = common.llmcli(options, *words)
        commands[f"OpenVINO, {part}"] = common.script(
            OPENVINO, model, source, theirs, dtype, python=options.peers
        )
    sides = common.measure_for(options, commands)
    pair = [
        common.less(sides[f"{who}, all"], sides[f"{who}, first"]) for who in ("llmcli", "OpenVINO")
    ]
    count = len(common.read_column(sources["all"], "text"))
    return common.row(
        f"classify, {count} reviews, {model.name}, after loading",
        f"OpenVINO by hand, {dtype}",
        *pair,
        needed=1.2,
        check=lambda: same_labels(*targets["all"]),
        memory=True,
    )


def same_labels(ours: Path, theirs: Path, is_int8: bool = False) -> common.Check:
    """The share of labels that agree; with int8 asked for, 99% must."""
    pairs = zip(common.read_column(ours, "label"), common.read_column(theirs, "label"), strict=True)
    same = [a == b for a, b in pairs]
    good = sum(same) >= (0.99 if is_int8 else 0.999) * len(same)
    return common.Check(f"{sum(same)} of {len(same)} labels agree", good)


def same_vectors(ours: Path, theirs: Path, is_int8: bool = False) -> common.Check:
    """The cosine of the two vectors of the text where they differ most."""
    least, count = least_cosine(ours, theirs)
    return common.Check(
        f"{count} vectors, smallest cosine {least:.6f}", least >= (0.99 if is_int8 else 0.999)
    )


def least_cosine(ours: Path, theirs: Path) -> tuple[float, int]:
    import numpy as np

    a, b = np.load(ours), np.load(theirs)  # (N, D)
    cosines = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    return float(cosines.min()), len(a)


if __name__ == "__main__":
    main()
