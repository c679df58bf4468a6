"""Greedy decoding on torch with the weights packed and as they come: GPT-2 124M.

    python benchmarks/packed.py [--tokens 32] [--batches 1 16]

One text and 16 of different lengths, in float32 and bfloat16, both ways in one process, in turns;
float32 must give the same tokens. What is timed is the decoding alone, prompts included: packing
takes a moment once, told on stderr.
"""

import copy
import sys
import time

import common
import prompts
import torch

from llmcli.decoding.request import Request
from llmcli.engines.pytorch.engine import TorchEngine
from llmcli.engines.pytorch.loading import load
from llmcli.engines.pytorch.packing import pack
from llmcli.spec import Decoding, ModelSpec

PEER = "the same, weights as they come"


def decoded(model, texts, count):
    """The new tokens of each row, and the run."""
    began = time.perf_counter()
    request = Request(texts, [count] * len(texts), frozenset())
    found = [[] for _ in texts]
    for step in TorchEngine(model).decode(request, Decoding()):
        found[step.row].append(step.token)
    return found, common.Run(time.perf_counter() - began, 0.0, "")


def main() -> None:
    parser = common.arguments(__doc__)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16])
    options = parser.parse_args()
    folder = common.gpt2_124m(options.models)
    count, rounds = (4, 1) if options.quick else (options.tokens, options.rounds)
    rows = []
    for dtype in ("float32", "bfloat16"):
        loaded = load(ModelSpec(str(folder), dtype=dtype, device="cpu"), ("causal",))
        models = {PEER: loaded.network, "packed": copy.deepcopy(loaded.network)}
        began = time.perf_counter()
        pack(models["packed"])
        print(f"{dtype}: packed in {time.perf_counter() - began:.2f} s", file=sys.stderr)
        for batch in options.batches:
            texts = [
                loaded.tokenizer(text)["input_ids"] for text in prompts.prompts(options.data, batch)
            ]
            sides = {name: common.Side() for name in models}
            for number in range(rounds + 1):
                tokens = {}
                for name in sorted(models, reverse=number % 2 == 0):
                    tokens[name], run = decoded(models[name], texts, count)
                    if number:  # the first one makes what is kept
                        sides[name].runs.append(run)
                    print(f"{dtype}, {batch}, {name}: {run.seconds:.2f} s", file=sys.stderr)
            row = common.row(
                f"decoding on torch, packed, GPT-2 124M, {batch} at once, {dtype}",
                PEER,
                sides["packed"],
                sides[PEER],
                amount=batch * count,
                unit="tokens",
                needed=1,
                check=lambda tokens=tokens, dtype=dtype: same_tokens(tokens, dtype),
            )
            rows.append({**row, "our_peak_mb": None, "their_peak_mb": None})  # one process
    common.finish(options, rows)


def same_tokens(tokens, dtype) -> common.Check:
    ours, theirs = ([" ".join(map(str, one)) for one in tokens[name]] for name in ("packed", PEER))
    return common.same_texts(ours, theirs, 1.0 if dtype == "float32" else None)


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()
