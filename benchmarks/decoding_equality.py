"""Compare llmcli's decoding with transformers' generate, token for token, on real models.

    python benchmarks/decoding_equality.py gpt2-stories FOLDER.. [--tokens 60]

For each model: greedy decoding, penalties and beams, from several prompts, alone and in one
batch; prints a line a setting and exits with 1 if a single token differs. A folder without a
tokenizer is given prompts of random ids.
"""

import argparse
import sys
import time

import torch
from transformers import AutoModelForCausalLM

from llmcli.decoding.beam_search import beam_search
from llmcli.decoding.decoder_only import CachedCausal
from llmcli.decoding.loop import DecodingLoop
from llmcli.decoding.request import Request
from llmcli.engines.base import end_tokens
from llmcli.engines.pytorch import loading
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
    decoder = DecodingLoop(CachedCausal(model, prompts), request, Decoding(**settings))
    rows = [[] for _ in prompts]
    while decoder.running:
        for step in decoder.step():
            rows[step.row].append(step.token)
    return [trimmed(row, ends) for row in rows]


def searched(model, prompts, spec, tokens, ends):
    """The best hypothesis of each prompt."""
    request = Request(prompts, [tokens] * len(prompts), ends)
    found = beam_search(CachedCausal(model, prompts), request, spec)
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--tokens", type=int, default=60)
    options = parser.parse_args()
    sys.exit(not all([compare(name, options.tokens) for name in options.models]))


if __name__ == "__main__":
    main()
