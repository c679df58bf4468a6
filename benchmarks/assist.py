"""One text on torch with and without prompt lookup, which llmcli chooses by itself.

    python benchmarks/assist.py [--model MODEL] [--tokens 128] [--rounds 5] [--draft MODEL]

A text that copies (code that is repeated), one that copies nothing (a story with a repetition
penalty), and one that misleads: its n-grams occur before, and what followed them is forbidden. Each
is continued greedily in float32 with `assist` left out and with `none`, in one process, in turns;
what is known of a model's passes is forgotten before each. The tokens must be the same. Text that
copies must be faster, the others 0.97 times as fast at least. --draft: with guesses of a smaller
model, too.
"""

import time
from collections.abc import Sequence
from typing import Any

import common

from llmcli.decoding.request import Request
from llmcli.engines.base import end_tokens
from llmcli.engines.choose import load_on_torch
from llmcli.engines.pytorch.assistant import AssistedEngine
from llmcli.engines.pytorch.engine import TorchEngine
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
TWICE = f"A file:\n\n{CODE}\nThe same file once more:\n\n{CODE}\nThe same file again:\n\n"
STORY = "Once upon a time, in a small house at the edge of the forest, there lived"
CASES: dict[str, tuple[str, dict[str, Any], float]] = {
    "repeats": (TWICE, {}, 1.0),
    "does not repeat": (STORY, {"repetition_penalty": 1.3}, 0.97),
    "misleads": (TWICE, {"no_repeat_ngram_size": 4}, 0.97),
}
PLAIN = "token by token"


def continued(
    engine: TorchEngine, ids: Sequence[int], tokens: int, options: Decoding, ends: frozenset[int]
) -> tuple[list[int], int, common.Run]:
    """The new tokens, the passes of the model, and the run."""
    began = time.perf_counter()
    stream = engine.decode(Request([list(ids)], [tokens], ends), options)
    found = [step.token for step in stream]
    seconds = time.perf_counter() - began
    return found, stream.passes or len(found), common.Run(seconds, 0.0, "")


def main() -> None:
    parser = common.arguments(__doc__)
    parser.add_argument("--model", help="[default: the GGUF file in MODELS/smollm2]")
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--draft")
    options = parser.parse_args()
    model = options.model
    if model is None:
        files = sorted((options.models / "smollm2").glob("*.gguf"))
        model = str(files[0]) if files and not options.quick else "gpt2-stories"
    loaded = load_on_torch(ModelSpec(model, device="cpu", dtype="float32"), ("causal",))
    draft = options.draft and load_on_torch(ModelSpec(options.draft, device="cpu"), ("causal",))
    ways: dict[str, dict[str, Any]] = {PLAIN: {"assist": "none"}, "lookup": {}}
    if draft:
        ways[options.draft] = {"assist": options.draft}
    rounds, count = (1, 16) if options.quick else (options.rounds, options.tokens)
    rows = []
    for name, (prompt, settings, needed) in CASES.items():
        ids = loaded.tokenizer(prompt)["input_ids"]
        if loaded.context is not None:
            ids = ids[-(loaded.context - count) :]
        sides = {way: common.Side() for way in ways}
        results: dict[str, tuple[list[int], int, common.Run]] = {}
        for number in range(rounds):
            for way in list(ways)[:: 1 if number % 2 == 0 else -1]:
                network = loaded.network
                engine = AssistedEngine(loaded, draft) if way == options.draft else None
                decoding = Decoding(**settings, **ways[way])
                results[way] = continued(
                    engine or TorchEngine(network), ids, count, decoding, end_tokens(loaded)
                )
                sides[way].runs.append(results[way][2])
        for way in list(ways)[1:]:
            tokens, passes, _ = results[way]
            same = tokens == results[PLAIN][0]
            said = "the same tokens" if same else "DIFFERENT tokens"
            check = common.Check(f"{said}; {len(tokens) / passes:.2f} a pass", same)
            row = common.row(
                f"one text on torch that {name}, {len(ids)} + {len(tokens)} tokens, {way}",
                PLAIN,
                sides[way],
                sides[PLAIN],
                amount=len(tokens),
                unit="tokens",
                needed=needed if way == "lookup" else None,
                check=lambda check=check: check,
            )
            rows.append({**row, "our_peak_mb": None, "their_peak_mb": None})
    common.finish(options, rows)


if __name__ == "__main__":
    main()
