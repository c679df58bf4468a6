"""What CTranslate2 supports exactly: architectures, by their config.json, and ways of decoding."""

from typing import Any, Literal

from llmcli.decoding.generation_config import NO_RULES, Rules
from llmcli.models.architectures import DESCRIPTIONS, Kind
from llmcli.spec import Decoding

Group = Literal["causal", "seq2seq", "encoder"]
ENCODERS: tuple[Kind, ...] = ("classifier", "tagger", "reader", "masked", "encoder")


class UnsupportedByCt2(Exception):
    """Why ct2 does not run a model, or not for this purpose, in a few words."""

    def __init__(self, reason: str, *, is_damage: bool = False) -> None:
        """is_damage: the model seems damaged, which torch, the reference, decides."""
        super().__init__(reason)
        self.is_damage = is_damage


_LLAMA = {
    "hidden_act": "silu",
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": False,
}
_BERT = {
    "hidden_act": "gelu",
    "hidden_size": 768,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "layer_norm_eps": 1e-12,
    "is_decoder": False,
    "add_cross_attention": False,
    "position_embedding_type": "absolute",
}
_BART = {
    "activation_function": "gelu",
    "d_model": 1024,
    "encoder_attention_heads": 16,
    "decoder_attention_heads": 16,
    "encoder_layers": 12,
    "decoder_layers": 12,
    "max_position_embeddings": 1024,
    "scale_embedding": False,
    "tie_word_embeddings": True,
    "pad_token_id": 1,
}
_T5 = {
    "d_model": 512,
    "num_heads": 8,
    "num_layers": 6,
    "layer_norm_epsilon": 1e-6,
    "feed_forward_proj": "relu",
    "relative_attention_max_distance": 128,
}

# The defaults of transformers: old config.json files leave much out.
DEFAULTS: dict[str, dict[str, Any]] = {
    "gpt2": {
        "activation_function": "gelu_new",
        "n_embd": 768,
        "n_head": 12,
        "n_layer": 12,
        "layer_norm_epsilon": 1e-5,
        "tie_word_embeddings": True,
        "add_cross_attention": False,
        "scale_attn_weights": True,
        "scale_attn_by_inverse_layer_idx": False,
    },
    "llama": _LLAMA,
    "mistral": {**_LLAMA, "num_key_value_heads": 8, "sliding_window": 4096},
    "qwen2": {**_LLAMA, "num_key_value_heads": 32, "use_sliding_window": False},
    "qwen3": {
        **_LLAMA,
        "num_key_value_heads": 32,
        "head_dim": 128,
        "use_sliding_window": False,
    },
    "gpt_neox": {
        "hidden_act": "gelu",
        "hidden_size": 6144,
        "num_attention_heads": 64,
        "num_hidden_layers": 44,
        "layer_norm_eps": 1e-5,
        "tie_word_embeddings": False,
        "use_parallel_residual": True,
    },
    "opt": {
        "activation_function": "relu",
        "hidden_size": 768,
        "num_attention_heads": 12,
        "num_hidden_layers": 12,
        "tie_word_embeddings": True,
        "do_layer_norm_before": True,
        "layer_norm_elementwise_affine": True,
        "_remove_final_layer_norm": False,
    },
    "bert": _BERT,
    "roberta": {**_BERT, "pad_token_id": 1},
    "xlm-roberta": {**_BERT, "pad_token_id": 1},
    "camembert": {**_BERT, "pad_token_id": 1},
    "distilbert": {"activation": "gelu", "dim": 768, "n_heads": 12, "n_layers": 6},
    "marian": {
        **_BART,
        "pad_token_id": 58100,
        "share_encoder_decoder_embeddings": True,
    },
    "bart": _BART,
    "mbart": _BART,
    "m2m_100": {**_BART, "activation_function": "relu", "scale_embedding": True},
    "pegasus": {**_BART, "pad_token_id": 0},
    "t5": _T5,
    "mt5": {**_T5, "num_heads": 6, "num_layers": 8, "feed_forward_proj": "gated-gelu"},
}
GROUPS: dict[str, Group] = {
    **dict.fromkeys(("gpt2", "llama", "mistral", "qwen2", "qwen3", "gpt_neox", "opt"), "causal"),
    **dict.fromkeys(("bert", "roberta", "xlm-roberta", "camembert", "distilbert"), "encoder"),
    **dict.fromkeys(("marian", "bart", "mbart", "m2m_100", "pegasus"), "seq2seq"),
    **dict.fromkeys(("t5", "mt5"), "seq2seq"),
}
_OTHER_NAMES = {  # alternative names that transformers accepts in config.json
    "gpt2": {
        "hidden_size": "n_embd",
        "num_attention_heads": "n_head",
        "num_hidden_layers": "n_layer",
    },
    "distilbert": {
        "hidden_size": "dim",
        "num_attention_heads": "n_heads",
        "num_hidden_layers": "n_layers",
    },
    **dict.fromkeys(
        ("t5", "mt5"),
        {
            "hidden_size": "d_model",
            "num_attention_heads": "num_heads",
            "num_hidden_layers": "num_layers",
        },
    ),
}
# Settings for which CTranslate2, or the conversion, supports only this value.
_ONLY: dict[str, Any] = {
    "add_cross_attention": False,
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "layer_norm_elementwise_affine": True,
    "is_decoder": False,
    "position_embedding_type": "absolute",
    "use_sliding_window": False,
    "share_encoder_decoder_embeddings": True,
}
# Types of rotary positions, and the parameters that each needs.
ROPES: dict[str, tuple[str, ...]] = {
    "default": (),
    "linear": ("factor",),
    "llama3": (
        *("factor", "low_freq_factor", "high_freq_factor"),
        "original_max_position_embeddings",
    ),
}
WIDTHS = ("n_embd", "hidden_size", "dim", "d_model")
HEADS = (
    *("n_head", "n_heads", "num_attention_heads"),
    *("encoder_attention_heads", "decoder_attention_heads"),
)
ACTIVATIONS = {  # by the names of ctranslate2.specs.common_spec.Activation
    "gelu": "GELU",
    "gelu_python": "GELU",
    "gelu_fast": "GELUTanh",
    "gelu_new": "GELUTanh",
    "gelu_pytorch_tanh": "GELUTanh",
    "relu": "RELU",
    "silu": "SWISH",
    "swish": "SWISH",
}


def group_of(kind: Kind) -> Group | None:
    """How a kind of model is converted: all encoders in the same way, without their heads."""
    if kind == "causal" or kind == "seq2seq":
        return kind
    return "encoder" if kind in ENCODERS else None


def reason_against(settings: dict[str, Any], kind: Kind) -> str | None:
    """Why CTranslate2 cannot run a model, in a few words; None if it can.

    settings: the contents of config.json; what it leaves out has the defaults of transformers.
    """
    model_type = str(settings.get("model_type"))
    if GROUPS.get(model_type) != group_of(kind) or group_of(kind) is None:
        return f"it does not run {model_type} as {DESCRIPTIONS[kind]}"
    if settings.get("quantization_config"):
        return "it does not read quantized checkpoints"
    full = with_defaults(settings)
    wrong = next((name for name, value in _ONLY.items() if full.get(name, value) != value), None)
    if wrong is not None:
        return f"it does not support {wrong} {full[wrong]}"
    if activation(full) not in ACTIVATIONS:
        return f"it does not support the activation {activation(full)}"
    return _reason_against_rope(full) or _reason_against_shape(full) or _reason_by_type(full)


def reason_against_decoding(kind: Kind, options: Decoding, rules: Rules = NO_RULES) -> str | None:
    """Why CTranslate2 would not decode as transformers does, in a few words; None if it does.

    rules: of a model's generation config, where they are known already.
    """
    is_causal, has_beams = kind == "causal", options.beams > 1
    asked = {
        "it does no speculative decoding": options.drafter is not None,
        "it does not sample with a seed for each row": options.samples,
        "it returns no log-probabilities of tokens": options.logprobs > 0,
        "it returns no distributions, which a trace shows": options.trace > 0,
        "its repetition penalty is computed differently": options.penalty != 1.0,
        "its beam search is not that of transformers": is_causal and has_beams,
        "its beams are measured for `length_penalty` 1": has_beams and rules.length_penalty != 1,
        "it lets n-grams of the prompt repeat": is_causal and bool(options.no_repeat_ngram_size),
        "it does not force the first token": rules.forced_first is not None,
        "it does not suppress tokens at the beginning": bool(rules.banned_first),
        # A prompt has a token at least.
        "it has no minimum length like that of transformers": rules.min_new_tokens > 0
        or rules.min_length > 1,
        "it has no such setting as sequence_bias": bool(rules.biases),
        "it does not compare a text with its source": rules.encoder_repetition_penalty != 1.0
        or rules.encoder_no_repeat_ngram_size > 0,
        "it does not make an end likelier": rules.decay is not None,
        "it does not stop a search as early_stopping says": options.beams > 1
        and rules.early_stopping == "never",
        "it does not force the last token": is_causal and bool(rules.forced_last),
        "it forces one last token alone": len(rules.forced_last) > 1,
        "it lets sequences of tokens follow on the prompt": is_causal
        and any(len(sequence) > 1 for sequence in rules.banned),
    }
    return next((reason for reason, is_asked in asked.items() if is_asked), None)


def with_defaults(settings: dict[str, Any]) -> dict[str, Any]:
    """The contents of config.json with the defaults of transformers for what it leaves out."""
    model_type = settings["model_type"]
    others = _OTHER_NAMES.get(model_type, {})
    known = {others.get(name, name): value for name, value in settings.items()}
    return {**DEFAULTS[model_type], **known}


def activation(full: dict[str, Any]) -> str:
    """The name of the activation function in the feed-forward layers."""
    if "feed_forward_proj" in full:
        named = str(full["feed_forward_proj"])
        return "gelu_new" if named == "gated-gelu" else named.removeprefix("gated-")
    names = ("activation_function", "hidden_act", "activation")
    return str(next(full[name] for name in names if name in full))


def rope(full: dict[str, Any]) -> dict[str, Any]:
    """The parameters of rotary positions, from the old fields of config.json or the new one."""
    old = {
        "rope_theta": full.get("rope_theta", full.get("rotary_emb_base")),
        "partial_rotary_factor": full.get("rotary_pct", full.get("partial_rotary_factor")),
    }
    given = {name: value for name, value in old.items() if value is not None}
    part = 0.25 if full["model_type"] == "gpt_neox" else 1
    default = {"rope_theta": 10000.0, "partial_rotary_factor": part, "rope_type": "default"}
    new = full.get("rope_scaling") or full.get("rope_parameters") or {}
    if "type" in new:
        new = {"rope_type": new["type"], **new}
    return {**default, **given, **new}


def _reason_against_rope(full: dict[str, Any]) -> str | None:
    given = [full.get(name) or {} for name in ("rope_scaling", "rope_parameters")]
    if not all(isinstance(field, dict) for field in given) or any(
        isinstance(value, dict) for field in given for value in field.values()
    ):
        return "it does not support these rope_parameters"
    parameters = rope(full)
    if full["model_type"] != "gpt_neox" and parameters["partial_rotary_factor"] != 1:
        return "it does not support rotary positions of a part of each head"
    supported = ROPES if full["model_type"] != "gpt_neox" else {"default": ()}
    rope_type = parameters["rope_type"]
    if rope_type not in supported:
        return f"it does not support rotary positions of type {rope_type}"
    needed = ("rope_theta", "partial_rotary_factor", *supported[rope_type])
    if not all(isinstance(parameters.get(name), (int, float)) for name in needed):
        return "it does not support these rope_parameters"
    return None


def _reason_against_shape(full: dict[str, Any]) -> str | None:
    if full.get("head_dim") or full["model_type"] in ("t5", "mt5"):
        return None  # the size of their heads does not depend on the width
    width = next(full[name] for name in WIDTHS if name in full)
    for name in HEADS:
        heads = full.get(name, 1)
        if not isinstance(width, int) or not isinstance(heads, int) or width % max(heads, 1):
            return f"{width} dimensions do not divide into {heads} heads"
    return None


def _reason_by_type(full: dict[str, Any]) -> str | None:
    model_type = full["model_type"]
    if model_type == "mistral" and full["sliding_window"] is not None:
        return f"it does not support sliding_window {full['sliding_window']}"
    kinds = full.get("layer_types") or []
    if model_type in ("qwen2", "qwen3") and any(kind != "full_attention" for kind in kinds):
        return "it does not support layers with a sliding window"
    if GROUPS[model_type] == "seq2seq" and model_type not in ("t5", "mt5"):
        if full["tie_word_embeddings"] is not True:
            return "it does not support tie_word_embeddings False"
        if full.get("decoder_vocab_size") not in (None, full.get("vocab_size")):
            return "it does not support a vocabulary for each side"
        if full["d_model"] % 2:
            return "it does not support an odd number of dimensions"
    return None


def label_count(settings: dict[str, Any]) -> int:
    """The number of labels that a config.json states; 2 if it states none, as in transformers."""
    names = settings.get("id2label")
    return len(names) if isinstance(names, dict) else int(settings.get("num_labels") or 2)
