"""What CTranslate2 supports is known from config.json and the settings alone."""

import pytest

from llmcli.decoding.generation_config import Rules
from llmcli.engines.ct2.support import DEFAULTS, reason_against, reason_against_decoding
from llmcli.spec import Decoding

LLAMA = {"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4}


@pytest.mark.parametrize(
    ("settings", "kind", "reason"),
    [
        ({"model_type": "gpt2"}, "causal", None),
        ({"model_type": "gpt2"}, "classifier", "does not run gpt2 as a text classifier"),
        ({"model_type": "bloom"}, "causal", "does not run bloom"),
        ({"model_type": "gpt2"}, "other", "does not run gpt2"),
        ({}, "causal", "does not run None"),
        ({"model_type": "gpt2", "scale_attn_by_inverse_layer_idx": True}, "causal", "inverse"),
        ({"model_type": "gpt2", "scale_attn_weights": False}, "causal", "scale_attn_weights"),
        ({"model_type": "gpt2", "add_cross_attention": True}, "causal", "cross_attention"),
        ({"model_type": "gpt2", "activation_function": "tanh"}, "causal", "activation tanh"),
        ({"model_type": "gpt2", "n_head": 7}, "causal", "do not divide"),
        ({"model_type": "gpt2", "quantization_config": {"bits": 4}}, "causal", "quantized"),
        ({"model_type": "bert"}, "reader", None),
        ({"model_type": "bert"}, "causal", "does not run bert as a causal"),
        ({"model_type": "bert", "is_decoder": True}, "masked", "is_decoder"),
        ({"model_type": "bert", "position_embedding_type": "relative_key"}, "masked", "relative"),
        (LLAMA, "causal", None),
        ({**LLAMA, "rope_scaling": {"type": "dynamic", "factor": 2.0}}, "causal", "type dynamic"),
        ({**LLAMA, "rope_scaling": {"rope_type": "llama3"}}, "causal", "rope_parameters"),
        ({**LLAMA, "rope_parameters": {"full_attention": {}}}, "causal", "rope_parameters"),
        ({**LLAMA, "partial_rotary_factor": 0.5}, "causal", "a part of each head"),
        ({**LLAMA, "model_type": "mistral"}, "causal", "sliding_window 4096"),
        ({**LLAMA, "model_type": "mistral", "sliding_window": None}, "causal", None),
        ({**LLAMA, "model_type": "qwen2", "use_sliding_window": True}, "causal", "sliding"),
        ({"model_type": "marian"}, "seq2seq", None),
        (
            {"model_type": "marian", "decoder_vocab_size": 9, "vocab_size": 8},
            "seq2seq",
            "each side",
        ),
        ({"model_type": "marian", "share_encoder_decoder_embeddings": False}, "seq2seq", "share_"),
        ({"model_type": "bart", "tie_word_embeddings": False}, "seq2seq", "tie_word_embeddings"),
        ({"model_type": "t5", "feed_forward_proj": "gated-tanh"}, "seq2seq", "activation tanh"),
    ],
)
def test_what_cannot_be_represented_is_refused(settings, kind, reason):
    found = reason_against(settings, kind)
    assert (found is None) == (reason is None), found
    assert reason is None or reason in found


def test_what_config_json_leaves_out_is_as_transformers_has_it():
    from transformers import AutoConfig

    for model_type, defaults in DEFAULTS.items():
        config = AutoConfig.for_model(model_type)
        for setting, value in defaults.items():
            if hasattr(config, setting):
                assert getattr(config, setting) == value, (model_type, setting)
            else:  # gone from transformers 5
                assert setting in ("position_embedding_type", "add_cross_attention"), setting


@pytest.mark.parametrize(
    ("kind", "options", "rules", "reason"),
    [
        ("causal", Decoding(), Rules(), None),
        ("causal", Decoding(temperature=0.8), Rules(), "does not sample"),
        ("causal", Decoding(num_beams=2), Rules(), "beam search"),
        ("seq2seq", Decoding(num_beams=2, no_repeat_ngram_size=3), Rules(), None),
        ("seq2seq", Decoding(num_beams=2), Rules(early_stopping="never"), "early_stopping says"),
        ("seq2seq", Decoding(num_beams=2), Rules(length_penalty=2.0), "measured for `length_p"),
        ("seq2seq", Decoding(), Rules(early_stopping=True, length_penalty=2.0), None),
        ("seq2seq", Decoding(logprobs=1), Rules(), "no log-probabilities"),
        ("seq2seq", Decoding(), Rules(forced_first=3), "force the first token"),
        ("seq2seq", Decoding(), Rules(banned_first=(3,)), "suppress tokens"),
        ("seq2seq", Decoding(), Rules(min_new_tokens=2), "minimum length"),
    ],
)
def test_ways_of_decoding_that_would_differ_are_refused(kind, options, rules, reason):
    found = reason_against_decoding(kind, options, rules)
    assert (found is None) == (reason is None) and (reason or "") in (found or "")
