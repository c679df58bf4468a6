"""The next word: the page's sliders give what sampling itself does."""

import json

import numpy as np
import pytest
import torch

from llmcli.decoding.sampling import filters
from llmcli.spec import Decoding
from tests.node import run_module

SETTINGS = [
    {"temperature": 1.0},
    {"temperature": 0.35},
    {"temperature": 2.0, "top_k": 5},
    {"temperature": 0.0},
    {"temperature": 1.0, "top_p": 0.9},
    {"temperature": 0.7, "top_p": 0.31},
    {"temperature": 1.0, "min_p": 0.05},
    {"temperature": 1.5, "top_k": 40, "top_p": 0.8, "min_p": 0.1},
    {"temperature": 0.05, "top_k": 200, "top_p": 0.99, "min_p": 0.01},
    {"temperature": 1.0, "top_k": 1000, "top_p": 0.01},
]
JS_NAMES = {"top_k": "topK", "top_p": "topP", "min_p": "minP", "temperature": "temperature"}


def js(settings):
    return json.dumps({JS_NAMES[name]: value for name, value in settings.items()})


@pytest.fixture(scope="module")
def logits():
    """Three distributions of 2,000 tokens, greatest first: broad, ordinary, with equal logits."""
    rng = np.random.default_rng(3)
    rows = np.stack([rng.normal(size=2000), 3 * rng.normal(size=2000), rng.integers(0, 9, 2000)])
    rows = -np.sort(-rows, -1)
    return (rows - rows[:, :1]).astype(np.float32)


def by_sampling(row, settings):
    """The probabilities (V,) that decoding draws from, and the filter that took each token away."""
    logits, taken = torch.tensor(row)[None], np.full(len(row), "", object)
    for name, change in filters(Decoding(**settings)):
        before, logits = logits, change(logits)
        taken[(torch.isneginf(logits) & ~torch.isneginf(before))[0].numpy()] = name
    return logits.softmax(-1)[0].numpy(), taken.tolist()


def test_sliders_give_what_sampling_does(logits):
    calls = ",".join(
        f"narrow({{logits: rows[{row}]}}, {js(settings)})"
        for row in range(len(logits))
        for settings in SETTINGS
    )
    results = run_module(f"""
        import {{ narrow }} from "js:sampling.js";
        const rows = {logits.tolist()}.map((row) => Float32Array.from(row));
        give([{calls}].map((each) => ({{ ...each, probabilities: [...each.probabilities] }})));
    """)
    for at, result in enumerate(results):
        settings, given = SETTINGS[at % len(SETTINGS)], result["probabilities"]
        wanted, taken = by_sampling(logits[at // len(SETTINGS)], settings)
        if not (at // len(SETTINGS) == 2 and "top_p" in settings):  # which of equals is open
            assert result["removedBy"] == taken, settings
            np.testing.assert_allclose(given, wanted, atol=2e-6, err_msg=str(settings))
        else:
            assert sum(np.array(given) > 0) == sum(wanted > 0)


def test_the_rest_stands_for_the_tokens_that_are_not_listed(logits):
    """Wherever no filter ends among them, the listed tokens get what the whole vocabulary gives."""
    row, listed = logits[1], 300
    broad = [{"temperature": 2.0, "top_p": 0.99}, {"temperature": 2.0, "min_p": 0.001}]
    tried = [each for each in SETTINGS if each.get("top_k", 0) <= listed] + broad
    calls = ",".join(
        f"narrow({{logits: row.slice(0, {listed}), rest}}, {js(settings)})" for settings in tried
    )
    results = run_module(f"""
        import {{ narrow }} from "js:sampling.js";
        const row = Float32Array.from({row.tolist()});
        const at = (t) => Math.log(row.slice({listed}).reduce(
            (sum, value) => sum + Math.exp(value / Math.max(t, 1e-6)), 0));
        const rest = {{ at }};
        const list = (each) => ({{ ...each, probabilities: [...each.probabilities] }});
        give([{calls}].map(list));
    """)
    assert [result["restKept"] for result in results][-2:] == [True, True]
    for settings, result in zip(tried, results, strict=True):
        wanted, _ = by_sampling(row, settings)
        given = np.array(result["probabilities"])
        if result["restKept"]:  # lower bounds
            assert (given <= wanted[:listed] + 1e-6).all() and (wanted[listed:] > 0).any()
        else:
            np.testing.assert_allclose(given, wanted[:listed], atol=2e-6, err_msg=str(settings))
            assert result["restShare"] == pytest.approx(wanted[listed:].sum(), abs=2e-6)


def test_each_token_says_which_filter_took_it_away():
    result = run_module("""
        import { entropy, narrow, pick } from "js:sampling.js";
        const logits = Float32Array.from([8, 4, 2, 1, 1].map((p) => Math.log(p / 8)));
        const each = narrow({ logits }, { topK: 4, topP: 0.9, minP: 0.3 });
        const halves = [0.5, 0.5];
        const picks = [0, 0.49, 0.5, 0.99].map((u) => pick(halves, u));
        give({ ...each, entropy: entropy(halves), picks });
    """)
    # 8 4 2 1 1: top-k keeps the tie; of 16, the last two are an eighth, at most 0.1 goes: one.
    assert result["removedBy"] == ["", "", "min_p", "min_p", "top_p"]
    assert result["kept"] == 2
    assert result["entropy"] == pytest.approx(np.log(2))
    assert result["picks"] == [0, 0, 1, 1]
