"""A file of 200 prompts of mixed lengths, continued: float32, int8, and bfloat16 where it is fast.

    python benchmarks/prompts.py [--prompts 200] [-n 32] [--batch 32]

`llmcli generate -i FILE` beside transformers' generate in batches of --batch in file order, padded
on the left. GPT-2 124M tells the speed; the starter gpt2-stories, whose texts mean something and
end by themselves, tells the texts (and a speed). Two numbers each: whole processes, and after
loading, which is the whole process less another that continues the first prompt by one token, for
both sides alike. A third row of float32 has the seconds that a program would take that did only the
multiplications of the job (see ceiling.py), at the rate of large square matrices, measured in the
same rounds. Prompts are beginnings of real stories and reviews, of 1 to 120 words, drawn from a
fixed seed.
"""

import json
import random
import tempfile
from pathlib import Path

import common

THEIRS = """
import json, sys
import torch
from transformers import GPT2LMHeadModel, GPT2Tokenizer

folder, source, target, count, batch = sys.argv[1:]
batch = int(batch)
prompts = [json.loads(line)["text"] for line in open(source, encoding="utf-8")]
model = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32)
tokenizer = GPT2Tokenizer.from_pretrained(folder, padding_side="left")
tokenizer.pad_token = tokenizer.eos_token
with open(target, "w", encoding="utf-8") as file:
    for at in range(0, len(prompts), batch):
        inputs = tokenizer(prompts[at : at + batch], return_tensors="pt", padding=True)
        out = model.generate(
            **inputs,
            max_new_tokens=int(count),
            do_sample=False,
            pad_token_id=tokenizer.pad_token_id,
        )
        new = out[:, inputs["input_ids"].shape[1] :]
        for text in tokenizer.batch_decode(new, skip_special_tokens=True):
            file.write(json.dumps({"text": text}) + "\\n")
"""
PEER = "transformers generate, batches of {}, float32"
PRODUCTS = """
import time
import torch

left, right = torch.randn(2048, 2048), torch.randn(2048, 2048)
seconds = []
for _ in range(12):
    began = time.perf_counter()
    left @ right
    seconds.append(time.perf_counter() - began)
print(2 * 2048**3 / min(seconds))
"""
LIMIT = "the multiplications alone, at the rate of large matrices"


def variants():
    """Each dtype: llmcli's words, the ratios that are claimed, the share of equal texts."""
    from llmcli.system.machine import describe, has_fast_bfloat16

    half = 4 if "amx_bf16" in describe().instructions else 3
    found = [("float32", common.EXACT, 1.6, 1.0), ("int8", common.INT8, half, None)]
    if has_fast_bfloat16():
        found.append(("bfloat16", ("--dtype", "bfloat16"), half, None))
    return found


def prompts(data: Path, count: int) -> list[str]:
    """Beginnings of stories and, each fourth, of film reviews."""
    draw = random.Random(0)
    stories = common.compressed_lines(data / "stories" / "stories.jsonl.xz")
    reviews = common.compressed_lines(data / "imdb" / "reviews-4k.jsonl.xz")
    found = []
    for number in range(count):
        line = draw.choice(reviews if number % 4 == 3 else stories)
        words = json.loads(line)["text"].split()
        found.append(" ".join(words[: draw.randint(1, 120)]))
    return found


def main() -> None:
    parser = common.arguments(__doc__)
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("-n", "--new-tokens", type=int, default=32)
    parser.add_argument("--batch", type=int, default=32, help="rows of the peer's batches")
    options = parser.parse_args()
    count, new = (8, 4) if options.quick else (options.prompts, options.new_tokens)
    texts = prompts(options.data, count)
    cases = [
        ("GPT-2 124M", *2 * [common.gpt2_124m(options.models)], True),
        ("gpt2-stories", "gpt2-stories", common.starter("gpt2-stories"), False),
    ]
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        sources = {
            "all": (common.write_rows(folder / "all.jsonl", texts), new),
            "first": (common.write_rows(folder / "first.jsonl", texts[:1]), 1),
        }
        for case in cases:
            rows += compared(options, folder, sources, case)
    common.finish(options, rows)


def compared(options, folder, sources, case):
    """The rows of one model."""
    name, model, checkpoint, is_claim = case
    peer, dtypes = PEER.format(options.batch), variants()
    commands, targets = {}, {}
    for part, (source, new) in sources.items():
        for dtype, words, _, _ in dtypes:
            target = targets[dtype, part] = folder / f"{dtype}-{part}.jsonl"
            run = ("generate", "-m", model, "-i", source, "-o", target, "-n", new, "-q", *words)
            commands[f"llmcli {dtype}, {name}, {part}"] = common.llmcli(options, *run)
        target = targets["theirs", part] = folder / f"theirs-{part}.jsonl"
        words = (checkpoint, source, target, new, options.batch)
        commands[f"{peer}, {name}, {part}"] = common.script(THEIRS, *words)
    if is_claim:
        commands[LIMIT] = common.script(PRODUCTS)
    for target in targets.values():
        target.unlink(missing_ok=True)
    sides = common.measure_for(options, commands)
    expected = common.read_column(targets["theirs", "all"], "text")
    new = sources["all"][1]
    for dtype, _, needed, share in dtypes:
        said = common.read_column(targets[dtype, "all"], "text")
        whole = [sides[f"{who}, {name}, all"] for who in (f"llmcli {dtype}", peer)]
        first = [sides[f"{who}, {name}, first"] for who in (f"llmcli {dtype}", peer)]
        loaded = [common.less(*both) for both in zip(whole, first, strict=True)]
        claim = f"{len(expected)} prompts, up to {new} tokens each, {name}, {dtype}"
        for told, pair in (("whole process", whole), ("after loading", loaded)):
            is_whole = told == "whole process"
            yield common.row(
                f"{claim}, {told}",
                peer,
                *pair,
                needed=needed if is_claim and is_whole else None,
                check=lambda said=said, share=share: common.same_texts(said, expected, share),
                memory=is_claim and is_whole,
            )
        if is_claim and dtype == "float32":
            texts = common.read_column(sources["all"][0], "text")
            limit = least(sides[LIMIT], checkpoint, texts, new)
            claim = f"{claim}, after loading, beside its limit"
            yield common.row(claim, LIMIT, loaded[0], limit, needed=0.85)


def least(products, folder, texts, new) -> common.Side:
    """The seconds of the job's multiplications at the rate that each round has measured."""
    import ceiling  # it imports this module

    sizes = ceiling.tokens_of(folder, texts, 1024 - new)
    work = ceiling.decoder_work(folder, sizes, new)
    runs = [common.Run(work / float(run.stdout), 0.0, "") for run in products.runs]
    return common.Side(runs, products.error)


if __name__ == "__main__":
    main()
