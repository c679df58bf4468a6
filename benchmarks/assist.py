"""How much faster greedy decoding is with --assist lookup.

    python benchmarks/assist.py MODEL [--tokens 128] [--rounds 5] [--draft MODEL]

Two prompts: one whose answer repeats what it holds, as rewriting and code do, and one whose
answer does not. Each is continued with and without assistance, in turns, in one process; a table
tells the median tokens a second of the rounds and the tokens of one pass. Exits with 1 if a single
token differs. --draft: the guesses of a smaller model, too.
"""

import argparse
import statistics
import sys
import time

from llmcli.decoding.decoder_only import CachedCausal
from llmcli.decoding.loop import DecodingLoop
from llmcli.decoding.request import Request
from llmcli.engines.choose import load_on_torch
from llmcli.engines.pytorch.assistant import AssistedEngine
from llmcli.spec import Decoding, ModelSpec

CODE = """\
class Account:
    def __init__(self, owner, balance=0):
        self.owner = owner
        self.balance = balance

    def deposit(self, amount):
        if amount <= 0:
            raise ValueError("the amount must be positive")
        self.balance += amount
        return self.balance

    def withdraw(self, amount):
        if amount <= 0:
            raise ValueError("the amount must be positive")
        if amount > self.balance:
            raise ValueError("the balance is too low")
        self.balance -= amount
        return self.balance
"""
PROMPTS = {
    "repeats": f"A file:\n\n{CODE}\nThe same file once more:\n\n{CODE}\nThe same file again:\n\n",
    "does not": "Once upon a time, in a small house at the edge of the forest, there lived",
}


def continued(loaded, ids, tokens, assistant):
    """The new tokens, the passes of the model, and seconds."""
    began = time.perf_counter()
    state = assistant.state(ids, tokens) if assistant else CachedCausal(loaded.network, [ids])
    decoder = DecodingLoop(state, Request([ids], [tokens], frozenset()), Decoding())
    found = []
    while decoder.running:
        found += [step.token for step in decoder.step()]
    return found, getattr(state, "passes", len(found)), time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--draft")
    options = parser.parse_args()
    loaded = load_on_torch(ModelSpec(options.model), ("causal",))
    ways = {"plain": None, "lookup": AssistedEngine(loaded, None)}
    if options.draft:
        draft = load_on_torch(ModelSpec(options.draft), ("causal",))
        ways[options.draft] = AssistedEngine(loaded, draft)
    good = True
    print(f"{'text':10} {'assist':20} {'tokens/s':>9} {'a pass':>7} {'speed':>6}  tokens")
    for name, prompt in PROMPTS.items():
        ids = loaded.tokenizer(prompt)["input_ids"]
        if loaded.context is not None:
            ids = ids[-(loaded.context - options.tokens) :]
        seconds = {way: [] for way in ways}
        for _ in range(options.rounds):
            results = {}
            for way, assistant in ways.items():
                results[way] = continued(loaded, ids, options.tokens, assistant)
                seconds[way].append(results[way][2])
        middle = {way: statistics.median(times) for way, times in seconds.items()}
        for way, (tokens, passes, _) in results.items():
            equal = tokens == results["plain"][0]
            good &= equal
            print(
                f"{name:10} {way:20} {len(tokens) / middle[way]:9.1f} {len(tokens) / passes:7.2f} "
                f"{middle['plain'] / middle[way]:6.2f}  {'equal' if equal else 'DIFFERENT'}",
                flush=True,
            )
    sys.exit(not good)


if __name__ == "__main__":
    main()
