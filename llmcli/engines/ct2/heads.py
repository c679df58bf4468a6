"""The prediction heads of encoders in numpy; CTranslate2 has none."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from llmcli.arrays import Bools, Floats
from llmcli.engines.base import Outputs
from llmcli.engines.ct2.support import WIDTHS, UnsupportedByCt2, label_count
from llmcli.errors import ModelUnsuitable
from llmcli.models.architectures import DESCRIPTIONS, Kind
from llmcli.models.checkpoint import Checkpoint, weight_files
from llmcli.models.safetensors import Tensors

Head = Callable[[Floats, Bools | None], Outputs]
"""From token states (B, T, D) and a mask (B, T) of selected positions to outputs."""
Step = Callable[[Floats], Floats]


def read_head(checkpoint: Checkpoint, kind: Kind, settings: dict[str, Any]) -> Head:
    """The head of a checkpoint, in float32.

    settings: the contents of config.json with defaults for what it leaves out.
    Raises UnsupportedByCt2; ModelUnsuitable for weights that are missing or of another shape.
    """
    if kind == "encoder":
        return lambda hidden, positions: Outputs(hidden=hidden)
    build = HEADS.get((str(settings["model_type"]), kind))
    if build is None:
        raise UnsupportedByCt2(
            f"it has no head for {settings['model_type']} as {DESCRIPTIONS[kind]}"
        )
    try:
        return build(Tensors(weight_files(checkpoint)), settings)
    except KeyError as error:
        raise ModelUnsuitable(f"{checkpoint.model_id} has no weights {error}") from None


def _linear(weights: Tensors, settings: dict[str, Any], name: str, rows: int | None = None) -> Step:
    """A linear layer from a state to as many numbers, or to `rows`."""
    width = _width(settings)
    matrix = _shaped(weights, f"{name}.weight", rows or width, width).T
    bias = _shaped(weights, f"{name}.bias", rows or width)
    return lambda x: x @ matrix + bias


def _width(settings: dict[str, Any]) -> int:
    return next(int(settings[name]) for name in WIDTHS if name in settings)


def _shaped(weights: Tensors, name: str, *shape: int) -> Floats:
    """A weight, which must have this shape: numpy would broadcast many others."""
    values = weights[name]
    if values.shape != shape:
        raise ModelUnsuitable(
            f"the weight {name} has the shape {values.shape}, and config.json states {shape}: it "
            "is damaged, or the two are of different models"
        )
    return values


def _classifier(*steps: Step) -> Head:
    """Logits from the state of the first token."""

    def head(hidden: Floats, positions: Bools | None) -> Outputs:
        vectors = hidden[:, 0]
        for step in steps:
            vectors = step(vectors)
        return Outputs(logits=vectors)

    return head


def _bert_classifier(weights: Tensors, settings: dict[str, Any]) -> Head:
    pooler = _linear(weights, settings, "bert.pooler.dense")
    last = _linear(weights, settings, "classifier", label_count(settings))
    return _classifier(pooler, np.tanh, last)


def _distilbert_classifier(weights: Tensors, settings: dict[str, Any]) -> Head:
    first = _linear(weights, settings, "pre_classifier")
    last = _linear(weights, settings, "classifier", label_count(settings))
    return _classifier(first, lambda x: np.maximum(x, 0), last)


def _roberta_classifier(weights: Tensors, settings: dict[str, Any]) -> Head:
    first = _linear(weights, settings, "classifier.dense")
    last = _linear(weights, settings, "classifier.out_proj", label_count(settings))
    return _classifier(first, np.tanh, last)


def _tagger(weights: Tensors, settings: dict[str, Any]) -> Head:
    """Logits from the state of each token."""
    step = _linear(weights, settings, "classifier", label_count(settings))
    return lambda hidden, positions: Outputs(logits=step(hidden))  # (B, T, L)


def _reader(weights: Tensors, settings: dict[str, Any]) -> Head:
    both = _linear(weights, settings, "qa_outputs", 2)

    def head(hidden: Floats, positions: Bools | None) -> Outputs:
        scores = both(hidden)  # (B, T, 2)
        return Outputs(starts=scores[..., 0], ends=scores[..., 1])

    return head


def _masked(dense: str, norm: str, words: str, bias: str, output: str) -> Any:
    """A head that predicts masked tokens. The parameters are the names of its weights.

    words: the word embeddings, which are the output matrix unless `output` is stored too.
    """

    def build(weights: Tensors, settings: dict[str, Any]) -> Head:
        act = settings.get("hidden_act", settings.get("activation"))
        if act not in ("gelu", "gelu_python"):
            raise UnsupportedByCt2(f"it does not support the activation {act} in a head")
        first = _linear(weights, settings, dense)
        width, rows = _width(settings), settings["vocab_size"]
        scale, shift = (_shaped(weights, f"{norm}.{part}", width) for part in ("weight", "bias"))
        epsilon = settings.get("layer_norm_eps", 1e-12)
        matrix = _shaped(weights, output if output in weights else words, rows, width).T
        offset = _shaped(weights, bias, rows)

        def head(hidden: Floats, positions: Bools | None) -> Outputs:
            states = gelu(first(hidden if positions is None else hidden[positions]))  # (n, D)
            centred = states - states.mean(-1, keepdims=True)
            variance = (centred * centred).mean(-1, keepdims=True)
            states = centred / np.sqrt(variance + epsilon) * scale + shift
            return Outputs(logits=states @ matrix + offset)

        return head

    return build


_erf = np.frompyfunc(math.erf, 1, 1)


def gelu(x: Floats) -> Floats:
    """x times the normal distribution function of x (Hendrycks and Gimpel 2016)."""
    share = (1 + _erf(x / math.sqrt(2)).astype(np.float32)) / 2
    product: Floats = (x * share).astype(np.float32)
    return product


_ROBERTA = ("roberta", "xlm-roberta", "camembert")
HEADS: dict[tuple[str, Kind], Callable[[Tensors, dict[str, Any]], Head]] = {
    ("bert", "classifier"): _bert_classifier,
    ("distilbert", "classifier"): _distilbert_classifier,
    **{(name, "classifier"): _roberta_classifier for name in _ROBERTA},
    **{(name, "tagger"): _tagger for name in ("bert", "distilbert", *_ROBERTA)},
    **{(name, "reader"): _reader for name in ("bert", "distilbert", *_ROBERTA)},
    ("bert", "masked"): _masked(
        "cls.predictions.transform.dense",
        "cls.predictions.transform.LayerNorm",
        "bert.embeddings.word_embeddings.weight",
        "cls.predictions.bias",
        "cls.predictions.decoder.weight",
    ),
    ("distilbert", "masked"): _masked(
        "vocab_transform",
        "vocab_layer_norm",
        "distilbert.embeddings.word_embeddings.weight",
        "vocab_projector.bias",
        "vocab_projector.weight",
    ),
    **{
        (name, "masked"): _masked(
            "lm_head.dense",
            "lm_head.layer_norm",
            "roberta.embeddings.word_embeddings.weight",
            "lm_head.bias",
            "lm_head.decoder.weight",
        )
        for name in _ROBERTA
    },
}
