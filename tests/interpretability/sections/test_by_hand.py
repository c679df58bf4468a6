"""One head by hand has the model's numbers at each step, in every family."""

import re

import numpy as np
import pytest
import torch

from llmcli.errors import InputError
from llmcli.interpretability.page_data import pack, packed_size
from llmcli.interpretability.sections import by_hand
from llmcli.spec.explain import ExplainOptions
from tests.interpretability.studies import study_of

FAMILIES = (
    *(("gpt2", "causal"), ("llama", "causal"), ("qwen3", "causal"), ("gemma2", "causal")),
    *(("gpt_neox", "causal"), ("opt", "causal"), ("bert", "masked"), ("distilbert", "masked")),
    *(("roberta", "masked"), ("t5", "seq2seq"), ("bart", "seq2seq"), ("marian", "seq2seq")),
    ("m2m100", "seq2seq"),
)


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda param: param[0])
def study(request, family_folder):
    name, kind = request.param
    languages = {"from_lang": "en", "to_lang": "fr"} if name in ("t5", "m2m100") else {}
    return study_of(family_folder(name), kind, **languages)


def test_the_steps_lead_to_what_the_layer_adds(study):
    result = by_hand.build(study, ExplainOptions(layers=(1,), heads=(1,)))
    assert (result.layer, result.head) == (1, 1)
    assert [check.holds for check in result.checks] == [True, True]
    assert np.allclose(result.products, result.query @ result.key.T, atol=1e-5)
    assert np.allclose(result.weights.sum(-1), 1, atol=1e-5)
    assert np.isneginf(result.mask).any() == (study.kind == "causal")
    added = attention_output(study, result)
    assert result.all_written is not None
    assert np.allclose(result.all_written, added, atol=1e-5)
    assert np.allclose(result.written, added[:, :8], atol=1e-5)


def attention_output(study, result):
    """What the attention module of a layer gives (T, D), by a hook on the module itself."""
    names = {"cross": ("encoder_attn", "EncDecAttention"), "self": ("attn", "attention")}
    modules = [
        module
        for name, module in study.network.named_modules()
        if name.endswith(names[result.part])
        and int(re.findall(r"\.(\d+)", name)[0]) == result.layer
    ]
    seen = []
    handle = modules[0].register_forward_hook(lambda _, __, output: seen.append(output))
    study.run()
    handle.remove()
    output = seen[0][0] if isinstance(seen[0], tuple) else seen[0]
    if study.network.config.model_type in ("bert", "roberta"):  # the module ends with a norm
        dense = modules[0].output.dense
        return torch.nn.functional.linear(
            torch.tensor(result.joined), dense.weight, dense.bias
        ).numpy()
    return output[0].detach().numpy()


def test_a_head_that_looks_back_is_chosen_by_itself(family_folder):
    study = study_of(family_folder("gpt2"), "causal")
    result = by_hand.build(study, ExplainOptions())
    means = {
        (captured.site.layer, head): weights[1:, 1:].max(-1).values.mean()
        for captured in study.attentions
        for head, weights in enumerate(captured.weights[0])
    }
    assert (result.layer, result.head) == max(means, key=means.get)


@pytest.mark.parametrize("choice", [{"layers": (0, 2)}, {"heads": (2,)}], ids=str)
def test_a_layer_or_head_that_is_not_there_is_refused(family_folder, choice):
    study = study_of(family_folder("gpt2"), "causal")
    name, numbers = next(iter(choice.items()))
    with pytest.raises(InputError, match=f"`{name}` {numbers[-1]} is not in the model.* 0 to 1"):
        by_hand.build(study, ExplainOptions(**choice))


def test_vectors_of_all_layers_that_are_asked_for_are_stored(family_folder):
    study = study_of(family_folder("llama"), "causal")
    result = by_hand.build(study, ExplainOptions(layers=(1, 0)))
    count = len(study.side.tokens)
    assert (result.layer, result.stored_layers) == (1, (0, 1))
    assert result.all_queries.shape == result.all_keys.shape == (2, 2, count, 8)
    assert np.array_equal(result.all_keys[1, result.head], result.key)


@pytest.mark.parametrize("budget", [60_000, 5_000])
def test_a_page_has_the_queries_that_fit(family_folder, budget):
    study = study_of(family_folder("gpt2"), "causal", "the cat sat on the mat. " * 4)
    result = by_hand.build(study, ExplainOptions())
    data = by_hand.page_data(result, budget)
    rows = len(data["weights"])
    assert data["first"] <= result.position < data["first"] + rows
    assert (rows == len(result.weights)) == (budget == 60_000)
    assert np.array_equal(data["weights"], result.weights[data["first"] :][:rows])
    assert packed_size(pack(data)) <= budget


def test_the_terminal_shows_the_steps(run):
    words = ("explain", "Once upon a time", "--section", "by-hand", "--layers", "1", "--heads", "3")
    lines = run(*words, "-q").stdout.splitlines()
    assert "Layer 1, head 3. How much does ' time' at position 3 take from each token?" in lines
    (row,) = [line.split() for line in lines if line.startswith(" ' a'")]
    assert row[2:] == ["9.871", "1.234", "1.234", "1.0000", "0.6495"]
    assert max(map(len, lines)) <= 80


def test_the_picture_has_the_weights_and_the_tokens(run, tmp_path):
    path = tmp_path / "head.svg"
    words = ("explain", "Once upon", "--section", "by-hand", "--layers", "1", "--heads", "3")
    result = run(*words, "-o", path)
    assert result.exit_code == 0, result.stderr
    picture = path.read_text("utf-8")
    for text in ("Layer 1, head 3: softmax(QKᵀ/√d)", ">Once<", "> upon<", ">1.00<"):
        assert text in picture
