"""What CTranslate2 computes with a converted model is what transformers computes.

The models are random in all their weights, biases and norms, and differ from the defaults
in sizes, activations and the epsilon of their norms, so that whatever is ignored shows.
"""

import numpy as np
import pytest
import torch

from llmcli.engines.ct2.convert import convert
from llmcli.engines.ct2.support import reason_against
from llmcli.models.checkpoint import Checkpoint

ctranslate2 = pytest.importorskip("ctranslate2")

VOCABULARY = 50
TEXTS = [[5, 17, 33, 8, 49, 12, 7], [21, 3, 44], list(range(30, 48)) + list(range(45, 30, -1))]

LLAMA = {
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 0.02,
    "rope_parameters": {"rope_type": "default", "rope_theta": 500.0},
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 5.0,
    "low_freq_factor": 1.5,
    "high_freq_factor": 3.0,
    "original_max_position_embeddings": 16,
}
LINEAR = {"rope_type": "linear", "rope_theta": 500.0, "factor": 4.0}
GPT2 = {"n_embd": 24, "n_layer": 3, "n_head": 3, "n_positions": 40, "layer_norm_epsilon": 0.03}
NEOX = {
    "hidden_size": 48,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "layer_norm_eps": 0.03,
    "rope_parameters": {
        "rope_type": "default",
        "rope_theta": 500.0,
        "partial_rotary_factor": 0.25,
    },
}
OPT = {
    "hidden_size": 24,
    "ffn_dim": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "max_position_embeddings": 40,
    "word_embed_proj_dim": 24,
}
CAUSAL = [
    ("gpt2", {**GPT2, "n_inner": 40}),
    ("gpt2", {**GPT2, "activation_function": "gelu"}),
    ("gpt2", {**GPT2, "activation_function": "relu", "tie_word_embeddings": False}),
    ("gpt2", {**GPT2, "activation_function": "silu", "reorder_and_upcast_attn": True}),
    ("llama", LLAMA),
    ("llama", {**LLAMA, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    ("llama", {**LLAMA, "num_key_value_heads": 4, "head_dim": 8}),
    ("llama", {**LLAMA, "num_key_value_heads": 1, "hidden_act": "gelu"}),
    ("llama", {**LLAMA, "rope_parameters": LLAMA3, "max_position_embeddings": 256}),
    ("llama", {**LLAMA, "rope_parameters": LINEAR}),
    ("mistral", {**LLAMA, "sliding_window": None}),
    ("mistral", {**LLAMA, "sliding_window": None, "head_dim": 10}),
    ("qwen2", LLAMA),
    ("qwen2", {**LLAMA, "tie_word_embeddings": True, "num_key_value_heads": 4}),
    ("qwen3", {**LLAMA, "head_dim": 8}),
    ("qwen3", {**LLAMA, "head_dim": 6, "attention_bias": True, "tie_word_embeddings": True}),
    ("gpt_neox", NEOX),
    ("gpt_neox", {**NEOX, "use_parallel_residual": False, "hidden_act": "gelu_new"}),
    ("gpt_neox", {**NEOX, "attention_bias": False, "tie_word_embeddings": True}),
    ("opt", OPT),
    ("opt", {**OPT, "do_layer_norm_before": False, "word_embed_proj_dim": 16}),
    ("opt", {**OPT, "activation_function": "gelu", "enable_bias": False}),
    ("opt", {**OPT, "_remove_final_layer_norm": True, "tie_word_embeddings": False}),
]
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


def name(case):
    return case[0] if isinstance(case, tuple) else None


def randomize(model):
    """Give every weight its own random value; what is frozen follows from the settings."""
    generator = torch.Generator().manual_seed(7)
    for part, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        noise = torch.randn(parameter.shape, generator=generator)
        is_norm = "norm" in part.lower() or "ln_" in part
        gain = is_norm and part.endswith("weight")
        parameter.data = (1 + 0.3 * noise) if gain else 0.4 * noise
    for part, buffer in model.named_buffers():
        if part == "final_logits_bias":
            buffer.copy_(torch.randn(buffer.shape, generator=generator))
    return model.eval()


def made(model_type, settings, auto_class, folder, kind):
    """A random model of transformers, loaded from where it was saved, and the converted one."""
    from transformers import AutoConfig

    torch.manual_seed(0)
    config = AutoConfig.for_model(model_type, **{"vocab_size": VOCABULARY, **settings})
    randomize(auto_class.from_config(config)).save_pretrained(folder / "model")
    target = folder / "ct2"
    target.mkdir()
    checkpoint = Checkpoint("tiny", folder / "model", "local")
    from llmcli.models.checkpoint import read_config

    assert reason_against(read_config(checkpoint), kind) is None
    convert(checkpoint, target, "float32")
    model = auto_class.from_pretrained(folder / "model", attn_implementation="eager").eval()
    return model, str(target)


def tokens(ids):
    return [str(one) for one in ids]


@pytest.mark.parametrize("case", CAUSAL, ids=name)
def test_the_logits_and_greedy_texts_of_a_causal_model_are_the_same(case, tmp_path):
    from transformers import AutoModelForCausalLM

    model, folder = made(*case, AutoModelForCausalLM, tmp_path, "causal")
    generator = ctranslate2.Generator(folder, compute_type="float32")
    logits = np.array(generator.forward_batch(TEXTS))
    with torch.no_grad():
        for row, ids in zip(logits, TEXTS, strict=True):
            expected = model(torch.tensor([ids])).logits[0].numpy()
            assert expected.std() > 0.1
            assert np.abs(row[: len(ids)] - expected).max() < 1e-4
        made_text = model.generate(
            torch.tensor([TEXTS[0]]),
            max_new_tokens=12,
            do_sample=False,
            use_cache=False,
            eos_token_id=-1,
            pad_token_id=0,
        )
    (found,) = generator.generate_batch(
        [tokens(TEXTS[0])], max_length=12, include_prompt_in_result=False, end_token=[]
    )
    assert found.sequences_ids[0] == made_text[0, len(TEXTS[0]) :].tolist()


@pytest.mark.parametrize("case", ENCODERS, ids=name)
def test_the_states_of_an_encoder_are_the_same(case, tmp_path):
    from transformers import AutoModel

    model, folder = made(*case, AutoModel, tmp_path, "encoder")
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


@pytest.mark.parametrize("case", SEQ2SEQ, ids=name)
def test_the_scores_and_greedy_texts_of_a_seq2seq_model_are_the_same(case, tmp_path):
    from transformers import AutoModelForSeq2SeqLM

    model, folder = made(*case, AutoModelForSeq2SeqLM, tmp_path, "seq2seq")
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


def resave(folder, change):
    """Rewrite the tensors of a saved model."""
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    tensors = load_file(path)
    save_file(dict(change(tensors)), path, {"format": "pt"})


def converted_again(folder):
    target = folder.parent / "again"
    target.mkdir()
    convert(Checkpoint("tiny", folder, "local"), target, "float32")
    return str(target)


def test_a_checkpoint_of_old_with_other_names_is_read_like_a_new_one(tmp_path):
    from transformers import AutoModel, AutoModelForCausalLM

    _, new = made("gpt2", GPT2, AutoModelForCausalLM, tmp_path, "causal")

    def as_published(tensors):
        for name, tensor in tensors.items():
            yield name.removeprefix("transformer."), tensor
        yield "h.0.attn.bias", torch.ones(1, 1, 40, 40)
        yield "h.0.attn.masked_bias", torch.tensor(-1e4)

    resave(tmp_path / "model", as_published)
    old = converted_again(tmp_path / "model")
    results = [np.array(ctranslate2.Generator(one).forward_batch(TEXTS)) for one in (old, new)]
    assert np.array_equal(*results)

    folder = tmp_path / "bert"
    folder.mkdir()
    _, new = made("bert", BERT, AutoModel, folder, "encoder")

    def as_google_named_them(tensors):
        for name, tensor in tensors.items():
            name = name.replace("LayerNorm.weight", "LayerNorm.gamma")
            yield "bert." + name.replace("LayerNorm.bias", "LayerNorm.beta"), tensor
        yield "bert.embeddings.position_ids", torch.arange(40)
        yield "cls.predictions.bias", torch.ones(50)

    resave(folder / "model", as_google_named_them)
    old = converted_again(folder / "model")
    states = [
        np.array(ctranslate2.Encoder(one).forward_batch(TEXTS).last_hidden_state)
        for one in (old, new)
    ]
    assert np.array_equal(*states)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_read_exactly(dtype, tmp_path):
    from transformers import AutoModelForCausalLM

    made("gpt2", GPT2, AutoModelForCausalLM, tmp_path, "causal")
    folder = tmp_path / "model"
    resave(folder, lambda tensors: [(name, one.to(dtype)) for name, one in tensors.items()])
    generator = ctranslate2.Generator(converted_again(folder), compute_type="float32")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        expected = model(torch.tensor(TEXTS[:1])).logits.numpy()
    assert np.abs(np.array(generator.forward_batch(TEXTS[:1])) - expected).max() < 1e-4


def test_a_model_in_several_files_is_read_whole(tmp_path):
    from transformers import AutoModelForCausalLM

    model, whole = made("llama", LLAMA, AutoModelForCausalLM, tmp_path, "causal")
    (tmp_path / "model" / "model.safetensors").unlink()
    model.save_pretrained(tmp_path / "model", max_shard_size="20KB")
    assert len(list((tmp_path / "model").glob("*.safetensors"))) > 1
    results = [
        np.array(ctranslate2.Generator(one).forward_batch(TEXTS))
        for one in (converted_again(tmp_path / "model"), whole)
    ]
    assert np.array_equal(*results)


def test_a_tied_output_that_is_stored_with_other_values_counts_as_in_transformers(tmp_path):
    from transformers import AutoModelForCausalLM

    made("gpt2", GPT2, AutoModelForCausalLM, tmp_path, "causal")
    folder = tmp_path / "model"
    output = torch.randn(VOCABULARY, 24)
    resave(folder, lambda tensors: [*tensors.items(), ("lm_head.weight", output)])
    generator = ctranslate2.Generator(converted_again(folder), compute_type="float32")
    with torch.no_grad():
        model = AutoModelForCausalLM.from_pretrained(folder)
        expected = model(torch.tensor(TEXTS[:1])).logits.numpy()
    assert np.abs(np.array(generator.forward_batch(TEXTS[:1])) - expected).max() < 1e-4


def test_positions_that_a_marian_stores_are_used_as_in_transformers(tmp_path):
    from transformers import AutoModelForSeq2SeqLM, MarianMTModel

    settings = {**MARIAN, "scale_embedding": True}
    made("marian", settings, AutoModelForSeq2SeqLM, tmp_path, "seq2seq")
    folder = tmp_path / "model"
    table = torch.randn(40, 24)
    names = [f"model.{side}.embed_positions.weight" for side in ("encoder", "decoder")]
    resave(folder, lambda tensors: [*tensors.items(), *((name, table.clone()) for name in names)])
    translator = ctranslate2.Translator(converted_again(folder), compute_type="float32")
    (found,) = translator.score_batch([tokens(TEXTS[0])], [tokens([7, 8, 9])])
    model = MarianMTModel.from_pretrained(folder).eval()
    with torch.no_grad():
        given = torch.tensor([[49, 7, 8, 9]])
        logits = model(torch.tensor(TEXTS[:1]), decoder_input_ids=given).logits[0]
    expected = logits.log_softmax(-1)[range(4), [7, 8, 9, 2]].numpy()
    assert np.abs(np.array(found.log_probs) - expected).max() < 1e-4


def test_the_weights_as_int8_are_near_those_as_float32(tmp_path):
    from transformers import AutoModelForCausalLM

    _, exact = made("llama", LLAMA, AutoModelForCausalLM, tmp_path, "causal")
    near = tmp_path / "int8"
    near.mkdir()
    convert(Checkpoint("tiny", tmp_path / "model", "local"), near, "int8")
    assert ctranslate2.Generator(str(near), compute_type="int8").compute_type == "int8_float32"
    # that the activations become integers as well is the engine's business
    generator = ctranslate2.Generator(str(near), compute_type="float32")
    exact_logits = np.array(ctranslate2.Generator(exact).forward_batch(TEXTS[:1])).ravel()
    logits = np.array(generator.forward_batch(TEXTS[:1])).ravel()
    assert 0 < np.abs(logits - exact_logits).max()
    assert np.corrcoef(logits, exact_logits)[0, 1] > 0.999


def test_a_weight_that_the_conversion_does_not_know_is_refused(tmp_path):
    from transformers import AutoModelForCausalLM

    from llmcli.errors import ModelUnsuitable

    made("llama", LLAMA, AutoModelForCausalLM, tmp_path, "causal")
    extra = ("model.layers.1.self_attn.q_norm.weight", torch.ones(6))
    resave(tmp_path / "model", lambda tensors: [*tensors.items(), extra])
    with pytest.raises(ModelUnsuitable, match="self_attn.q_norm.weight"):
        converted_again(tmp_path / "model")


def test_what_config_json_leaves_out_is_as_transformers_has_it():
    from transformers import AutoConfig

    from llmcli.engines.ct2.support import DEFAULTS

    for model_type, defaults in DEFAULTS.items():
        config = AutoConfig.for_model(model_type)
        for setting, value in defaults.items():
            if hasattr(config, setting):
                assert getattr(config, setting) == value, (model_type, setting)
            else:  # gone from transformers 5
                assert setting in ("position_embedding_type", "add_cross_attention"), setting
