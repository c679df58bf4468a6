"""A converted sequence-to-sequence model computes what transformers computes."""

import numpy as np
import pytest
import torch

from tests.engines.ct2.random_models import (
    TEXTS,
    convert_again,
    convert_random,
    model_type,
    resave,
    tokens,
)

ctranslate2 = pytest.importorskip("ctranslate2")

BART = {
    "d_model": 24,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 3,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 40,
    "decoder_ffn_dim": 32,
    "max_position_embeddings": 40,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "forced_eos_token_id": None,
    "decoder_start_token_id": 4,
}
T5 = {
    "d_model": 24,
    "d_kv": 8,
    "d_ff": 40,
    "num_layers": 2,
    "num_decoder_layers": 3,
    "num_heads": 3,
    "layer_norm_epsilon": 0.05,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 11,
    "pad_token_id": 0,
    "eos_token_id": 2,
    "decoder_start_token_id": 0,
}
MARIAN = {**BART, "pad_token_id": 49, "decoder_start_token_id": 49, "decoder_vocab_size": None}
SEQ2SEQ = [
    ("marian", {**MARIAN, "activation_function": "swish", "scale_embedding": True}),
    ("marian", {**MARIAN, "activation_function": "relu"}),
    ("bart", BART),
    ("bart", {**BART, "scale_embedding": True, "activation_function": "gelu_new"}),
    ("mbart", {**BART, "scale_embedding": True}),
    ("mbart", {**BART, "activation_function": "relu"}),
    ("m2m_100", BART),
    ("m2m_100", {**BART, "scale_embedding": False, "activation_function": "gelu"}),
    ("pegasus", {**BART, "pad_token_id": 0}),
    ("t5", T5),
    ("t5", {**T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}),
    ("t5", {**T5, "feed_forward_proj": "gated-silu", "num_heads": 2}),
    ("t5", {**T5, "feed_forward_proj": "gelu", "d_kv": 6}),
    ("mt5", {**T5, "feed_forward_proj": "gated-gelu"}),
]


@pytest.mark.parametrize("case", SEQ2SEQ, ids=model_type)
def test_the_scores_and_greedy_texts_of_a_seq2seq_model_are_the_same(case, tmp_path):
    from transformers import AutoModelForSeq2SeqLM

    model, folder = convert_random(case, AutoModelForSeq2SeqLM, tmp_path, "seq2seq")
    translator = ctranslate2.Translator(folder, compute_type="float32")
    targets = [[7, 8, 9, 10, 11], [40, 41, 5, 6, 48, 13, 20, 21], [33]]
    found = translator.score_batch([tokens(ids) for ids in TEXTS], [tokens(ids) for ids in targets])
    start, end = case[1]["decoder_start_token_id"], case[1]["eos_token_id"]
    with torch.no_grad():
        for scores, source, target in zip(found, TEXTS, targets, strict=True):
            labels = [*target, end]
            given = torch.tensor([[start, *target]])
            logits = model(torch.tensor([source]), decoder_input_ids=given).logits[0]
            expected = logits.log_softmax(-1)[range(len(labels)), labels].numpy()
            assert logits.std() > 0.1
            assert np.abs(np.array(scores.log_probs) - expected).max() < 1e-4
        ids = torch.tensor([[start]])
        for _ in range(12):  # greedy, without a cache
            logits = model(torch.tensor([TEXTS[0]]), decoder_input_ids=ids).logits[0, -1]
            ids = torch.cat([ids, logits.argmax()[None, None]], dim=1)
            if ids[0, -1] == end:
                break
    (greedy,) = translator.translate_batch([tokens(TEXTS[0])], beam_size=1, max_decoding_length=12)
    expected_ids = [one for one in ids[0, 1:].tolist() if one != end]
    assert [int(token) for token in greedy.hypotheses[0]] == expected_ids


def test_positions_that_a_marian_stores_are_used_as_in_transformers(tmp_path):
    from transformers import AutoModelForSeq2SeqLM, MarianMTModel

    settings = {**MARIAN, "scale_embedding": True}
    convert_random(("marian", settings), AutoModelForSeq2SeqLM, tmp_path, "seq2seq")
    folder = tmp_path / "model"
    table = torch.randn(40, 24)
    names = [f"model.{side}.embed_positions.weight" for side in ("encoder", "decoder")]
    resave(folder, lambda tensors: [*tensors.items(), *((name, table.clone()) for name in names)])
    translator = ctranslate2.Translator(convert_again(folder), compute_type="float32")
    (found,) = translator.score_batch([tokens(TEXTS[0])], [tokens([7, 8, 9])])
    model = MarianMTModel.from_pretrained(folder).eval()
    with torch.no_grad():
        given = torch.tensor([[49, 7, 8, 9]])
        logits = model(torch.tensor(TEXTS[:1]), decoder_input_ids=given).logits[0]
    expected = logits.log_softmax(-1)[range(4), [7, 8, 9, 2]].numpy()
    assert np.abs(np.array(found.log_probs) - expected).max() < 1e-4
