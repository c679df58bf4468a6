"""llmcli.load: a model to be used several times."""

from collections.abc import Callable
from typing import Any, Literal, get_args

from llmcli.engines.choose import Purpose
from llmcli.errors import UsageError
from llmcli.inference.loading import Model
from llmcli.spec import Chat, Decoding, Dtype, EngineChoice, ModelSpec
from llmcli.spec.tasks import ClassifyOptions, EmbedOptions

TaskName = Literal[
    "answer", "classify", "embed", "fill", "forward", "generate", "score", "tokenize", "translate"
]


def load(
    name: str | ModelSpec,
    *,
    task: TaskName | None = None,
    device: str = "auto",
    dtype: Dtype = "auto",
    engine: EngineChoice = "auto",
) -> Model:
    """Name a model that several calls share: each part of it is loaded once and kept.

    name: a starter, a local folder, a GGUF file or a hub id; a ModelSpec has more settings, and
    device, dtype and engine of its own. task: load now what this function needs; None: at the
    first call that needs it. The model may be shared by threads, and closed, as a context manager
    does at its end, to let its memory go.
    Raises UsageError for a name that is empty; with `task`, ModelNotFound and ModelUnsuitable.

    >>> import llmcli
    >>> with llmcli.load("gpt2-stories") as model:
    ...     tokens = llmcli.tokenize("Once upon", model=model).count
    ...     text = llmcli.generate("Once upon", model=model).text
    >>> tokens, text[:7]
    (2, ' a time')
    """
    spec = (
        name
        if isinstance(name, ModelSpec)
        else ModelSpec(name, device=device, dtype=dtype, engine=engine)
    )
    if not spec.model_id:
        raise UsageError("`name` is empty: name a model")
    model = Model(spec)
    if task is not None:
        _load_for(task, model)
    return model


def _load_for(name: str, model: Model) -> None:
    from llmcli.tasks import (
        answer,
        classify,
        embed,
        fill,
        forward,
        generate,
        score,
        tokenize,
    )

    loaders: dict[str, Callable[[], Any]] = {
        "answer": lambda: answer.load(model),
        "classify": lambda: classify.load(model, ClassifyOptions()),
        "embed": lambda: embed.load(model, EmbedOptions()),
        "fill": lambda: fill.load(model),
        "forward": lambda: forward.load(model),
        "generate": lambda: generate.load(model, Decoding(), Chat()),
        "score": lambda: score.load(model),
        "tokenize": lambda: tokenize.load_vocabulary(model),
        "translate": lambda: model.load(Purpose(("seq2seq",))),
    }
    if name not in loaders:
        raise UsageError(f"`task` {name!r} is not one of {', '.join(get_args(TaskName))}")
    loaders[name]()
