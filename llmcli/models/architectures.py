"""What a config.json says a model is: its kind, its task, its context length."""

from typing import Any, Literal

from llmcli.errors import ModelUnsuitable

Kind = Literal["causal", "masked", "seq2seq", "classifier", "tagger", "reader", "encoder", "other"]


def kind_of(config: dict[str, Any]) -> Kind:
    """What a configuration is for: decided by its architecture, else by its model type.

    >>> kind_of({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]})
    'causal'
    >>> kind_of({"model_type": "bert", "architectures": ["BertForMaskedLM"]})
    'masked'
    """
    named = next((kind for name in architectures(config) if (kind := _kind_of_name(name))), None)
    if named in ("classifier", "tagger", "reader"):
        return named
    if config.get("is_encoder_decoder"):
        return "seq2seq"
    if config.get("model_type") in NOT_LEFT_TO_RIGHT:
        return "other"
    if named is not None:
        return named
    kind = _kind_of_type(str(config.get("model_type")), bool(config.get("is_decoder")))
    if kind == "masked" and any(name.endswith("Model") for name in architectures(config)):
        return "encoder"  # without a head; a causal model's head is mostly its embedding
    return kind


def kinds_of(config: dict[str, Any]) -> tuple[Kind, ...]:
    """All that a folder is for: one whose `architectures` name several heads holds them all.

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
    """What the head in a class name is for; the longer endings come first."""
    return next((kind for kind, ends in HEADS.items() if architecture.endswith(ends)), None)


# They are listed as causal, but need more than the tokens so far to predict the next one.
NOT_LEFT_TO_RIGHT = ("xlnet", "recurrent_gemma")


def architectures(config: dict[str, Any]) -> list[str]:
    """The class names that a configuration gives its model, often one."""
    names = config.get("architectures")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


WORDS: dict[Kind, str] = {
    "causal": "a causal language model",
    "masked": "a masked language model",
    "seq2seq": "a sequence-to-sequence model",
    "classifier": "a text classifier",
    "tagger": "a token classifier",
    "reader": "an extractive question answering model",
    "encoder": "an encoder without a prediction head",
    "other": "no language model, or one without its prediction head",
}


COMMAND: dict[Kind, str] = {
    "causal": "generate",
    "masked": "fill",
    "seq2seq": "translate",
    "classifier": "classify",
    "reader": "answer",
    "encoder": "embed",
}


def choose_kind(model_id: str, config: dict[str, Any], wanted: tuple[Kind, ...]) -> Kind:
    """Which of the wanted kinds a model is of; ModelUnsuitable where it is of none."""
    kinds = kinds_of(config)
    for kind in wanted:
        if kind in kinds:
            return kind
    require_kind(model_id, kinds[0], wanted)
    return kinds[0]


def require_kind(model_id: str, kind: Kind, wanted: tuple[Kind, ...]) -> None:
    """Raise ModelUnsuitable if a model is of another kind than the task needs."""
    if kind not in wanted:
        needed = " or ".join(WORDS[one] for one in wanted)
        use = f", for llmcli {COMMAND[kind]}" if kind in COMMAND else ""
        raise ModelUnsuitable(f"{model_id} is {WORDS[kind]}{use}: this needs {needed}")


# Of the common types, so that transformers need not be asked, which takes seconds.
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
    """What a model is good for, by the hub's names, as far as its architecture tells.

    >>> task_of({"architectures": ["BertForQuestionAnswering"]})
    'question-answering'
    """
    for name in architectures(config):
        for ending, task in _TASKS.items():
            if name.endswith(ending):
                return task
    return "feature-extraction"


def context_length(config: dict[str, Any]) -> int | None:
    """How many positions a configuration allows, or None where it sets no bound."""
    for name in ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx"):
        value = config.get(name)
        if isinstance(value, int) and value > 0:
            if config.get("model_type") in COUNT_FROM_PADDING:
                value -= int(config.get("pad_token_id") or 1) + 1
            return value
    return None


# Their positions begin after the padding token's id, as RoBERTa's do.
COUNT_FROM_PADDING = (
    *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl"),
    *("camembert", "longformer", "mpnet", "data2vec-text"),
)
