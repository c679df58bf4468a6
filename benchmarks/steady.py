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
    sides = common.measure_for(options, commands)
    short, long = lengths
    theirs = common.less(sides[f"{PEER}, {long}"], sides[f"{PEER}, {short}"])
    rows = []
    for name, needed, share in (("float32", 1.2, 1.0), ("int8", 2.7, None)):
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
    common.finish(options, rows)


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
