"""What config.json says about a model: its kind, its task, its context length."""

from typing import Any, Literal

from llmcli.errors import ModelUnsuitable

Kind = Literal["causal", "masked", "seq2seq", "classifier", "tagger", "reader", "encoder", "other"]
"""What a model can do. reader: extractive question answering; encoder: no prediction head."""


def kind_of(config: dict[str, Any]) -> Kind:
    """The kind of a model, by the name of its architecture, else by its model type.

    >>> kind_of({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]})
    'causal'
    >>> kind_of({"model_type": "bert", "architectures": ["BertForMaskedLM"]})
    'masked'
    """
    names = architectures(config)
    named = next((kind for name in names if (kind := _kind_of_name(name))), None)
    if named in ("classifier", "tagger", "reader"):
        return named
    if config.get("is_encoder_decoder"):
        return "seq2seq"
    if config.get("model_type") in NOT_LEFT_TO_RIGHT:
        return "other"
    if named is not None:
        return named
    kind = _kind_of_type(str(config.get("model_type")), bool(config.get("is_decoder")))
    if kind == "masked" and any(name.endswith("Model") for name in names):
        return "encoder"  # without a head; that of a causal model is mostly its embedding
    return kind


def kinds_of(config: dict[str, Any]) -> tuple[Kind, ...]:
    """All kinds of a model: a checkpoint whose `architectures` name several heads has them all.

    >>> names = ["BertForSequenceClassification", "BertForQuestionAnswering", "BertModel"]
    >>> kinds_of({"model_type": "bert", "architectures": names})
    ('classifier', 'reader', 'encoder')
    """
    names = architectures(config)
    if len(names) < 2:
        return (kind_of(config),)
    return tuple(dict.fromkeys(kind_of({**config, "architectures": [name]}) for name in names))


HEADS: dict[Kind, tuple[str, ...]] = {
    "classifier": ("ForSequenceClassification",),
    "tagger": ("ForTokenClassification",),
    "reader": ("ForQuestionAnswering", "ForQuestionAnsweringSimple"),
    "causal": ("ForCausalLM", "LMHeadModel"),
    "masked": ("ForMaskedLM", "ForPreTraining", "WithLMHeadModel"),
    "other": ("Classification", "MultipleChoice"),
}


def _kind_of_name(architecture: str) -> Kind | None:
    """The kind of the head in a class name."""
    return next((kind for kind, ends in HEADS.items() if architecture.endswith(ends)), None)


# transformers lists them as causal, but they need more than the tokens before to predict one.
NOT_LEFT_TO_RIGHT = ("xlnet", "recurrent_gemma")


def architectures(config: dict[str, Any]) -> list[str]:
    """The class names of the model in transformers, usually one."""
    names = config.get("architectures")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


DESCRIPTIONS: dict[Kind, str] = {
    "causal": "a causal language model",
    "masked": "a masked language model",
    "seq2seq": "a sequence-to-sequence model",
    "classifier": "a text classifier",
    "tagger": "a token classifier",
    "reader": "an extractive question answering model",
    "encoder": "an encoder without a prediction head",
    "other": "not a language model, or one without its prediction head",
}


COMMANDS: dict[Kind, str] = {
    "causal": "generate",
    "masked": "fill",
    "seq2seq": "translate",
    "classifier": "classify",
    "tagger": "tag",
    "reader": "answer",
    "encoder": "embed",
}
"""The command for each kind of model."""


def choose_kind(model_id: str, config: dict[str, Any], wanted: tuple[Kind, ...]) -> Kind:
    """The first of the wanted kinds that a model is of. Raises ModelUnsuitable if it is of none."""
    kinds = kinds_of(config)
    for kind in wanted:
        if kind in kinds:
            return kind
    if kinds[0] == "other" and any(section in config for section in OTHER_SENSES):
        raise ModelUnsuitable(
            f"{model_id} is a {config.get('model_type')} model, which reads more than text: llmcli "
            "cannot run it; give a model for text alone"
        )
    require_kind(model_id, kinds[0], wanted)
    return kinds[0]


OTHER_SENSES = ("vision_config", "audio_config", "speech_config", "image_config")
"""Sections of the configuration of models that read images or sounds."""


def require_kind(model_id: str, kind: Kind, wanted: tuple[Kind, ...]) -> None:
    """Raise ModelUnsuitable if a model is not of a kind that the task needs."""
    if kind not in wanted:
        needed = " or ".join(DESCRIPTIONS[other] for other in wanted)
        use = f", for llmcli {COMMANDS[kind]}" if kind in COMMANDS else ""
        raise ModelUnsuitable(f"{model_id} is {DESCRIPTIONS[kind]}{use}: this needs {needed}")


# Common model types, for which transformers need not be imported, which takes seconds.
COMMON: dict[str, Kind] = {
    **dict.fromkeys(("bert", "distilbert", "roberta", "xlm-roberta", "camembert"), "masked"),
    **dict.fromkeys(("gpt2", "llama", "mistral", "qwen2", "qwen3", "gpt_neox", "opt"), "causal"),
}


def _kind_of_type(model_type: str, is_decoder: bool) -> Kind:
    if model_type in COMMON and not is_decoder:
        return COMMON[model_type]
    from transformers.models.auto import modeling_auto as auto

    if model_type in auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES and not is_decoder:
        return "masked"
    if model_type in auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return "causal"
    return "other"


_TASKS = {
    "ForCausalLM": "text-generation",
    "LMHeadModel": "text-generation",
    "ForMaskedLM": "fill-mask",
    "ForPreTraining": "fill-mask",
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForQuestionAnswering": "question-answering",
    "MTModel": "translation",
    "ForConditionalGeneration": "text-to-text",
}


def task_of(config: dict[str, Any]) -> str:
    """The task of a model by its architecture, as the hub names tasks.

    >>> task_of({"architectures": ["BertForQuestionAnswering"]})
    'question-answering'
    """
    for name in architectures(config):
        for ending, task in _TASKS.items():
            if name.endswith(ending):
                return task
    return "feature-extraction"


SECTIONS = ("text_config", "decoder")


def text_settings(config: dict[str, Any]) -> dict[str, Any]:
    """The settings of a model with those of its text model over them, which may have a section.

    >>> text_settings({"model_type": "gemma3", "text_config": {"vocab_size": 9}})["vocab_size"]
    9
    """
    sections = (config.get(name) for name in SECTIONS)
    own = next((section for section in sections if isinstance(section, dict)), {})
    return {**config, **{name: value for name, value in own.items() if value is not None}}


def context_length(config: dict[str, Any]) -> int | None:
    """The number of positions that a configuration allows; None if it sets no limit."""
    config = text_settings(config)
    for name in ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx"):
        value = config.get(name)
        if isinstance(value, int) and value > 0:
            if config.get("model_type") in COUNT_FROM_PADDING:
                value -= int(config.get("pad_token_id") or 1) + 1
            return value
    return None


# Their positions start after the padding token's id, as those of RoBERTa.
COUNT_FROM_PADDING = (
    *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl"),
    *("camembert", "longformer", "mpnet", "data2vec-text"),
)
