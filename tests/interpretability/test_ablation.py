"""The effect of a head or a layer equals that of an independent hook."""

import re

import numpy as np
import pytest
import torch

from llmcli.errors import InputError
from llmcli.interpretability import interventions
from llmcli.interpretability.ablation import attended, head_effects, idle_head, layer_effects
from llmcli.interpretability.probe import Site
from llmcli.interpretability.sections.what_if import build, rank_correlation
from llmcli.spec.explain import ExplainOptions
from tests.interpretability.families import FAMILIES, TEXT, save
from tests.interpretability.predictions import outcome, settings_of, study_of
from tests.tiny_models import MORE_WORDS, WORDS, make_bert, word_tokenizer

PROJECTION = re.compile(
    r"attn\.c_proj$|o_proj$|out_proj$|attention\.dense$|attention\.output\.dense$|out_lin$"
    r"|SelfAttention\.o$|EncDecAttention\.o$|albert.*attention\.dense$"
)
"""The output projections of the families, by the names in their files."""
STORY = "Once upon a time, the little cat sat on the mat. One day the little"


def projections(network, part):
    """The output projections of a part, layer by layer."""
    cross = re.compile(r"encoder_attn|EncDecAttention")
    side = {"cross": "decoder", "self": ""}.get(part, part)
    return [
        module
        for name, module in network.named_modules()
        if PROJECTION.search(name)
        and side in name
        and bool(cross.search(name)) == (part == "cross")
    ]


def change_by_hook(of, hook, module, before=True):
    """The change of log p of the target with a hook, under the attention that the model has."""
    study = of.study
    handle = (module.register_forward_pre_hook if before else module.register_forward_hook)(hook)
    try:
        after = of.scores(study.run()).log_softmax(-1)[0, of.target]
    finally:
        handle.remove()
    return float(after - of.scores(study.run()).log_softmax(-1)[0, of.target])


def without(head, size, values, mode="zero", upto=None):
    values = values.clone()
    part = values[..., head * size : (head + 1) * size]
    part[:] = 0 if mode == "zero" else part[:, :upto].mean(1, keepdim=True)
    return values


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_heads_have_the_effects_of_a_hook_on_the_output_projection(family, family_folder):
    of = outcome(family_folder(family.name), **settings_of(family.name))
    own = of.study.network.config._attn_implementation
    assert own == ("eager" if family.name == "gemma2" else "sdpa")  # SDPA has no softcap
    parts = head_effects(of, attended(of.study))
    names = {"seq2seq": ["encoder", "decoder", "cross"]}.get(family.kind, ["self"])
    assert sorted(part.part for part in parts) == sorted(names)
    for part in parts:
        modules = projections(of.study.network, part.part)
        assert len(modules) == len(part.layers)
        size = part.change.shape[1]
        for row, module in enumerate(modules):
            for head in range(size):

                def hook(module, args, head=head, size=size):
                    width = args[0].shape[-1] // size
                    return (without(head, width, args[0]), *args[1:])

                expected = change_by_hook(of, hook, module)
                assert part.change[row, head] == pytest.approx(expected, abs=1e-4)
    assert max(np.abs(part.change).max() for part in parts) > 1e-3


@pytest.mark.parametrize(
    ("model", "text", "settings"),
    [
        ("gpt2-stories", STORY, {}),
        ("bert-en", "The [MASK] sat on the mat.", {"task": "masked-lm"}),
        ("marian-en-fr-zh", "The black cat sleeps.", {"to_lang": "fr"}),
    ],
)
def test_each_run_checks_its_strongest_head(model, text, settings):
    study = study_of(model, text, **settings)
    result = build(study, study.options)
    (check,) = result.checks
    assert check.name == "what-if.hook" and check.holds and check.error < 1e-4
    assert max(np.abs(part.change).max() for part in result.heads) > 0.04


def test_mean_ablation_sees_no_further_than_the_prediction(family_folder):
    of = outcome(family_folder("gpt2"), ablate="mean", position=5)
    (part,) = head_effects(of, attended(of.study))
    module = projections(of.study.network, "self")[0]

    def hook(module, args):
        return (without(1, 8, args[0], "mean", upto=6), *args[1:])

    assert part.change[0, 1] == pytest.approx(change_by_hook(of, hook, module), abs=1e-4)
    zero = outcome(family_folder("gpt2"), position=5)
    assert abs(part.change[0, 1] - head_effects(zero, attended(zero.study))[0].change[0, 1]) > 1e-4


def test_layers_have_the_effects_of_a_hook_on_their_output(family_folder):
    of = outcome(family_folder("gpt2"))
    (stack,) = layer_effects(of, ())
    assert stack.kinds == ("self", "mlp") and stack.layers == (0, 1)
    block = of.study.network.transformer.h[1]

    def no_attention(module, args, output):
        return (torch.zeros_like(output[0]), *output[1:])

    def no_mlp(module, args, output):
        return torch.zeros_like(output)

    expected = [
        change_by_hook(of, no_attention, block.attn, before=False),
        change_by_hook(of, no_mlp, block.mlp, before=False),
    ]
    assert stack.change[1].tolist() == pytest.approx(expected, abs=1e-4)


def test_batches_of_any_size_give_the_same(family_folder, monkeypatch):
    of = outcome(family_folder("llama"))
    sites = attended(of.study)
    whole = head_effects(of, sites)[0]
    monkeypatch.setattr(interventions, "MOST_NUMBERS", 1)
    single = head_effects(of, sites)[0]
    assert single.change == pytest.approx(whole.change, abs=1e-5)
    assert (single.best == whole.best).all()


def test_chosen_layers_and_heads_alone_are_ablated(family_folder):
    study = study_of(family_folder("llama"), layers=(1,), heads=(1,), patch_from=TEXT)
    result = build(study, study.options)
    whole = build(study_of(family_folder("llama")), ExplainOptions())
    (part,) = result.heads
    assert (part.layers, part.numbers, result.layers[0].layers) == ((1,), (1,), (1,))
    assert part.change == pytest.approx(whole.heads[0].change[1:, 1:], abs=1e-5)
    assert part.weight == pytest.approx(whole.heads[0].weight[1:, 1:])
    assert (result.patch.heads[0].layers, result.patch.heads[0].numbers) == ((1,), (1,))
    assert result.checks[0].holds


@pytest.mark.parametrize("settings", [{"layers": (0, 2)}, {"heads": (2,)}])
def test_layers_and_heads_that_are_not_there_are_refused(settings, family_folder):
    study = study_of(family_folder("llama"), **settings)
    with pytest.raises(InputError, match="` 2 is not in the model, which has 0 to 1"):
        build(study, study.options)


def test_heads_that_cannot_be_taken_away_leave_the_layers(family_folder):
    study = study_of(family_folder("bloom"))
    result = build(study, study.options)
    assert (result.heads, result.without_heads, result.checks) == ((), "no_heads", ())
    assert result.layers[0].change.shape == (2, 2)


def test_a_model_without_attention_is_said_to_have_none(family_folder):
    study = study_of(family_folder("mamba"))
    result = build(study, study.options)
    assert (result.heads, result.layers, result.without_heads) == ((), (), "no_attention")


def test_layers_that_share_their_weights_lose_a_head_together(tmp_path):
    from transformers import AlbertConfig, AlbertForMaskedLM

    tokenizer = word_tokenizer()
    shape = {"hidden_size": 16, "embedding_size": 8, "num_attention_heads": 2}
    config = AlbertConfig(vocab_size=len(tokenizer), intermediate_size=32, **shape)
    config.num_hidden_layers = 3
    folder = save(AlbertForMaskedLM(config), tokenizer, tmp_path / "albert", 3.0)
    study = study_of(folder, "the cat sat")
    result = build(study, study.options)
    assert result.heads[0].change.shape == (1, 2) and result.checks == ()
    assert result.notes == (
        "the layers share their weights: a head is taken away in all of them at once",
    )
    of = outcome(folder, "the cat sat")
    module = projections(study.network, "self")[0]

    def hook(module, args):
        return (without(1, 8, args[0]), *args[1:])

    expected = change_by_hook(of, hook, module)
    assert result.heads[0].change[0, 1] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    "settings", [{"num_labels": 1}, {"problem_type": "multi_label_classification"}]
)
def test_a_classifier_may_give_a_number_or_labels_that_hold_together(settings, tmp_path):
    folder = make_bert(tmp_path / "m", "SequenceClassification", WORDS + MORE_WORDS, **settings)
    study = study_of(folder, "the cat sat", swap=("cat", "dog"))
    result = build(study, study.options)
    logits = [
        float(study_of(folder, text).outputs.logits[0, 0])
        for text in ("the cat sat", "the dog sat")
    ]
    if "num_labels" in settings:
        assert result.is_number and np.isnan(result.heads[0].divergence).all()
        assert result.log_probability == pytest.approx(logits[0])
        assert result.swap.best[0].after == pytest.approx(logits[1])
    else:
        by_name = {each.name: each for each in (*result.swap.gains, *result.swap.losses)}
        assert by_name["LABEL_0"].after == pytest.approx(1 / (1 + np.exp(-logits[1])), abs=1e-6)
    assert result.checks[0].holds


def test_heads_that_would_take_too_long_are_left_out_and_said(family_folder, monkeypatch):
    monkeypatch.setattr("llmcli.interpretability.sections.what_if.MOST_WORK", 1)
    study = study_of(family_folder("gpt2"))
    assert build(study, study.options).without_heads == "left_out_heads"
    asked = study_of(family_folder("gpt2"), sections=("what-if",))
    assert build(asked, asked.options).without_heads is None


def test_attention_and_effect_are_compared_by_ranks():
    from scipy.stats import spearmanr

    study = study_of("gpt2-stories", STORY)
    heads = head_effects(outcome("gpt2-stories", STORY), attended(study))
    weights, sizes = heads[0].weight.ravel(), np.abs(heads[0].change).ravel()
    assert rank_correlation(heads) == pytest.approx(spearmanr(weights, sizes).statistic)
    idle = idle_head(heads)
    assert idle is not None and idle.weight >= 0.5
    assert 10 * abs(idle.change) <= np.abs(heads[0].change).max()


def test_a_weight_is_that_of_the_recorded_attention(family_folder):
    study = study_of(family_folder("bert"), position=3)
    captured = study.attentions[1]
    each = next(each for each in attended(study) if each.site == captured.site == Site("self", 1))
    row = captured.weights[0, :, 3]
    assert each.weight == pytest.approx(row.max(-1).values.numpy())
    assert each.position.tolist() == row.argmax(-1).tolist()
