"""Vectors of embedding checkpoints, against the sentence-transformers library itself."""

import json
import shutil

import numpy as np
import pytest
import torch

from llmcli.data.rows import Row
from llmcli.engines.choose import Purpose, load
from llmcli.errors import ModelUnsuitable
from llmcli.inference.ranking import Ranking
from llmcli.inference.sentence_modules import ACTIVATIONS
from llmcli.spec import BatchOptions, ModelSpec
from llmcli.spec.tasks import EmbedOptions
from llmcli.tasks.embed import embed, embed_queries, rank, similarity_of
from tests.tiny_models import MORE_WORDS, WORDS, make_bert

TEXTS = ["the cat sat", "a dog", "this is good . it is bad ?", "Cat", "who sat on mats the cat"]
CUT = BatchOptions(on_overflow="truncate")


@pytest.fixture(scope="module")
def library():
    """Its modules by name. Its own warnings about versions are not ours."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.base.modules import Dense, Normalize, Transformer
        from sentence_transformers.sentence_transformer.modules import (
            Dropout,
            LayerNorm,
            Pooling,
            WeightedLayerPooling,
        )

    classes = (Dense, Normalize, Transformer, Dropout, LayerNorm, Pooling, WeightedLayerPooling)
    names = {each.__name__: each for each in classes}
    return {**names, "SentenceTransformer": SentenceTransformer}


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return make_bert(tmp_path_factory.mktemp("bert"), "", WORDS + MORE_WORDS)


@pytest.fixture
def build(library, bert, tmp_path):
    """Save a checkpoint: `modules` are pairs of a class's name and its settings."""

    def save(*modules, transformer=None, **settings):
        torch.manual_seed(2)
        parts = [library["Transformer"](str(bert), **(transformer or {}))]
        parts += [library[name](**values) for name, values in modules]
        folder = tmp_path / "model"
        model = library["SentenceTransformer"](modules=parts, device="cpu", **settings)
        model.save(str(folder))
        return folder

    return save


def pooling(*modes, size=8, **settings):
    return "Pooling", {"embedding_dimension": size, "pooling_mode": modes or "mean", **settings}


def dense(size, to, **settings):
    return "Dense", {"in_features": size, "out_features": to, **settings}


NORMALIZE = ("Normalize", {})


def theirs(library, folder, texts=TEXTS, **settings):
    model = library["SentenceTransformer"](str(folder), device="cpu", local_files_only=True)
    return model, model.encode(list(texts), show_progress_bar=False, **settings)


def ours(folder, texts=TEXTS, engine="torch", **settings):
    loaded = load(ModelSpec(str(folder), engine=engine), Purpose(()))
    rows = [Row(number, text) for number, text in enumerate(texts, 1)]
    return np.stack(
        [result.embedding for result in embed(loaded, rows, EmbedOptions(**settings), CUT)]
    )


LISTS = {
    "mean": [pooling()],
    "cls": [pooling("cls"), NORMALIZE],
    "max": [pooling("max")],
    "square root of the length": [pooling("mean_sqrt_len_tokens")],
    "weighted mean": [pooling("weightedmean")],
    "last": [pooling("lasttoken")],
    "three poolings, not in the usual order": [pooling("lasttoken", "mean", "cls"), dense(24, 5)],
    "normalized before a layer": [pooling(), NORMALIZE, dense(8, 5)],
    "layers and normalizations": [
        pooling(),
        dense(8, 8, use_residual=True),
        NORMALIZE,
        ("Dropout", {"dropout": 0.5}),
        dense(8, 3, bias=False, activation_function=torch.nn.Identity(), use_residual=True),
        ("LayerNorm", {"dimension": 3}),
        NORMALIZE,
    ],
    "steps on tokens": [
        ("Normalize", {"module_input_name": "token_embeddings"}),
        dense(8, 6, module_input_name="token_embeddings"),
        pooling("max", size=6),
    ],
    "pooled twice": [pooling("cls"), dense(8, 3), pooling("max")],
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("engine", ["torch", "ct2"])
def test_modules_in_their_order_equal_the_library(library, build, name, engine):
    folder = build(*LISTS[name])
    _, expected = theirs(library, folder)
    np.testing.assert_allclose(ours(folder, engine=engine), expected, atol=1e-5)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_equal_those_of_torch(library, build, name):
    folder = build(pooling(), dense(8, 5, activation_function=getattr(torch.nn, name)()))
    np.testing.assert_allclose(ours(folder), theirs(library, folder)[1], atol=1e-5)


def change(path, **values):
    """Change a JSON file; None removes a field."""
    settings = json.loads(path.read_text())
    settings = {**settings, **values}
    kept = {key: value for key, value in settings.items() if value is not None}
    path.write_text(json.dumps(kept))


def test_a_layer_without_named_activation_is_tanh(library, build):
    folder = build(pooling(), dense(8, 5, activation_function=torch.nn.Identity()))
    change(folder / "2_Dense" / "config.json", activation_function=None)
    expected = theirs(library, folder)[1]
    assert np.abs(expected).max() <= 1
    np.testing.assert_allclose(ours(folder), expected, atol=1e-5)


OLD_MODES = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}


def as_in_older_versions(folder):
    """The layout of the first versions: 0_Transformer, other class paths, a switch per mode."""
    (folder / "0_Transformer").mkdir()
    for path in [*folder.glob("*.json"), *folder.glob("*.safetensors")]:
        if path.name not in ("modules.json", "config_sentence_transformers.json"):
            path.rename(folder / "0_Transformer" / path.name)
    modules = json.loads((folder / "modules.json").read_text())
    for module in modules:
        module["type"] = "sentence_transformers.models." + module["type"].rpartition(".")[2]
    modules[0]["path"] = "0_Transformer"
    (folder / "modules.json").write_text(json.dumps(modules))
    change(folder / "1_Pooling" / "config.json", pooling_mode=None, **OLD_MODES)


@pytest.mark.parametrize("engine", ["torch", "ct2"])
def test_the_layout_of_older_versions_equals_the_library(library, build, engine):
    folder = build(pooling(), dense(16, 5))
    as_in_older_versions(folder)
    np.testing.assert_allclose(ours(folder, engine=engine), theirs(library, folder)[1], atol=1e-5)


def test_all_commands_find_the_transformer_in_its_folder(run, build):
    folder = build(pooling())
    as_in_older_versions(folder)
    assert run("tokenize", "-q", "-m", folder, "the cat").exit_code == 0
    assert run("models", "show", folder).exit_code == 0


@pytest.mark.parametrize("name", ["sentence_bert_config.json", "sentence_roberta_config.json"])
def test_a_length_and_lower_case_equal_the_library(library, build, name):
    folder = build(pooling(), transformer={"do_lower_case": True})
    (folder / "sentence_bert_config.json").rename(folder / name)
    change(folder / name, max_seq_length=5)
    np.testing.assert_allclose(ours(folder), theirs(library, folder)[1], atol=1e-5)


def test_a_default_prompt_equals_the_library(library, build):
    prompts = {"use": "who is ", "query": "where "}
    folder = build(pooling(), prompts=prompts, default_prompt_name="use")
    np.testing.assert_allclose(ours(folder), theirs(library, folder)[1], atol=1e-5)


@pytest.mark.parametrize("modes", [("mean",), ("cls", "max"), ("weightedmean", "lasttoken")])
@pytest.mark.parametrize("engine", ["torch", "ct2"])
def test_a_prompt_that_is_not_pooled_equals_the_library(library, build, modes, engine):
    folder = build(
        pooling(*modes, include_prompt=False), prompts={"query": "who is ", "document": "a "}
    )
    model, _ = theirs(library, folder)
    expected = model.encode_document(TEXTS)
    np.testing.assert_allclose(ours(folder, engine=engine), expected, atol=1e-5)
    loaded = load(ModelSpec(str(folder), engine=engine), Purpose(()))
    (query,) = embed_queries(loaded, TEXTS[:1], EmbedOptions(), "truncate")
    np.testing.assert_allclose(query, model.encode_query(TEXTS[0]), atol=1e-5)


@pytest.mark.parametrize("name", ["cosine", "dot", "euclidean", "manhattan"])
def test_similarity_equals_the_library(library, build, name):
    folder = build(pooling(), similarity_fn_name=name)
    model, vectors = theirs(library, folder)
    expected = model.similarity(vectors[:1], vectors)[0].numpy()
    loaded = load(ModelSpec(str(folder)), Purpose(()))
    rows = [Row(number, text) for number, text in enumerate(TEXTS, 1)]
    query = embed_queries(loaded, TEXTS[:1], EmbedOptions(), "truncate")
    results = embed(loaded, rows, EmbedOptions(), CUT)
    ranked = list(rank(results, Ranking(TEXTS[:1], query, 9, similarity_of(loaded))))
    assert [each.row.number for each in ranked] == (np.argsort(-expected) + 1).tolist()
    assert [each.similarity for each in ranked] == pytest.approx(
        sorted(expected, reverse=True), abs=1e-4
    )


@pytest.mark.parametrize("name", ["dot", "euclidean", "manhattan"])
def test_evaluation_compares_as_the_checkpoint_says(library, build, run, tmp_path, name):
    folder = build(pooling(), similarity_fn_name=name)
    model, vectors = theirs(library, folder)
    scores = [3.0, 1.0, 2.0, 5.0]
    rows = [
        {"query": TEXTS[at], "text": TEXTS[at + 1], "score": score}
        for at, score in enumerate(scores)
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    words = ["evaluate", "--json", "--task", "embedding", "-m", folder, "-i", path]
    (record,) = json.loads(run(*words, "--label-column", "score").stdout)
    own = model.similarity_pairwise(vectors[:-1], vectors[1:]).numpy()
    assert record["metrics"]["pearson"]["value"] == pytest.approx(
        np.corrcoef(own, scores)[0, 1], abs=1e-4
    )
    assert record["settings"]["similarity"] == name
    (record,) = json.loads(run(*words).stdout)
    places = (-model.similarity(vectors[:-1], vectors[1:]).numpy()).argsort(1).argsort(1) + 1
    assert record["metrics"]["mrr"]["value"] == pytest.approx((1 / places.diagonal()).mean())


def refused(folder, message):
    with pytest.raises(ModelUnsuitable, match=message):
        ours(folder)


def test_modules_that_are_unknown_are_refused_by_name(build):
    layers = {"word_embedding_dimension": 8, "num_hidden_layers": 1}
    refused(build(("WeightedLayerPooling", layers), pooling()), "unknown here: WeightedLayerPool")


@pytest.mark.parametrize(
    ("file", "values", "message"),
    [
        ("2_Dense/config.json", {"activation_function": "mine.Act"}, "the activation mine.Act"),
        ("2_Dense/config.json", {"module_input_name": "image"}, "a Dense of 'image'"),
        ("config_sentence_transformers.json", {"similarity_fn_name": "tanimoto"}, "'tanimoto'"),
        ("config_sentence_transformers.json", {"model_type": "SparseEncoder"}, "SparseEncoder"),
        ("sentence_bert_config.json", {"transformer_task": "fill-mask"}, "the task fill-mask"),
        ("1_Pooling/config.json", {"pooling_mode": "median"}, "the pooling median"),
    ],
)
def test_settings_that_are_unknown_are_refused_by_name(build, file, values, message):
    folder = build(pooling(), dense(8, 5))
    change(folder / file, **values)
    refused(folder, message)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("sentence_transformers.models.WordEmbeddings", "unknown here: WordEmbeddings"),
        ("custom_st.Transformer", "unknown here: custom_st.Transformer"),
    ],
)
def test_a_first_module_that_is_no_transformer_is_refused_by_name(tmp_path, kind, message):
    modules = [{"idx": 0, "name": "0", "path": "0_First", "type": kind}]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    refused(tmp_path, message)


def test_a_checkpoint_without_pooling_is_refused(build):
    folder = build(pooling())
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps(modules[:1]))
    refused(folder, "without a Pooling")


def test_another_pooling_that_no_layer_takes_is_refused(build):
    loaded = load(ModelSpec(str(build(pooling("cls", "mean"), dense(16, 5)))), Purpose(()))
    (result,) = embed(loaded, [Row(1, "cat")], EmbedOptions(pooling="mean"))
    assert "takes vectors of 16 numbers" in result.error


def test_converted_weights_keep_their_modules(run, library, build, tmp_path):
    from safetensors.torch import load_file

    folder = build(pooling("cls", "mean"), dense(16, 5), similarity_fn_name="dot")
    as_in_older_versions(folder)
    expected = ours(folder)
    layer = folder / "2_Dense"
    torch.save(load_file(layer / "model.safetensors"), layer / "pytorch_model.bin")
    (layer / "model.safetensors").unlink()
    shutil.copytree(folder, tmp_path / "pickled")
    refused(tmp_path / "pickled", "2_Dense/pytorch_model.bin, a pickle")
    result = run("models", "convert", tmp_path / "pickled", tmp_path / "new")
    assert result.exit_code == 0, result.stderr
    np.testing.assert_allclose(ours(tmp_path / "new"), expected, atol=1e-6)
    np.testing.assert_allclose(theirs(library, tmp_path / "new")[1], expected, atol=1e-5)
