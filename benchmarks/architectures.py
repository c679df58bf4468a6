"""Tiny random models of every architecture that transformers lists for a task.

    from architectures import build, names
    for name in names("causal"):
        model = build(name, "causal")

A configuration is that of the class with every size made small; what then does not fit together is
in SHAPES. Weights are larger than usual, so that results vary and near ties are rare.
"""

import sys

import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

AUTO = {
    "causal": AutoModelForCausalLM,
    "masked": AutoModelForMaskedLM,
    "seq2seq": AutoModelForSeq2SeqLM,
}
NAMES = {
    "causal": modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    "masked": modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    "seq2seq": modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
}
MOST = 20_000_000  # parameters
VOCABULARY = 300
SIZES = {
    32: "hidden_size d_model n_embd embed_dim dim model_dim emb_dim embedding_size "
    "moe_intermediate_size shared_expert_intermediate_size shared_intermediate_size "
    "intermediate_size_mlp mlp_hidden_size expert_ffn_hidden_size dense_intermediate_size "
    "moe_shared_expert_intermediate_size image_size",
    64: "intermediate_size ffn_dim d_ff n_inner encoder_ffn_dim decoder_ffn_dim dff "
    "ffn_hidden_size feed_forward_size mamba_d_ssm",
    2: "num_hidden_layers n_layer n_layers encoder_layers decoder_layers num_layers "
    "num_decoder_layers num_encoder_layers num_key_value_heads num_kv_heads "
    "num_experts_per_tok moe_topk moe_k top_k_experts",
    4: "num_attention_heads n_head n_heads encoder_attention_heads decoder_attention_heads "
    "num_heads num_experts num_local_experts n_routed_experts moe_num_experts state_size "
    "ssm_state_size mamba_d_state",
    8: "head_dim attention_head_dim attention_head_size global_head_dim d_kv qk_nope_head_dim "
    "qk_rope_head_dim v_head_dim rotary_dim sliding_window attention_window mamba_d_head "
    "mamba_n_heads mamba_num_heads mamba_head_dim hidden_size_per_layer_input patch_size",
    16: "kv_lora_rank q_lora_rank qk_head_dim",
    VOCABULARY: "vocab_size vocab_size_per_layer_input decoder_vocab_size encoder_vocab_size "
    "src_vocab_size tgt_vocab_size",
    128: "max_position_embeddings n_positions max_seq_len n_ctx max_sequence_length "
    "original_max_position_embeddings",
}
SMALL = {name: size for size, listed in SIZES.items() for name in listed.split()} | {
    **{"n_group": 1, "topk_group": 1, "tie_word_embeddings": False, "mask_token_id": 3},
    **{"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2},
}
KEPT_IF_NONE = ("head_dim", "n_inner", "sliding_window", "q_lora_rank", "rotary_dim")
"""Sizes that are computed, or switched off, where a class leaves them out."""
GLOBAL_LOCAL = [[["global", "local"], 1]]
SHAPES = {
    **dict.fromkeys(
        "axk1 axk2 deepseek_v2 deepseek_v3 deepseek_v32 dots3_note_text glm4_moe_lite glm_moe_dsa "
        "longcat_flash minicpm3 sarvam_mla youtu".split(),
        {"num_key_value_heads": 4},
    ),
    **dict.fromkeys(
        "qwen3_5_text qwen3_5_moe_text qwen3_next lfm3".split(), {"num_hidden_layers": 4}
    ),
    **dict.fromkeys("hunyuan_v1_dense hunyuan_v1_moe ministral".split(), {"head_dim": 8}),
    **dict.fromkeys("t5 switch_transformers mt5 umt5".split(), {"decoder_start_token_id": 0}),
    "bamba": {"attn_layer_indices": [1]},
    "dory": {"sliding_window": 64},
    "dots1": {"n_shared_experts": 1},
    "encoder-decoder": {},
    "gemma3n_text": {
        **{"num_hidden_layers": 4, "num_kv_shared_layers": 0, "intermediate_size": [64] * 4},
        "layer_types": ["sliding_attention", "full_attention"] * 2,
        "activation_sparsity_pattern": [0.0] * 4,
    },
    "gpt_neo": {"attention_types": GLOBAL_LOCAL, "window_size": 8},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"]},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "lfm2_moe": {
        "layer_types": ["conv", "full_attention"],
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    },
    "longt5": {"decoder_start_token_id": 0, "local_radius": 8, "global_block_size": 4},
    "mamba2": {"num_heads": 8, "head_dim": 8, "n_groups": 1},
    "plbart": {"decoder_start_token_id": 2},
    "recurrent_gemma": {"num_hidden_layers": 3, "num_attention_heads": 4},
    "xmod": {"default_language": "en_XX"},
    "zaya": {"num_experts_per_tok": 1},
}
SHAPES["mllama_text_model"] = {"num_hidden_layers": 2, "cross_attention_layers": []}


def names(task):
    """The architectures that transformers lists for a task, by their model types."""
    return list(NAMES[task])


def small_config(config_class, **changes):
    """A configuration of a class with all sizes made small, those of its sections too."""
    default = config_class()
    known = default.to_dict()
    own = {name: size for name, size in SMALL.items() if name in known and _is_plain(name, known)}
    for name in config_class.sub_configs:
        section = getattr(default, name, None)
        if hasattr(section, "to_dict"):
            own[name] = small_config(type(section)).to_dict()
    if "is_decoder" in known and "encoder_layers" not in known:
        own["is_decoder"] = changes.pop("is_decoder", False)
    return config_class(**{**own, **SHAPES.get(default.model_type, {}), **changes})


def _is_plain(name, known):
    value = known[name]
    return not isinstance(value, (list, dict)) and (value is not None or name not in KEPT_IF_NONE)


def build(name, task, *, seed=1, scale=3.0, **changes):
    """A random model of the architecture `name`, in evaluation mode.

    Raises what transformers raises where the small sizes do not fit, ValueError if it is large.
    """
    auto = AUTO[task]
    if task == "causal":
        changes = {"is_decoder": True, **changes}
    config = small_config(CONFIG_MAPPING[name], **changes)
    with torch.device("meta"):
        count = sum(weight.numel() for weight in auto.from_config(config).parameters())
    if count > MOST:
        raise ValueError(f"{count:,} parameters")
    torch.manual_seed(seed)
    model = auto.from_config(config).eval()
    for weight in model.parameters():
        if weight.dim() > 1:
            weight.data.mul_(scale)
        if not weight.isfinite().all():  # what a class leaves as torch.empty
            weight.data.normal_(std=0.3)
    return model


if __name__ == "__main__":
    print(*names(sys.argv[1]))
