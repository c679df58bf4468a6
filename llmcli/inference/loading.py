"""Models that tasks run: loaded for one run, or kept and shared by many.

Engines are imported when they load a model: a tokenizer needs none.
"""

from collections.abc import Callable, Hashable
from threading import RLock
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from llmcli.errors import UsageError
from llmcli.models.starters import DefaultModel, Note, choose_model, ignore
from llmcli.spec import ModelSpec

if TYPE_CHECKING:
    from llmcli.engines.base import Loaded
    from llmcli.engines.choose import Purpose

T = TypeVar("T")


class Model:
    """A model whose parts are loaded when a task first needs them, and kept.

    A checkpoint may have several heads, such as a classifier's and a reader's, and each engine
    loads them by itself; what a task has loaded, later calls use again. Threads may share a Model:
    each part is loaded once. It is a context manager, which closes it at the end.
    """

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self._lock = RLock()
        self._loaded: dict[Hashable, list[Loaded]] = {}
        self._kept: dict[Hashable, Any] = {}
        self._closed = False

    @property
    def model_id(self) -> str:
        """The model's name: a starter, a folder, a GGUF file or a hub id."""
        return self.spec.model_id

    def load(self, purpose: "Purpose", note: Note = ignore) -> "Loaded":
        """The model for a purpose: one that is loaded and suits, else loaded now.

        Raises as `engines.choose.load` does; UsageError once the model is closed.
        """
        from llmcli.engines.choose import load, suits

        with self._open():
            kept = self._loaded.setdefault(purpose.kinds, [])
            for loaded in kept:
                if suits(loaded, purpose):
                    return loaded
            loaded = load(self.spec, purpose, note)
            kept.append(loaded)
            return loaded

    def keep(self, name: Hashable, make: Callable[[ModelSpec], T]) -> T:
        """Another part of the model, made of its specification when it is first asked for."""
        with self._open():
            if name not in self._kept:
                self._kept[name] = make(self.spec)
            return cast(T, self._kept[name])

    def close(self) -> None:
        """Let go of all that was loaded; the model cannot be used any more."""
        with self._lock:
            self._closed = True
            self._loaded.clear()
            self._kept.clear()

    def _open(self) -> RLock:
        if self._closed:
            raise UsageError(f"the model {self.model_id} is closed: load it again")
        return self._lock

    def __enter__(self) -> "Model":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{len(self._loaded) + len(self._kept)} parts loaded"
        return f"<llmcli.Model {self.model_id!r}, {state}>"


AnyModel = ModelSpec | Model | None
"""The model of a task: loaded for one run, or kept; None, or no name: the task's default."""


def load_model(
    model: AnyModel, default: DefaultModel, purpose: "Purpose", note: Note = ignore
) -> "Loaded":
    """Load the model that the user named, else the default, on the engine that suits the purpose.

    Raises ModelNotFound, ModelUnsuitable and UsageError, as `engines.choose.load` does.
    """
    if isinstance(model, Model):
        return model.load(purpose, note)
    from llmcli.engines.choose import load

    return load(choose_model(model, default, note), purpose, note)


def load_part(
    model: AnyModel,
    default: DefaultModel,
    name: Hashable,
    make: Callable[[ModelSpec], T],
    note: Note = ignore,
) -> T:
    """Make a part of the model that the user named, else of the default.

    A `Model` keeps it under a name.
    """
    if isinstance(model, Model):
        return model.keep(name, make)
    return make(choose_model(model, default, note))
