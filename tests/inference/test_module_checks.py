"""Settings of embedding modules that are obeyed as the library obeys them, or refused by name."""

import json

import numpy as np
import pytest

from llmcli.data.rows import Row
from llmcli.engines.choose import Purpose, load
from llmcli.errors import ModelUnsuitable
from llmcli.spec import BatchOptions, ModelSpec
from llmcli.spec.tasks import EmbedOptions
from llmcli.tasks.embed import embed
from tests.tiny_models import MORE_WORDS, WORDS, make_bert

TEXTS = ["the cat sat", "a dog", "this is good . it is bad ?"]
GENERAL, SETTINGS = "config_sentence_transformers.json", "sentence_bert_config.json"
POOLING, LAYER = "1_Pooling/config.json", "2_LayerNorm/config.json"


@pytest.fixture
def folder(tmp_path):
    """A checkpoint with a Pooling of two modes, written by hand."""
    make_bert(tmp_path, "", WORDS + MORE_WORDS)
    write(tmp_path, "modules.json", modules(("", "Transformer"), ("1_Pooling", "Pooling")))
    write(tmp_path, POOLING, {"word_embedding_dimension": 8, "pooling_mode": ["mean", "max"]})
    return tmp_path


def modules(*entries):
    return [
        {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for at, (path, kind) in enumerate(entries)
    ]


def write(folder, name, value):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(value))


def ours(folder, **settings):
    loaded = load(ModelSpec(str(folder)), Purpose(()))
    rows = [Row(number, text) for number, text in enumerate(TEXTS, 1)]
    results = embed(loaded, rows, EmbedOptions(**settings), BatchOptions(on_overflow="truncate"))
    return np.stack([result.embedding for result in results])


def theirs(folder, **settings):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    return model.encode(TEXTS, show_progress_bar=False, **settings)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("normalize", [None, True])
@pytest.mark.parametrize("size", [3, 11, 99])
def test_a_truncated_size_equals_the_library(folder, size, normalize):
    entries = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    write(folder, "modules.json", modules(*entries))
    write(folder, GENERAL, {"truncate_dim": size})
    (folder / "2_Normalize").mkdir()
    expected = theirs(folder, normalize_embeddings=bool(normalize))
    assert expected.shape == (3, min(size, 16))
    np.testing.assert_allclose(ours(folder, normalize=normalize), expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "settings",
    [
        {"max_seq_length": 4, "modality_config": {"text": {"method": "forward"}}},
        {"tokenizer_args": {"model_max_length": 4}, "model_args": {"torch_dtype": "float32"}},
        {"processor_kwargs": {"use_fast": True}, "processing_kwargs": {"text": {"padding": True}}},
    ],
)
def test_settings_that_change_no_state_equal_the_library(folder, settings):
    if "modality_config" in settings:
        settings["modality_config"]["text"]["method_output_name"] = "last_hidden_state"
        settings["module_output_name"] = "token_embeddings"
    write(folder, SETTINGS, settings)
    np.testing.assert_allclose(ours(folder), theirs(folder), atol=1e-5)


@pytest.mark.parametrize(
    ("file", "values", "message"),
    [
        (GENERAL, {"truncate_dim": 0}, "a truncate_dim of 0"),
        (GENERAL, {"truncate_dim": True}, "a truncate_dim of True"),
        (POOLING, {"pooling_mode_median_tokens": True}, "the pooling median_tokens"),
        (POOLING, {"pooling_mode": []}, "the pooling \\[\\]"),
        (SETTINGS, {"tokenizer_args": {"add_prefix_space": True}}, "args.add_prefix_space"),
        (SETTINGS, {"config_kwargs": {"num_hidden_layers": 1}}, "config_kwargs.num_hidden_layers"),
        (SETTINGS, {"model_args": {"revision": None, "layers": 1}}, "model_args.layers"),
        (SETTINGS, {"processing_kwargs": {"text": {"max_length": 3}}}, "text.max_length"),
        (SETTINGS, {"tokenizer_name_or_path": "other"}, "the tokenizer of another model"),
        (SETTINGS, {"modality_config": {"image": {"method": "forward"}}}, "a modality_config"),
        (SETTINGS, {"model_kwargs": [1]}, "a model_kwargs that is no object"),
    ],
)
def test_settings_that_would_change_a_vector_are_refused_by_name(folder, file, values, message):
    write(folder, file, values)
    with pytest.raises(ModelUnsuitable, match=f"{message}.*which is unknown here"):
        ours(folder)


@pytest.mark.parametrize(
    ("file", "values", "message"),
    [
        (POOLING, {"pooling_mode": ["mean", 3]}, r"`pooling_mode\[1\]` is 3"),
        (SETTINGS, {"max_seq_length": "48"}, "`max_seq_length` is the text '48'"),
    ],
)
def test_settings_of_a_wrong_type_are_refused_by_file_and_key(folder, file, values, message):
    write(folder, file, values)
    with pytest.raises(ModelUnsuitable, match=f"{file}: {message}"):
        ours(folder)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([("", "Pooling"), ("1_Pooling", "Pooling")], "Pooling as its first module"),
        ([("0_Static", "StaticEmbedding")], "StaticEmbedding as its first module"),
        ([("", "Transformer"), ("1_T", "Transformer"), ("1_Pooling", "Pooling")], "a second Tr"),
        ([("0_Transformer", "Transformer"), ("1_Pooling", "Pooling")], "Transformer in 0_Trans"),
        ([("", "Transformer"), ("1_Pooling", "Pooling"), ("2_R", "Router")], "here: Router"),
        ([("", "Transformer"), ("1_W", "WordWeights"), ("1_Pooling", "Pooling")], "here: WordWe"),
        ([("", "Transformer"), ("1_L", "LSTM"), ("1_Pooling", "Pooling")], "here: LSTM"),
        ([("", "Transformer"), ("1_C", "CNN"), ("1_Pooling", "Pooling")], "here: CNN"),
        ([("", "Asym"), ("1_Pooling", "Pooling")], "Asym as its first"),
        ([("", "BoW")], "BoW as its first"),
    ],
)
def test_modules_in_places_that_change_a_vector_are_refused_by_name(folder, entries, message):
    write(folder, "modules.json", modules(*entries))
    with pytest.raises(ModelUnsuitable, match=message):
        ours(folder)


def test_a_norm_of_another_input_is_refused(folder):
    entries = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_LayerNorm", "LayerNorm")]
    write(folder, "modules.json", modules(*entries))
    write(folder, LAYER, {"dimension": 16, "module_input_name": "token_embeddings"})
    with pytest.raises(ModelUnsuitable, match="a LayerNorm with a module_input_name"):
        ours(folder)
