"""Compare llmcli's decoding with transformers' generate, token for token, on real models.

    python benchmarks/decoding_equality.py gpt2-stories FOLDER.. [--tokens 60]
    python benchmarks/decoding_equality.py --architectures [NAME..]

For each model: greedy decoding, penalties and beams, from several prompts, alone and in one
batch; prints a line a setting and exits with 1 if a single token differs. A folder without a
tokenizer is given prompts of random ids.

With --architectures: greedy decoding of a tiny random model of each causal architecture, with
prompts of five lengths, compared with two references: transformers' generate, and the argmax of
forward passes over the whole text, without a cache, a mask and padding. Where these two disagree,
the second is what the model computes.
"""

import argparse
import sys
import time
from collections import Counter

import architectures
import torch
from transformers import AutoModelForCausalLM

from llmcli.decoding.beam_search import beam_search
from llmcli.decoding.loop import DecodingLoop
from llmcli.decoding.ragged import reads_rows, takes_rows
from llmcli.decoding.request import Request
from llmcli.decoding.unpadded import causal_state, takes_padding
from llmcli.engines.base import end_tokens
from llmcli.engines.pytorch import loading
from llmcli.engines.pytorch.engine import TorchEngine
from llmcli.errors import ModelUnsuitable
from llmcli.spec import Decoding, ModelSpec

TEXTS = [
    "Once upon a time",
    "The capital of France is",
    "我明天要去看电影。",
    "One day, Tom",
    "def f(x):",
]
GREEDY = [
    {},
    {"repetition_penalty": 1.2},
    {"no_repeat_ngram_size": 3},
    {"repetition_penalty": 1.1, "no_repeat_ngram_size": 2},
]
BEAMS = [{"num_beams": 2}, {"num_beams": 4}, {"num_beams": 4, "no_repeat_ngram_size": 2}]


def load(name):
    """A model, prompts of ids, and its end tokens."""
    try:
        loaded = loading.load(ModelSpec(name), ("causal",))
    except ModelUnsuitable as error:
        if "no tokenizer" not in str(error):
            raise
        model = AutoModelForCausalLM.from_pretrained(name).eval()
        draw = torch.Generator().manual_seed(0)
        sizes = (1, 4, 9, 17)
        prompts = [torch.randint(3, 3000, (n,), generator=draw).tolist() for n in sizes]
        return model, [[1], *prompts], frozenset({1, 2})
    prompts = [loaded.tokenizer(text)["input_ids"] for text in TEXTS]
    return loaded.network, prompts, end_tokens(loaded)


def theirs(model, prompt, tokens, ends, **settings):
    ids = torch.tensor([prompt])
    out = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=tokens,
        do_sample=False,
        eos_token_id=sorted(ends),
        pad_token_id=min(ends),
        **{"repetition_penalty": 1.0, **settings},
    )
    return trimmed(out[0, len(prompt) :].tolist(), ends)


def trimmed(ids, ends):
    """Ids before the first end token."""
    return next((ids[:at] for at, token in enumerate(ids) if token in ends), ids)


def ours(model, prompts, tokens, ends, **settings):
    request = Request(prompts, [tokens] * len(prompts), ends)
    decoder = DecodingLoop(causal_state(model, prompts), request, Decoding(**settings))
    rows = [[] for _ in prompts]
    while decoder.running:
        for step in decoder.step():
            rows[step.row].append(step.token)
    return [trimmed(row, ends) for row in rows]


def in_slots(model, prompts, tokens, ends, **settings):
    """The rows of the engine, which continues several prompts without padding where it can."""
    request = Request(prompts, [tokens] * len(prompts), ends)
    rows = [[] for _ in prompts]
    for step in TorchEngine(model).decode(request, Decoding(**settings)):
        rows[step.row].append(step.token)
    return [trimmed(row, ends) for row in rows]


def searched(model, prompts, spec, tokens, ends):
    """The best hypothesis of each prompt."""
    request = Request(prompts, [tokens] * len(prompts), ends)
    found = beam_search(causal_state(model, prompts), request, spec)
    return [list(hypotheses[0].tokens) for hypotheses in found]


def compare(name, tokens):
    """Print how many prompts agree for each setting; return whether all do."""
    model, prompts, ends = load(name)
    good = True
    for settings in GREEDY + BEAMS:
        began = time.perf_counter()
        expected = [theirs(model, prompt, tokens, ends, **settings) for prompt in prompts]
        if "num_beams" in settings:
            spec = Decoding(**settings)
            found = [searched(model, [prompt], spec, tokens, ends)[0] for prompt in prompts]
            batched = searched(model, prompts, spec, tokens, ends)
        else:
            found = [ours(model, [prompt], tokens, ends, **settings)[0] for prompt in prompts]
            batched = ours(model, prompts, tokens, ends, **settings)
            slots = in_slots(model, prompts, tokens, ends, **settings)
            good &= slots == expected
            print(f"{name}  {settings or 'greedy'}: by the engine {_equal(slots, expected)}")
        alone = sum(a == b for a, b in zip(found, expected, strict=True))
        together = sum(a == b for a, b in zip(batched, expected, strict=True))
        total = sum(map(len, expected))
        print(
            f"{name}  {settings or 'greedy'}: {alone}/{len(prompts)} alone, "
            f"{together}/{len(prompts)} in one batch, {total} tokens, "
            f"{time.perf_counter() - began:.1f} s",
            flush=True,
        )
        good &= alone == together == len(prompts)
    return good


NEW_TOKENS = 20
END = architectures.VOCABULARY - 1
LENGTHS = (1, 4, 9, 17, 5)


@torch.inference_mode()
def recomputed(model, prompt):
    """Greedy tokens by forward passes over the whole text; the smallest lead of a best logit."""
    ids, lead = list(prompt), float("inf")
    for _ in range(NEW_TOKENS):
        best = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].topk(2)
        lead = min(lead, float(best.values[0] - best.values[1]))
        if best.indices[0] == END:
            break
        ids.append(int(best.indices[0]))
    return ids[len(prompt) :], lead


def rows_of(compute):
    """The rows that a function gives, or the error that a model's own code raises."""
    try:
        return compute()
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:60]}".replace("\n", " ")


def compare_architecture(name):
    """Print how a tiny model of an architecture decodes; return which column it counts for."""
    model = rows_of(lambda: architectures.build(name, "causal"))
    if isinstance(model, str):
        print(f"{name}: not built: {model}", flush=True)
        return "not built"
    draw, ends = torch.Generator().manual_seed(0), frozenset({END})
    prompts = [torch.randint(5, END - 5, (size,), generator=draw).tolist() for size in LENGTHS]
    plain = rows_of(lambda: [recomputed(model, prompt) for prompt in prompts])
    if isinstance(plain, str):
        print(f"{name}: its own forward pass fails: {plain}", flush=True)
        return "cannot run"
    lead, expected = min(lead for _, lead in plain), [row for row, _ in plain]
    generated = rows_of(lambda: [theirs(model, each, NEW_TOKENS, ends) for each in prompts])
    alone = rows_of(lambda: [ours(model, [each], NEW_TOKENS, ends)[0] for each in prompts])
    batched = rows_of(lambda: ours(model, prompts, NEW_TOKENS, ends))
    slots = rows_of(lambda: in_slots(model, prompts, NEW_TOKENS, ends))
    equal = [_equal(alone, expected), _equal(batched, expected), _equal(generated, expected)]
    how = "padded" if takes_padding(model) else "each length by itself"
    how += ", and in slots" if takes_rows(model) and reads_rows(model) else ""
    print(
        f"{name}: {equal[0]} alone, {equal[1]} in one batch ({how}), {equal[2]} by generate; "
        f"least lead {lead:.1e}",
        flush=True,
    )
    if slots != batched:
        print(f"{name}: {_equal(slots, batched)} by the engine", flush=True)
        return "different"
    if alone == batched == expected:
        return "equal" if generated == expected else "equal, but generate differs"
    if alone != batched or alone != generated:
        return "different"
    return "cannot generate" if isinstance(generated, str) else "equal to generate alone"


def _equal(rows, expected):
    if isinstance(rows, str):
        return f"({rows})"
    return f"{sum(a == b for a, b in zip(rows, expected, strict=True))}/{len(expected)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*")
    parser.add_argument("--tokens", type=int, default=60)
    parser.add_argument("--architectures", action="store_true")
    options = parser.parse_args()
    if not options.architectures:
        sys.exit(not all([compare(name, options.tokens) for name in options.models]))
    chosen = options.models or architectures.names("causal")
    results = {name: compare_architecture(name) for name in chosen}
    for result, count in Counter(results.values()).most_common():
        some = ", ".join(name for name, value in results.items() if value == result)
        print(f"{count} {result}" + ("" if result == "equal" else f": {some}"))
    sys.exit("different" in results.values())


if __name__ == "__main__":
    main()
