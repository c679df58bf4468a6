"""Vectors: against transformers' own states, pooled by hand."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from llmcli.data.rows import Failure, Row
from llmcli.engines.pytorch.loading import load_encoder
from llmcli.errors import InputError, ModelUnsuitable
from llmcli.inference.ranking import Ranking
from llmcli.spec import BatchOptions, ModelSpec
from llmcli.spec.tasks import EmbedOptions
from llmcli.tasks.embed import embed, embed_queries, rank
from tests.tiny_models import MORE_WORDS, WORDS, make_bert

TEXTS = ["the cat sat", "a dog", "this is good . it is bad ?", "cat"]


def rows(*texts):
    return [Row(number, text) for number, text in enumerate(texts, 1)]


def ranked(loaded, texts, spec, query, top):
    """The rows nearest to a query."""
    wanted = embed_queries(loaded, [query], spec, "window")
    return rank(embed(loaded, texts, spec), Ranking([query], wanted, top, "cosine"))


def states(loaded, text):
    """The token states (T, D) of one text alone."""
    with torch.no_grad():
        return loaded.network(**loaded.tokenizer(text, return_tensors="pt")).last_hidden_state[0]


@pytest.fixture(scope="module")
def encoder(tiny_encoder):
    return load_encoder(ModelSpec(str(tiny_encoder)))


@pytest.mark.parametrize(
    ("mode", "by_hand"),
    [
        ("mean", lambda hidden: hidden.mean(0)),
        ("cls", lambda hidden: hidden[0]),
        ("last", lambda hidden: hidden[-1]),
        ("max", lambda hidden: hidden.amax(0)),
    ],
)
@pytest.mark.parametrize("size", [None, 1, 3])
def test_vectors_equal_states_pooled_by_hand(encoder, mode, by_hand, size):
    found = embed(encoder, rows(*TEXTS), EmbedOptions(pooling=mode), BatchOptions(batch_size=size))
    for result, text in zip(found, TEXTS, strict=True):
        np.testing.assert_allclose(result.embedding, by_hand(states(encoder, text)), atol=1e-5)


def test_the_order_of_the_rows_changes_no_vector(encoder):
    there = [one.embedding for one in embed(encoder, rows(*TEXTS), EmbedOptions())]
    back = [one.embedding for one in embed(encoder, rows(*reversed(TEXTS)), EmbedOptions())]
    np.testing.assert_allclose(there, back[::-1], atol=1e-5)


def test_normalized_vectors_have_length_one(encoder):
    for one in embed(encoder, rows(*TEXTS), EmbedOptions(normalize=True)):
        assert np.linalg.norm(one.embedding) == pytest.approx(1, abs=1e-6)


def test_windows_are_averaged_by_their_size(encoder):
    text = " ".join(["the cat sat on mats"] * 4)  # 20 tokens; 14 fit beside the special ones
    ids = encoder.tokenizer(text)["input_ids"]
    windows = [[2, *ids[1:15], 3], [2, *ids[15:21], 3]]
    with torch.no_grad():
        sums = [encoder.network(torch.tensor([w])).last_hidden_state[0].sum(0) for w in windows]
    (result,) = embed(encoder, rows(text), EmbedOptions(), BatchOptions(on_overflow="window"))
    np.testing.assert_allclose(result.embedding, (sums[0] + sums[1]) / (16 + 8), atol=1e-5)
    assert result.overflow == "window"


def sentence_transformer(folder, *kinds, **pooling):
    """A checkpoint with a modules.json, a pooling of its own, and what `kinds` names."""
    make_bert(folder, "", WORDS + MORE_WORDS)
    paths = {kind: f"{at}_{kind}" for at, kind in enumerate(("Pooling", *kinds), 1)}
    modules = [{"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"}]
    modules += [
        {"path": path, "type": f"sentence_transformers.models.{kind}"}
        for kind, path in paths.items()
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    if "Dense" in kinds:
        dense = folder / paths["Dense"]
        dense.mkdir()
        settings = {"activation_function": "torch.nn.modules.activation.Tanh"}
        (dense / "config.json").write_text(json.dumps(settings))
        torch.manual_seed(1)
        weights = {"linear.weight": torch.randn(3, 8), "linear.bias": torch.randn(3)}
        save_file(weights, dense / "model.safetensors")
        return weights
    return {}


def test_the_checkpoint_says_how_its_vectors_are_made(tmp_path):
    weights = sentence_transformer(
        tmp_path, "Dense", "Normalize", pooling_mode_cls_token=True, pooling_mode_mean_tokens=False
    )
    loaded = load_encoder(ModelSpec(str(tmp_path)))
    (result,) = embed(loaded, rows("the cat sat"), EmbedOptions())
    moved = states(loaded, "the cat sat")[0] @ weights["linear.weight"].T + weights["linear.bias"]
    expected = torch.nn.functional.normalize(moved.tanh(), dim=0)
    np.testing.assert_allclose(result.embedding, expected, atol=1e-5)


def test_limits_and_prompts_of_the_checkpoint_are_heeded(tmp_path):
    sentence_transformer(tmp_path, pooling_mode_mean_tokens=True)
    limits = {"max_seq_length": 6, "do_lower_case": True}
    (tmp_path / "sentence_bert_config.json").write_text(json.dumps(limits))
    prompts = {"prompts": {"query": "who ", "document": "a "}, "default_prompt_name": None}
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    loaded = load_encoder(ModelSpec(str(tmp_path)))
    (result,) = embed(loaded, rows("THE CAT"), EmbedOptions(), BatchOptions(on_overflow="error"))
    np.testing.assert_allclose(result.embedding, states(loaded, "a the cat").mean(0), atol=1e-5)
    (result,) = embed(
        loaded, rows("the cat sat on"), EmbedOptions(), BatchOptions(on_overflow="error")
    )
    assert isinstance(result, Failure) and "takes 6" in result.error
    (first,) = ranked(loaded, rows("the cat"), EmbedOptions(prompt=""), "cat", 1)
    one, other = states(loaded, "the cat").mean(0), states(loaded, "who cat").mean(0)
    assert first.similarity == pytest.approx(torch.cosine_similarity(one, other, 0).item())


def test_an_unknown_step_is_refused(tmp_path):
    sentence_transformer(tmp_path, "LSTM", pooling_mode_mean_tokens=True)
    with pytest.raises(ModelUnsuitable, match="unknown here: LSTM"):
        next(embed(load_encoder(ModelSpec(str(tmp_path))), rows("cat"), EmbedOptions()))


@pytest.mark.parametrize("top", [1, 2, 9])
def test_the_nearest_rows_come_first(encoder, top):
    query, *vectors = [
        one.embedding for one in embed(encoder, rows("dog sat", *TEXTS), EmbedOptions())
    ]
    cosines = [v @ query / np.linalg.norm(v) / np.linalg.norm(query) for v in vectors]
    order = sorted(range(len(TEXTS)), key=lambda at: -cosines[at])[:top]
    found = list(ranked(encoder, rows(*TEXTS), EmbedOptions(), "dog sat", top))
    assert [one.row.number - 1 for one in found] == order
    assert [one.rank for one in found] == list(range(1, len(order) + 1))
    assert [one.similarity for one in found] == pytest.approx([cosines[at] for at in order])


def test_a_failed_row_is_told_before_the_ranking(encoder):
    found = list(ranked(encoder, [*rows("cat"), Row(2, " ")], EmbedOptions(), "cat", 5))
    assert found[0].error == "the text is empty" and found[1].rank == 1
    with pytest.raises(InputError, match="`query`: the text is empty"):
        embed_queries(encoder, [" "], EmbedOptions(), "window")


@pytest.mark.parametrize("model", ["tiny_gpt2", "tiny_masked", "tiny_classifier", "tiny_marian"])
def test_models_with_a_head_are_embedded_without_it(request, model):
    loaded = load_encoder(ModelSpec(str(request.getfixturevalue(model))))
    found = list(embed(loaded, rows("the cat", "a dog sat on the mats"), EmbedOptions()))
    assert {one.embedding.shape for one in found} == {found[0].embedding.shape}
    text = loaded.tokenizer("the cat", return_tensors="pt")
    with torch.no_grad():
        expected = loaded.network(**text).last_hidden_state[0].mean(0)
    np.testing.assert_allclose(found[0].embedding, expected, atol=1e-5)


def test_a_text_without_a_token_fails_alone(tmp_path):
    from tokenizers import normalizers

    make_bert(tmp_path, "", WORDS + MORE_WORDS)
    loaded = load_encoder(ModelSpec(str(tmp_path)))
    backend = loaded.tokenizer.backend_tokenizer
    backend.normalizer = normalizers.Replace("x", "")
    backend.post_processor = None
    found = list(embed(loaded, rows("cat", "xx", "dog"), EmbedOptions()))
    assert [isinstance(one, Failure) for one in found] == [False, True, False]
    assert "no token" in found[1].error
