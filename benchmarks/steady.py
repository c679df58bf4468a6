"""Tokens per second once the model is there, one prompt, GPT-2 124M, float32 and int8.

    python benchmarks/steady.py [--short 20] [--long 276]

Each side writes --short and --long tokens, whole processes all of them; the tokens that the long
text has more, divided by the seconds that it took more, are the rate. So start-up, loading, the
prompt and a first call's own costs fall away for both sides alike, what a token costs outside
the model (its choice, its text) counts, and no program is asked for its own time. A difference of
whole processes is noisier than a clock inside: the texts are long enough for it to be most of the
time. float32 must give the same text; of int8 it is only told.
"""

import json

import common

from llmcli.system.machine import describe
from llmcli.system.roofline import DecoderSizes, bytes_per_token

THEIRS = """
import json, sys
import torch
from transformers import GPT2LMHeadModel, GPT2Tokenizer

folder, text, count = sys.argv[1:]
model = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32)
tokenizer = GPT2Tokenizer.from_pretrained(folder)
inputs = tokenizer(text, return_tensors="pt")
out = model.generate(**inputs, max_new_tokens=int(count), do_sample=False)
new = out[0, inputs["input_ids"].shape[1] :]
text = tokenizer.decode(new, skip_special_tokens=True)
print(json.dumps([{"text": text, "new_tokens": len(new)}]))
"""
PEER = "transformers generate, float32"
READING = """
import time
import torch

numbers = torch.ones(1 << 27)
seconds = []
for _ in range(12):
    began = time.perf_counter()
    numbers.sum()
    seconds.append(time.perf_counter() - began)
print(numbers.nbytes / min(seconds))
"""
LIMIT = "reading the weights alone, at the rate of a large array"
TEXT = "One day, a girl named Lily went to the park with her mother and saw a big dog."


def main() -> None:
    parser = common.arguments(__doc__)
    parser.add_argument("--short", type=int, default=20)
    parser.add_argument("--long", type=int, default=276)
    options = parser.parse_args()
    lengths = (4, 12) if options.quick else (options.short, options.long)
    folder = common.gpt2_124m(options.models)
    commands = {}
    for count in lengths:
        for name, dtype in (("float32", common.EXACT), ("int8", common.INT8)):
            words = ("generate", TEXT, "-m", folder, "-n", count, "-q", "--json", *dtype)
            commands[f"llmcli {name}, {count}"] = common.llmcli(options, *words)
        commands[f"{PEER}, {count}"] = common.script(THEIRS, folder, TEXT, count)
    commands[LIMIT] = common.script(READING)
    sides = common.measure_for(options, commands)
    short, long = lengths
    theirs = common.less(sides[f"{PEER}, {long}"], sides[f"{PEER}, {short}"])
    rows = []
    has_amx = any(name.startswith("amx") for name in describe().instructions)
    exact, rounded = (1.7, 3.5) if has_amx else (2.0, 3.2)
    for name, needed, share in (("float32", exact, 1.0), ("int8", rounded, None)):
        long_side, short_side = (sides[f"llmcli {name}, {count}"] for count in (long, short))
        ours = common.less(long_side, short_side)

        def check(ours=ours, short_side=short_side, share=share) -> common.Check:
            return checked(ours, short_side, theirs, long, short, share)

        rows.append(
            common.row(
                f"steady decoding, GPT-2 124M, {name}",
                PEER,
                ours,
                theirs,
                amount=long - short,
                unit="tokens",
                needed=needed,
                check=check,
            )
        )
        if name == "float32":
            limit = least(sides[LIMIT], folder, short, long)
            claim = f"steady decoding, GPT-2 124M, {name}, beside its limit"
            size = {"amount": long - short, "unit": "tokens"}
            rows.append(common.row(claim, LIMIT, ours, limit, needed=0.9, **size))
    common.finish(options, rows)


def least(reading, folder, short, long) -> common.Side:
    """The seconds of reading weights, keys and values for the tokens, at each round's rate."""
    about = json.loads((folder / "config.json").read_text())
    width, layers, vocabulary = (about[name] for name in ("n_embd", "n_layer", "vocab_size"))
    model = DecoderSizes(12 * layers * width * width, vocabulary * width, layers, width, width)
    prompt = len(TEXT.split())  # about its tokens
    read = sum(bytes_per_token(model, "float32", prompt + at) for at in range(short, long))
    runs = [common.Run(read / float(run.stdout), 0.0, "") for run in reading.runs]
    return common.Side(runs, reading.error)


def checked(ours, ours_short, theirs, long, short, share) -> common.Check:
    """The rate is right only if no text ended early."""
    wanted = [(ours, long), (ours_short, short), (theirs, long)]
    for side, count in wanted:
        found = json.loads(side.stdout)[0]["new_tokens"]
        if found != count:
            return common.Check(f"a text ended after {found} of {count} tokens", False)
    said, expected = (json.loads(side.stdout)[0]["text"] for side in (ours, theirs))
    check = common.same_words(said, expected, share)
    return common.Check(f"{check.told}, {len(set(expected.split()))} different words", check.good)


if __name__ == "__main__":
    main()
