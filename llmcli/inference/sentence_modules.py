"""How a checkpoint makes vectors: its modules, in the format of sentence-transformers.

modules.json lists them in the order in which they run: the transformer, a pooling, and optionally
linear layers and normalizations.
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from llmcli.arrays import Floats, sigmoid
from llmcli.errors import ModelUnsuitable
from llmcli.inference.module_checks import (
    first_numbers,
    require_known_switches,
    require_plain_transformer,
    require_transformer_first,
)
from llmcli.inference.similarity import similarity_named, unit_length
from llmcli.models.checkpoint import Checkpoint, pickle_refused, read_json
from llmcli.models.file_shapes import MODULE_CONFIG
from llmcli.models.modules import Module, module_refused, read_modules, setting_refused
from llmcli.models.safetensors import Tensors
from llmcli.models.sound_weights import require_finite as require_finite_file
from llmcli.spec.tasks import Similarity
from llmcli.system.shapes import Shape

Step = Callable[[Floats], Floats]
"""Makes vectors (..., E) of vectors (..., D)."""

# The switches of older files, in the order in which their results are concatenated.
MODES = {
    "cls_token": "cls",
    "max_tokens": "max",
    "mean_tokens": "mean",
    "mean_sqrt_len_tokens": "mean_sqrt_len",
    "weightedmean_tokens": "weighted_mean",
    "lasttoken": "last",
}
TOKENS, TEXT = "token_embeddings", "sentence_embedding"
LIMITS = (
    "sentence_bert_config.json",
    *(
        f"sentence_{name}_config.json"
        for name in ("roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
    ),
)
"""The names of the transformer's own settings, the current one first."""


@dataclass(frozen=True, slots=True)
class Pooling:
    """How a checkpoint turns a text into one vector."""

    modes: tuple[str, ...] = ("mean",)
    """Pooling modes, as `pool` takes them; the results of several are concatenated."""
    token_steps: tuple[Step, ...] = ()
    """What is applied to the states of tokens before the pooling."""
    steps: tuple[Step, ...] = ()
    """What is applied to the vector after the pooling: linear layers, normalizations."""
    max_length: int | None = None
    """Maximum input length in tokens; it may be less than the number of positions."""
    lowercase: bool = False
    """Whether texts are converted to lower case first."""
    prompts: tuple[tuple[str, str], ...] = ()
    """Pairs of a use, such as query or document, and the prefix that its texts get."""
    default_prompt: str | None = None
    """The use whose prompt applies where no other does."""
    include_prompt: bool = True
    """Whether the tokens of the prompt are pooled with those of the text."""
    similarity: Similarity = "cosine"
    """How vectors are compared."""
    is_own: bool = False
    """Whether the checkpoint has a modules.json; without one, mean pooling is the default."""

    @property
    def normalize(self) -> bool:
        """Whether vectors have length 1."""
        return self.steps[-1:] == (unit_length,)

    def prompt(self, *uses: str) -> str:
        """The prompt of the first of these uses that has one, else the default prompt, else ""."""
        by_use = dict(self.prompts)
        prompts = (by_use.get(use) for use in (*uses, self.default_prompt or ""))
        return next((prompt for prompt in prompts if prompt), "")

    def normalized(self, on: bool) -> "Pooling":
        """The same with vectors of length 1, or without a normalization at the end."""
        steps = self.steps[:-1] if self.normalize else self.steps
        return replace(self, steps=(*steps, unit_length) if on else steps)


def read_pooling(checkpoint: Checkpoint) -> Pooling:
    """Read modules.json and the files that it refers to.

    Raises ModelUnsuitable for an unknown module or setting, and for a damaged or missing file.
    """
    modules = read_modules(checkpoint.root)
    if not modules and checkpoint.base is not None:  # adapters without modules of their own
        return read_pooling(checkpoint.base)
    if not modules:
        return Pooling()
    require_transformer_first(checkpoint, modules)
    pipeline = _Pipeline(checkpoint)
    for module in modules:
        pipeline.add(module)
    if not pipeline.has_pooling:
        raise ModelUnsuitable(
            f"{checkpoint.model_id} has a modules.json without a Pooling, so it gives no vector "
            "for a text"
        )
    general = _general_settings(checkpoint)
    limits = _transformer_settings(checkpoint)
    if general.get("truncate_dim") is not None:
        pipeline.steps.append(first_numbers(checkpoint, general["truncate_dim"]))
    return Pooling(
        modes=pipeline.modes,
        token_steps=tuple(pipeline.pooled_token_steps),
        steps=tuple(pipeline.steps),
        max_length=_max_length(checkpoint, limits),
        lowercase=bool(limits.get("do_lower_case")),
        prompts=tuple((general.get("prompts") or {}).items()),
        default_prompt=general.get("default_prompt_name"),
        include_prompt=pipeline.include_prompt,
        similarity=similarity_named(general.get("similarity_fn_name")),
        is_own=True,
    )


@dataclass
class _Pipeline:
    """The modules read so far, as what happens to the states of tokens and to the vector."""

    checkpoint: Checkpoint
    modes: tuple[str, ...] = ()
    include_prompt: bool = True
    has_pooling: bool = False
    token_steps: list[Step] = field(default_factory=list)
    pooled_token_steps: list[Step] = field(default_factory=list)
    """The steps that came before the pooling; those after it change no vector."""
    steps: list[Step] = field(default_factory=list)

    def add(self, module: Module) -> None:
        """Add the next module. Raises ModelUnsuitable for an unknown one."""
        if module.kind in ("Transformer", "Dropout"):  # dropout is for training alone
            return
        config = _read_if_present(self.checkpoint, module, "config.json", MODULE_CONFIG)
        if module.kind == "Pooling":
            self.modes, self.steps = _modes(self.checkpoint, config), []
            self.include_prompt = bool(config.get("include_prompt", True))
            self.has_pooling, self.pooled_token_steps = True, list(self.token_steps)
            return
        if module.kind not in MAKERS:
            raise module_refused(self.checkpoint, module.kind)
        if module.kind == "LayerNorm" and "module_input_name" in config:
            raise setting_refused(self.checkpoint, "a LayerNorm with a module_input_name")
        source = config.get("module_input_name", TEXT)
        if source not in (TOKENS, TEXT) or config.get("module_output_name") not in (None, source):
            raise setting_refused(self.checkpoint, f"a {module.kind} of {source!r}")
        if source == TEXT and not self.has_pooling:
            if module.kind == "Normalize":
                return  # there is no vector yet: the library normalizes nothing
            raise setting_refused(self.checkpoint, f"a {module.kind} before the Pooling")
        steps = self.token_steps if source == TOKENS else self.steps
        steps.append(MAKERS[module.kind](self.checkpoint, module, config))


def _read_if_present(
    checkpoint: Checkpoint, module: Module, name: str, shape: Shape | None = None
) -> dict[str, Any]:
    path = module.folder / name
    return read_json(checkpoint, path, shape) if os.path.lexists(path) else {}


def _general_settings(checkpoint: Checkpoint) -> dict[str, Any]:
    root = Module("", checkpoint.root)
    settings = _read_if_present(checkpoint, root, "config_sentence_transformers.json")
    kind = settings.get("model_type") or "SentenceTransformer"
    if kind != "SentenceTransformer":
        raise setting_refused(checkpoint, f"the model type {kind}")
    return settings


def _transformer_settings(checkpoint: Checkpoint) -> dict[str, Any]:
    folder = Module("", checkpoint.folder)
    files = (_read_if_present(checkpoint, folder, name) for name in LIMITS)
    settings: dict[str, Any] = next((values for values in files if values), {})
    require_plain_transformer(checkpoint, settings)
    if settings.get("transformer_task", "feature-extraction") != "feature-extraction":
        raise setting_refused(checkpoint, f"the task {settings['transformer_task']}")
    if settings.get("module_output_name", TOKENS) != TOKENS:
        raise setting_refused(
            checkpoint, f"a Transformer that gives {settings['module_output_name']!r}"
        )
    for name in ("query_length", "document_length", "query_expansion"):
        if settings.get(name):
            raise setting_refused(checkpoint, f"the setting {name}")
    return settings


def _max_length(checkpoint: Checkpoint, limits: dict[str, Any]) -> int | None:
    """The maximum length that the transformer's settings give, else None."""
    arguments = (limits.get(name) or {} for name in ("processor_kwargs", "tokenizer_args"))
    lengths = [*(each.get("model_max_length") for each in arguments), limits.get("max_seq_length")]
    length = next((length for length in lengths if length is not None), None)
    if length is not None and (type(length) is not int or length < 1):
        raise setting_refused(checkpoint, f"a maximum length of {length!r}")
    return length


def _modes(checkpoint: Checkpoint, config: dict[str, Any]) -> tuple[str, ...]:
    """The modes of a Pooling: names in newer files, a switch for each in older ones."""
    names = config.get("pooling_mode")
    if names is None:
        require_known_switches(checkpoint, config, MODES)
        switched_on = (key for key in MODES if config.get(f"pooling_mode_{key}"))
        return tuple(MODES[key] for key in switched_on) or ("mean",)
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not names:
        raise setting_refused(checkpoint, f"the pooling {names!r}")
    modes = {**MODES, **{key.removesuffix("_tokens"): mode for key, mode in MODES.items()}}
    modes["cls"] = "cls"
    for name in names:
        if not isinstance(name, str) or name not in modes:
            raise setting_refused(checkpoint, f"the pooling {name}")
    return tuple(modes[name] for name in names)


def _dense(checkpoint: Checkpoint, module: Module, config: dict[str, Any]) -> Step:
    # Without a name it is tanh, the default of the library's class.
    name = str(config.get("activation_function", "torch.nn.Tanh"))
    activation = ACTIVATIONS.get(name.rpartition(".")[2]) if name.startswith("torch.") else None
    if activation is None:
        raise setting_refused(checkpoint, f"the activation {name}")
    weights = _Weights(checkpoint, module)
    stated = config.get("out_features"), config.get("in_features")
    matrix = weights.take("linear.weight", *stated).T  # (D, E)
    has_bias = config.get("bias", True)
    bias = weights.take("linear.bias", matrix.shape[1]) if has_bias else np.zeros(1, np.float32)
    adds_input = bool(config.get("use_residual"))
    residual = None
    if adds_input and matrix.shape[0] != matrix.shape[1]:
        residual = weights.take("residual.weight", *matrix.T.shape).T  # (D, E)

    def step(vectors: Floats) -> Floats:
        """Apply the layer to vectors (..., D); returns (..., E)."""
        _require_size(vectors, len(matrix), "Dense")
        result: Floats = activation(vectors @ matrix + bias)
        if adds_input:
            result = result + (vectors if residual is None else vectors @ residual)
        return result

    return step


def _layer_norm(checkpoint: Checkpoint, module: Module, config: dict[str, Any]) -> Step:
    weights = _Weights(checkpoint, module)
    scale = weights.take("norm.weight", None)  # (D,)
    shift = weights.take("norm.bias", len(scale))  # (D,)

    def step(vectors: Floats) -> Floats:
        _require_size(vectors, len(scale), "LayerNorm")
        centred = vectors - vectors.mean(-1, keepdims=True)
        variance = (centred**2).mean(-1, keepdims=True)
        result: Floats = centred / np.sqrt(variance + 1e-5) * scale + shift
        return result

    return step


def _normalize(checkpoint: Checkpoint, module: Module, config: dict[str, Any]) -> Step:
    return unit_length


MAKERS: dict[str, Callable[[Checkpoint, Module, dict[str, Any]], Step]] = {
    "Dense": _dense,
    "LayerNorm": _layer_norm,
    "Normalize": _normalize,
}


class _Weights:
    """The weights of a module.

    Raises ModelUnsuitable for a file or a weight that is missing, damaged or not finite.
    """

    def __init__(self, checkpoint: Checkpoint, module: Module) -> None:
        path = module.folder / "model.safetensors"
        if not path.is_file():
            pickle = module.folder / "pytorch_model.bin"
            if pickle.is_file():
                raise pickle_refused(checkpoint.model_id, f"{pickle.parent.name}/{pickle.name}")
            raise ModelUnsuitable(f"{checkpoint.model_id} is incomplete: {path} is missing")
        require_finite_file(checkpoint.model_id, path)
        self._path, self._tensors = path, Tensors([path])

    def take(self, name: str, *shape: int | None) -> Floats:
        """A weight, which must have this shape. None: any size of that axis."""
        if name not in self._tensors:
            raise ModelUnsuitable(f"{self._path} is damaged: it has no {name}")
        sizes = self._tensors.shapes()[name]
        fits = len(sizes) == len(shape) and all(
            size in (None, own) for size, own in zip(shape, sizes, strict=True)
        )
        if not fits:
            raise ModelUnsuitable(
                f"{self._path} is damaged: {name} has the shape {sizes}, which does not fit the "
                "settings or the other weights of its module"
            )
        return self._tensors[name]


def _require_size(vectors: Floats, size: int, kind: str) -> None:
    if vectors.shape[-1] != size:
        raise ModelUnsuitable(
            f"the model's {kind} takes vectors of {size} numbers, and the pooling gives "
            f"{vectors.shape[-1]}: leave out `pooling`"
        )


def _gelu(x: Floats) -> Floats:
    phi: Floats = np.vectorize(math.erf, otypes=[np.float32])(x / math.sqrt(2))
    return 0.5 * x * (1 + phi)


def _softplus(x: Floats) -> Floats:
    return np.logaddexp(0, x)


ACTIVATIONS: dict[str, Step] = {
    "Identity": lambda x: x,
    "Tanh": np.tanh,
    "ReLU": lambda x: np.maximum(x, 0),
    "ReLU6": lambda x: np.clip(x, 0, 6),
    "LeakyReLU": lambda x: np.where(x > 0, x, 0.01 * x),
    "ELU": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "GELU": _gelu,
    "Sigmoid": sigmoid,
    "SiLU": lambda x: x * sigmoid(x),
    "Mish": lambda x: x * np.tanh(_softplus(x)),
    "Softplus": _softplus,
    "Hardtanh": lambda x: np.clip(x, -1, 1),
}
"""The activations of torch.nn that a Dense may have, with their default settings."""
