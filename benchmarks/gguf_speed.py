"""A GGUF file of 4 bits: its second load, and tokens per second, SmolLM2-135M, one prompt.

    python benchmarks/gguf_speed.py [--short 1] [--long 129] [--peers PYTHON]

llmcli unpacks the file in the dropped round, and then runs it in int8; llama-cpp-python runs it
as it is, in 4 bits. Whole processes: those of --short tokens tell the load, which may take a
second; the tokens that those of --long write more, divided by the seconds that they take more, are
the rate. llama-cpp-python may be in an environment of its own, whose interpreter --peers or $PEERS
names. The text in float32 must be that of transformers, which reads the same file, once, untimed.
"""

import json
import os
import sys

import common

LLAMA = """
import json, sys
import llama_cpp

file, text, count, threads = sys.argv[1:]
threads = int(threads)
model = llama_cpp.Llama(file, n_ctx=1024, n_threads=threads, n_threads_batch=threads, verbose=False)
done = model.create_completion(text, max_tokens=int(count), temperature=0.0, repeat_penalty=1.0)
new = done["usage"]["completion_tokens"]
print(json.dumps([{"text": done["choices"][0]["text"], "new_tokens": new}]))
"""
TRANSFORMERS = """
import json, os, sys
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

file, text, count = sys.argv[1:]
folder, name = os.path.split(file)
tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
inputs = tokenizer(text, return_tensors="pt")
out = model.generate(**inputs, max_new_tokens=int(count), do_sample=False)
print(tokenizer.decode(out[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))
"""
FILE = "smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
PEER = "llama-cpp-python, 4 bits"
TEXT = "Once upon a time, in a village between two rivers, there lived"
LOAD = 1.0  # seconds


def main() -> None:
    from llmcli.system.machine import physical_cores

    parser = common.arguments(__doc__)
    parser.add_argument("--short", type=int, default=1)
    parser.add_argument("--long", type=int, default=129)
    parser.add_argument("--peers", default=os.environ.get("PEERS", sys.executable))
    options = parser.parse_args()
    short, long = (1, 9) if options.quick else (options.short, options.long)
    file = options.models / FILE
    commands = {}
    for count in (short, long):
        words = ("generate", TEXT, "-m", file, "-n", count, "-q", "--json", *common.INT8)
        commands[f"llmcli int8, {count}"] = common.llmcli(options, *words)
        words = (file, TEXT, count, physical_cores())
        commands[f"{PEER}, {count}"] = common.script(LLAMA, *words, python=options.peers)
    sides = common.measure_for(options, commands)
    ours, theirs = ([sides[f"{name}, {count}"] for count in (short, long)] for name in NAMES)
    limit = common.Side([common.Run(LOAD, run.peak, "") for run in ours[0].runs], ours[0].error)
    rows = [
        common.row("second load of a GGUF file, int8", f"{LOAD:g} s", ours[0], limit, needed=1.0),
        common.row("first token of a GGUF file, int8, whole process", PEER, ours[0], theirs[0]),
        common.row(
            "steady decoding of a GGUF file, int8",
            PEER,
            common.less(*reversed(ours)),
            common.less(*reversed(theirs)),
            amount=long - short,
            unit="tokens",
            needed=1.0,
            check=lambda: checked(options, file, [*ours, *theirs], [short, long]),
            memory=True,
        ),
    ]
    common.finish(options, rows)


NAMES = ("llmcli int8", PEER)


def checked(options, file, sides, lengths) -> common.Check:
    """No text may end early, and the one in float32 must be that of transformers."""
    for side, count in zip(sides, [*lengths, *lengths], strict=True):
        written = json.loads(side.stdout)[0]["new_tokens"]
        if written != count:
            return common.Check(f"a text ended after {written} of {count} tokens", False)
    words = ("generate", TEXT, "-m", file, "-n", lengths[1], "-q", "--json", *common.EXACT)
    ours = common.run_once(common.llmcli(options, *words))
    theirs = common.run_once(common.script(TRANSFORMERS, file, TEXT, lengths[1]))
    check = common.same_words(json.loads(ours.stdout)[0]["text"], theirs.stdout)
    return common.Check(f"float32: {check.told}", check.good)


if __name__ == "__main__":
    main()
