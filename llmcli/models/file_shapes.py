"""What the files of settings in a model's folder may hold, by the name of the file.

A key that is not listed here may hold anything: transformers, which reads it, judges it. Counts
have a bound, because a model is built as its settings say, before its weights are read.
"""

from llmcli.system.shapes import (
    FLAG,
    NUMBER,
    OBJECT,
    TEXT,
    WHOLE,
    AnyOf,
    Between,
    Choice,
    Filled,
    ListOf,
    MapOf,
    Object,
    Pattern,
    Shape,
)

Fields = dict[str, Shape]
"""Shapes by the names of keys."""

SIZE = Between(1, 10**8)
LAYERS = Between(0, 10_000)
POSITIONS = Between(-1, 2 * 10**7)  # twice what Llama 4 has
COUNT = Between(0, 2**31)
SHARE = Between(0, 1, is_whole=False)
POSITIVE = Between(1e-30, is_whole=False)
TOKEN_ID = Between(-(2**31), 2**31)
IDS = ListOf(TOKEN_ID)
KNOWN_ID = Between(0, 2**31)
TEXTS = ListOf(TEXT)


def _each(shape: Shape, names: str) -> Fields:
    """One shape for several keys, whose names stand in a text."""
    return dict.fromkeys(names.split(), shape)


def _token(text: Shape) -> Shape:
    """A special token: its text, or an object with the rules for matching it."""
    rules = _each(FLAG, "lstrip rstrip normalized single_word special")
    return AnyOf(text, Object({"content": text, **rules}, needs=("content",)))


TOKEN = _token(TEXT)
UNKNOWN = _token(Filled())  # transformers looks for the id of an empty one without end
TEMPLATE = Object({"name": TEXT, "template": TEXT}, needs=("name", "template"))
ROPE = Object(
    {
        **_each(TEXT, "type rope_type"),
        **_each(POSITIVE, "factor low_freq_factor high_freq_factor rope_theta"),
        "original_max_position_embeddings": SIZE,
    }
)

_IDS: Fields = {
    **_each(TOKEN_ID, "pad_token_id sep_token_id cls_token_id mask_token_id unk_token_id"),
    **_each(AnyOf(TOKEN_ID, IDS), "bos_token_id eos_token_id"),
    "decoder_start_token_id": AnyOf(KNOWN_ID, ListOf(KNOWN_ID, is_filled=True)),
    **_each(AnyOf(TOKEN_ID, IDS), "forced_bos_token_id forced_eos_token_id"),
}
_GENERATION: Fields = {
    **_each(COUNT, "max_length max_new_tokens min_length min_new_tokens"),
    **_each(WHOLE, "num_beams top_k no_repeat_ngram_size encoder_no_repeat_ngram_size"),
    **_each(NUMBER, "temperature top_p typical_p min_p repetition_penalty length_penalty"),
    **_each(NUMBER, "diversity_penalty encoder_repetition_penalty"),
    **_each(FLAG, "do_sample renormalize_logits remove_invalid_values"),
    **_each(IDS, "suppress_tokens begin_suppress_tokens"),
    "early_stopping": AnyOf(FLAG, Choice("never")),
    "bad_words_ids": ListOf(ListOf(KNOWN_ID, is_filled=True)),
    "stop_strings": AnyOf(TEXT, TEXTS),
}
_NORMS = ("layer_norm_eps", "layer_norm_epsilon", "rms_norm_eps")
_SIZES: Fields = {
    **_each(SIZE, "vocab_size hidden_size n_embd dim d_model embedding_size hidden_dim"),
    **_each(SIZE, "n_head n_heads encoder_attention_heads decoder_attention_heads"),
    **_each(SIZE, "num_key_value_heads head_dim n_inner ffn_dim d_ff d_kv word_embed_proj_dim"),
    **_each(SIZE, "encoder_ffn_dim decoder_ffn_dim"),
    # Models of images have one for each stage.
    **_each(AnyOf(SIZE, ListOf(SIZE)), "num_heads num_attention_heads intermediate_size"),
    **_each(LAYERS, "n_layer n_layers num_layers num_hidden_layers"),
    **_each(LAYERS, "encoder_layers decoder_layers num_decoder_layers"),
    **_each(POSITIONS, "max_position_embeddings n_positions n_ctx max_seq_len"),
    **_each(COUNT, "sliding_window num_labels type_vocab_size decoder_vocab_size"),
    **_each(COUNT, "relative_attention_max_distance relative_attention_num_buckets"),
    **_each(SHARE, " ".join(_NORMS)),
    **_each(POSITIVE, "rope_theta rotary_emb_base"),
    **_each(SHARE, "rotary_pct partial_rotary_factor"),
    "rope_scaling": ROPE,
    "rope_parameters": OBJECT,
    "layer_types": TEXTS,
}
_USE: Fields = {
    **_each(TEXT, "model_type hidden_act activation_function activation feed_forward_proj"),
    **_each(TEXT, "position_embedding_type tokenizer_class"),
    **_each(FLAG, "tie_word_embeddings is_decoder is_encoder_decoder use_cache"),
    **_each(FLAG, "add_cross_attention scale_embedding scale_attn_weights use_sliding_window"),
    **_each(FLAG, "do_layer_norm_before use_parallel_residual _remove_final_layer_norm"),
    **_each(FLAG, "scale_attn_by_inverse_layer_idx layer_norm_elementwise_affine"),
    **_each(FLAG, "share_encoder_decoder_embeddings"),
    **_each(OBJECT, "quantization_config text_config auto_map"),
    **_each(AnyOf(TEXT, OBJECT), "dtype torch_dtype"),
    "architectures": TEXTS,
    "id2label": MapOf(TEXT, has_numbers=True),
    "label2id": MapOf(AnyOf(WHOLE, TEXT)),
    "problem_type": Choice(
        "regression", "single_label_classification", "multi_label_classification"
    ),
}
CONFIG = Object({**_GENERATION, **_IDS, **_SIZES, **_USE}, never_null=_NORMS)
GENERATION = Object({**_GENERATION, **_IDS})

_TOKENS: Fields = {
    **_each(TOKEN, "bos_token eos_token sep_token pad_token cls_token mask_token"),
    "unk_token": UNKNOWN,
    "additional_special_tokens": ListOf(TOKEN),
}
TOKENIZER = Object(
    {
        **_TOKENS,
        **_each(FLAG, "do_lower_case strip_accents tokenize_chinese_chars add_prefix_space"),
        **_each(FLAG, "add_bos_token add_eos_token legacy trim_offsets separate_vocabs"),
        **_each(FLAG, "clean_up_tokenization_spaces split_special_tokens"),
        **_each(TEXT, "tokenizer_class source_lang target_lang"),
        **_each(Choice("left", "right"), "padding_side truncation_side"),
        "model_max_length": Between(1, is_whole=False),  # 1e30: no limit
        "chat_template": AnyOf(TEXT, ListOf(TEMPLATE), MapOf(TEXT)),
        "extra_special_tokens": AnyOf(ListOf(TOKEN), MapOf(TOKEN)),
        "added_tokens_decoder": MapOf(TOKEN, has_numbers=True),
        "model_input_names": TEXTS,
    },
    never_null=("model_input_names",),
)
ADAPTER = Object(
    {
        **_each(TEXT, "base_model_name_or_path revision task_type peft_type bias"),
        **_each(AnyOf(TEXTS, Pattern()), "target_modules exclude_modules layers_pattern"),
        **_each(FLAG, "fan_in_fan_out inference_mode use_rslora use_dora"),
        "modules_to_save": TEXTS,
        "r": SIZE,
        "lora_alpha": NUMBER,
        "lora_dropout": SHARE,
        "layers_to_transform": AnyOf(WHOLE, ListOf(WHOLE)),
        "rank_pattern": MapOf(SIZE),
        "alpha_pattern": MapOf(NUMBER),
        "init_lora_weights": AnyOf(FLAG, TEXT),
    }
)
MODULES = ListOf(Object({"type": TEXT, "path": TEXT}, needs=("type", "path")))
SENTENCE_TRANSFORMERS = Object(
    {
        **_each(TEXT, "default_prompt_name similarity_fn_name model_type"),
        "prompts": MapOf(TEXT),
    },
    never_null=("prompts",),
)
LENGTH = Object({"model_max_length": COUNT})
TRANSFORMER = Object(
    {
        **_each(TEXT, "transformer_task module_output_name"),
        **_each(LENGTH, "processor_kwargs tokenizer_args"),
        "do_lower_case": FLAG,
        "max_seq_length": SIZE,
    }
)
MODULE_CONFIG = Object(
    {
        **_each(FLAG, "bias use_residual include_prompt pooling_mode_cls_token"),
        **_each(FLAG, "pooling_mode_mean_tokens pooling_mode_max_tokens pooling_mode_lasttoken"),
        **_each(FLAG, "pooling_mode_mean_sqrt_len_tokens pooling_mode_weightedmean_tokens"),
        **_each(SIZE, "in_features out_features word_embedding_dimension dimension"),
        **_each(TEXT, "activation_function module_input_name module_output_name"),
        "pooling_mode": AnyOf(TEXT, TEXTS),
    },
    never_null=("bias", "use_residual", "include_prompt"),
)
"""The config.json of a Pooling, Dense or LayerNorm."""
VOCABULARY = MapOf(COUNT)
INDEX = Object({"weight_map": MapOf(TEXT)}, needs=("weight_map",))

BY_NAME: dict[str, Shape] = {
    "config.json": CONFIG,
    "generation_config.json": GENERATION,
    "tokenizer_config.json": TOKENIZER,
    "special_tokens_map.json": Object(_TOKENS),
    "added_tokens.json": VOCABULARY,
    "vocab.json": VOCABULARY,
    "adapter_config.json": ADAPTER,
    "modules.json": MODULES,
    "config_sentence_transformers.json": SENTENCE_TRANSFORMERS,
    "model.safetensors.index.json": INDEX,
}


def shape_of(name: str) -> Shape:
    """The shape of a file in the folder of a model; of an unknown one, any object."""
    if name.startswith("sentence_") and name.endswith("_config.json"):
        return TRANSFORMER  # sentence_bert_config.json, and the same of other architectures
    return BY_NAME.get(name, OBJECT)
