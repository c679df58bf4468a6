"""The attention section: kinds of heads, the weights that are kept, and what is said of them."""

import weakref

import numpy as np
import pytest

from llmcli.cli.wrapping import cell_width
from llmcli.errors import UsageError
from llmcli.interpretability import attention_reader
from llmcli.interpretability.attention_outputs import effects
from llmcli.interpretability.explanation import explain_study
from llmcli.interpretability.export import write_explanation
from llmcli.interpretability.page_data import BUDGET
from llmcli.interpretability.probe import Site
from llmcli.interpretability.sections import attention
from tests.interpretability.families import WITHOUT_INTERFACE
from tests.interpretability.studies import study_of
from tests.tiny_models import make_causal


def built(model, kind, **choices):
    study = study_of(model, kind, **choices)
    return study, attention.build(study, study.options)


@pytest.mark.parametrize(
    ("name", "kind", "parts"),
    [
        ("gpt2", "causal", {"self": "causal"}),
        ("bert", "masked", {"self": "bidirectional"}),
        ("bart", "seq2seq", {"encoder": "bidirectional", "decoder": "causal", "cross": "cross"}),
    ],
)
def test_each_part_has_its_weights_and_the_checks_hold(family_folder, name, kind, parts):
    study, result = built(family_folder(name), kind)
    assert {part.part: part.direction for part in result.parts} == parts
    recorded = {captured.site: captured for captured in study.attentions}
    for part in result.parts:
        assert part.shape == (2, 2)
        for held in part.held:
            captured = recorded[Site(part.part, held.layer)]
            assert np.array_equal(held.weights, captured.weights[0])
            assert held.norms.shape == (2, len(part.keys))
    assert all(check.holds for check in result.checks)
    assert {check.name for check in result.checks} >= {"attention.weights", "attention.values"}
    assert result.notes == ()


def test_norms_are_the_lengths_of_the_values_after_the_output_matrix(family_folder):
    study, result = built(family_folder("gpt2"), "causal")
    for held, captured in zip(result.parts[0].held, study.attentions, strict=True):
        matrix = study.network.transformer.h[held.layer].attn.c_proj.weight  # (H d, D)
        for head in range(2):
            vectors = captured.value[0, head] @ matrix[8 * head : 8 * head + 8]
            assert held.norms[head] == pytest.approx(vectors.norm(dim=-1).numpy(), rel=1e-5)


def test_the_effect_is_the_length_of_what_attention_adds_to_its_layer(family_folder):
    study = study_of(family_folder("gpt2"), "causal")
    added = []
    hooks = [
        block.attn.register_forward_hook(lambda module, args, output: added.append(output[0][0]))
        for block in study.network.transformer.h
    ]
    hidden = study.run(output_hidden_states=True).hidden_states
    for hook in hooks:
        hook.remove()
    for layer, effect in enumerate(effects(study).values()):
        ratios = added[layer].norm(dim=-1) / hidden[layer][0].norm(dim=-1)
        assert effect == pytest.approx(float(ratios.mean()), rel=1e-5)


@pytest.mark.parametrize("family", WITHOUT_INTERFACE, ids=lambda family: family.name)
def test_a_model_that_gives_weights_alone_says_so_in_one_line(family_folder, family):
    study, result = built(family_folder(family.name), family.kind)
    assert attention.reason_against(study) is None
    (part,) = result.parts
    assert part.direction == ("causal" if family.kind == "causal" else "bidirectional")
    assert all(held.norms is None for held in part.held)
    assert [note for note in result.notes if "queries, keys, values" in note] == [*result.notes]
    assert all(check.holds for check in (*result.checks, *study.checks))


def test_a_model_without_attention_has_no_such_section(family_folder):
    study = study_of(family_folder("mamba"), "causal")
    assert attention.reason_against(study) == "it has no attention"


def test_chosen_layers_and_heads_are_kept_alone(family_folder):
    _, whole = built(family_folder("gpt2"), "causal")
    _, result = built(family_folder("gpt2"), "causal", layers=(1,), heads=(0,))
    (part,) = result.parts
    assert [held.layer for held in part.held] == [1]
    assert np.array_equal(part.held[0].weights[0], whole.parts[0].held[1].weights[0])
    assert part.shape == (2, 2)  # all heads are scored
    with pytest.raises(UsageError, match="`layers` 2: the model's layers are 0 to 1"):
        built(family_folder("gpt2"), "causal", layers=(2,))
    with pytest.raises(UsageError, match="`heads` 5: the model's heads are 0 to 1"):
        built(family_folder("gpt2"), "causal", heads=(5,))


def test_beyond_the_limit_the_layers_of_the_greatest_effect_are_kept(family_folder, monkeypatch):
    monkeypatch.setattr(attention_reader, "HELD", 2 * 15 * 15)
    study, result = built(family_folder("gpt2"), "causal")
    (part,) = result.parts
    assert [held.layer for held in part.held] == [int(part.effects.argmax())]
    assert "the weights of 1 of 2 layers are kept" in result.notes[0]


def test_a_file_has_the_weights_of_all_layers_though_few_are_kept(
    family_folder, monkeypatch, tmp_path
):
    path = tmp_path / "numbers.npz"
    study = study_of(family_folder("bart"), "seq2seq", sections=("attention",))
    monkeypatch.setattr(attention_reader, "HELD", 1)
    explanation = explain_study(study)
    assert all(len(part.held) == 1 for part in explanation.sections["attention"].parts)
    assert "write_rest" not in explanation.to_dict()["sections"]["attention"]
    write_explanation(explanation, path)
    arrays = np.load(path)
    for captured in study.attentions:
        site = captured.site
        stored = arrays[f"attention/{site.part}/layer{site.layer}/weights"]
        assert np.array_equal(stored, captured.weights[0])


def test_weights_are_let_go_as_the_pass_goes_on(family_folder, monkeypatch):
    monkeypatch.setattr(attention_reader, "HELD", 1)
    study = study_of(family_folder("bart"), "seq2seq")
    reader, alive, most = attention_reader.Reader(study), [], 0

    def visit(captured):
        nonlocal most
        alive.append(weakref.ref(captured.weights))
        most = max(most, sum(each() is not None for each in alive))
        reader.visit(captured)

    study.probed(visit)
    assert len(alive) == 6 and most <= 2


def test_a_page_of_a_long_text_says_which_layers_it_shows(
    family_folder, monkeypatch, run, tmp_path
):
    monkeypatch.setitem(BUDGET, "attention", 100)
    command = ("explain", "the cat sat", "-m", family_folder("gpt2"), "--section", "attention")
    result = run(*command, "-o", tmp_path / "page.html")
    assert "the page has room for the weights of these layers: " in result.stderr
    assert "; --layers and --heads choose others" in result.stderr
    result = run(*command, "-o", tmp_path / "page.html", "--layers", "0,1")
    assert "the page has room" not in result.stderr


def test_induction_is_measured_on_random_tokens_written_twice(family_folder):
    study, result = built(family_folder("gpt2"), "causal")
    _, other = built(family_folder("gpt2"), "causal", text="a cat")
    assert np.array_equal(result.parts[0].scores["induction"], other.parts[0].scores["induction"])


def test_a_page_keeps_what_fits_and_packs_half_of_a_causal_matrix(family_folder):
    _, result = built(family_folder("gpt2"), "causal")
    (part,) = attention.page_data(result, 1_000_000)["parts"]
    assert part["layers"] == [0, 1]
    assert part["weights"][0]["lower"] is True and part["weights"][0]["sqrt"] is True
    (small,) = attention.page_data(result, 1)["parts"]
    assert small["layers"] == [int(result.parts[0].effects.argmax())]


@pytest.mark.parametrize(("language", "title"), [("en", "Cross-attention"), ("zh", "交叉注意力")])
def test_the_terminal_shows_kinds_and_weights_in_80_columns(run, family_folder, language, title):
    command = ("explain", "我明天要去看电影。", "-m", family_folder("bart"), "--lang", language)
    result = run(*command, "--section", "attention", "--translation", "Le chat est sur le tapis.")
    assert result.exit_code == 0, result.stderr
    assert title in result.stdout
    assert max(map(cell_width, result.stdout.splitlines())) <= 80


def test_a_head_with_a_sink_says_that_rows_sum_to_less(run, bpe, tmp_path):
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "head_dim": 8}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 64}
    experts = {"num_local_experts": 2, "num_experts_per_tok": 1, "model_type": "gpt_oss"}
    folder = make_causal(bpe, tmp_path / "sinks", **shape, **heads, **experts)
    study, result = built(folder, "causal")
    assert result.parts[0].has_sinks and all(check.holds for check in result.checks)
    assert result.parts[0].held[0].weights.sum(-1).max() < 0.99
    shown = run("explain", "the cat sat", "-m", folder, "--section", "attention", "--lang", "en")
    assert "Rows sum to less than 1" in shown.stdout
