"""A file of 200 prompts of mixed lengths, continued: float32 and int8.

    python benchmarks/prompts.py [--prompts 200] [-n 32]

`llmcli generate -i FILE` beside transformers' generate in batches of 8 in file order, padded on
the left. GPT-2 124M tells the speed; the starter gpt2-stories, whose texts mean something and end
by themselves, tells the texts (and a speed). Two numbers each: whole processes, and after loading,
which is the whole process less another that continues the first prompt by one token, for both
sides alike. Prompts are beginnings of real stories and reviews, of 1 to 120 words, drawn from a
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

folder, source, target, count = sys.argv[1:]
prompts = [json.loads(line)["text"] for line in open(source, encoding="utf-8")]
model = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32)
tokenizer = GPT2Tokenizer.from_pretrained(folder, padding_side="left")
tokenizer.pad_token = tokenizer.eos_token
with open(target, "w", encoding="utf-8") as file:
    for at in range(0, len(prompts), 8):
        inputs = tokenizer(prompts[at : at + 8], return_tensors="pt", padding=True)
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
PEER = "transformers generate, batches of 8, float32"
VARIANTS = (("float32", common.EXACT, 3, 1.0), ("int8", common.INT8, 6, None))


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
    commands, targets = {}, {}
    for part, (source, new) in sources.items():
        for dtype, words, _, _ in VARIANTS:
            target = targets[dtype, part] = folder / f"{dtype}-{part}.jsonl"
            run = ("generate", "-m", model, "-i", source, "-o", target, "-n", new, "-q", *words)
            commands[f"llmcli {dtype}, {name}, {part}"] = common.llmcli(options, *run)
        target = targets["theirs", part] = folder / f"theirs-{part}.jsonl"
        commands[f"{PEER}, {name}, {part}"] = common.script(THEIRS, checkpoint, source, target, new)
    for target in targets.values():
        target.unlink(missing_ok=True)
    sides = common.measure_for(options, commands)
    expected = common.read_column(targets["theirs", "all"], "text")
    source, new = sources["all"]
    for dtype, _, needed, share in VARIANTS:
        said = common.read_column(targets[dtype, "all"], "text")
        whole = [sides[f"{who}, {name}, all"] for who in (f"llmcli {dtype}", PEER)]
        first = [sides[f"{who}, {name}, first"] for who in (f"llmcli {dtype}", PEER)]
        loaded = [common.less(*both) for both in zip(whole, first, strict=True)]
        for told, pair in (("whole process", whole), ("after loading", loaded)):
            yield common.row(
                f"{len(expected)} prompts, up to {new} tokens each, {name}, {dtype}, {told}",
                PEER,
                *pair,
                needed=needed if is_claim else None,
                check=lambda said=said, share=share: common.same_texts(said, expected, share),
            )


if __name__ == "__main__":
    main()
