"""A converted encoder computes what transformers computes."""

import numpy as np
import pytest
import torch

from tests.engines.ct2.random_models import TEXTS, convert_random, model_type

ctranslate2 = pytest.importorskip("ctranslate2")

BERT = {
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "max_position_embeddings": 40,
    "type_vocab_size": 3,
    "layer_norm_eps": 0.05,
}
DISTILBERT = {"dim": 24, "hidden_dim": 40, "n_layers": 3, "n_heads": 3}
ENCODERS = [
    ("bert", BERT),
    ("bert", {**BERT, "hidden_act": "gelu_new", "layer_norm_eps": 1e-12}),
    ("bert", {**BERT, "hidden_act": "relu"}),
    ("roberta", BERT),
    ("xlm-roberta", {**BERT, "type_vocab_size": 1, "pad_token_id": 4}),
    ("camembert", {**BERT, "layer_norm_eps": 1e-5}),
    ("distilbert", {**DISTILBERT, "max_position_embeddings": 40}),
    ("distilbert", {**DISTILBERT, "activation": "relu", "sinusoidal_pos_embds": True}),
]


@pytest.mark.parametrize("case", ENCODERS, ids=model_type)
def test_the_states_of_an_encoder_are_the_same(case, tmp_path):
    from transformers import AutoModel

    model, folder = convert_random(case, AutoModel, tmp_path, "encoder")
    encoder = ctranslate2.Encoder(folder, compute_type="float32")
    has_types = case[0] != "distilbert" and case[1]["type_vocab_size"] > 1
    types = [[at % 2 for at in range(len(ids))] for ids in TEXTS]
    with torch.no_grad():
        found = encoder.forward_batch(TEXTS)
        states = np.array(found.last_hidden_state)
        for row, ids in zip(states, TEXTS, strict=True):
            expected = model(torch.tensor([ids])).last_hidden_state[0].numpy()
            assert expected.std() > 0.1
            assert np.abs(row[: len(ids)] - expected).max() < 1e-4
        if not has_types:
            return
        found = encoder.forward_batch(TEXTS, token_type_ids=types)
        for at, (row, ids) in enumerate(zip(np.array(found.last_hidden_state), TEXTS, strict=True)):
            expected = model(torch.tensor([ids]), token_type_ids=torch.tensor([types[at]]))
            assert np.abs(row[: len(ids)] - expected.last_hidden_state[0].numpy()).max() < 1e-4
            pooled = np.array(found.pooler_output)[at]
            assert np.abs(pooled - expected.pooler_output[0].numpy()).max() < 1e-4
