"""llmcli.search: the texts, or stored vectors, that are most similar to queries."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from llmcli.api.call import Call
from llmcli.api.inputs import ModelLike, Texts, model_of
from llmcli.data.rows import Failure
from llmcli.data.vectors import VectorFile, open_vectors
from llmcli.errors import InputError, UsageError
from llmcli.inference.loading import Model
from llmcli.inference.ranking import Ranked
from llmcli.spec import WINDOWS, ModelSpec
from llmcli.spec.tasks import EmbedOptions
from llmcli.tasks import embed as task


def search(
    texts: Texts | Path,
    query: str | Sequence[str],
    *,
    model: ModelLike = None,
    options: EmbedOptions | None = None,
    top: int = 10,
) -> list[Ranked]:
    """The texts that are most similar to a query, the best first; for several queries, in turn.

    texts: an iterable of texts, as `embed` takes them; or the path of a .npy or .parquet file that
    `llmcli embed` wrote, whose vectors are used as they are. model: None takes the model that made
    such a file, else the default. A text that is too long is read in windows.
    Raises UsageError, ModelNotFound, ModelUnsuitable; InputError for a text or a query that fails,
    and for vectors of another model.

    >>> import llmcli
    >>> best, *_ = llmcli.search(["Opening hours", "Reset a password"], "I forgot my login")
    >>> best.text
    'Reset a password'
    """
    queries = [query] if isinstance(query, str) else list(query)
    if not queries or top < 1:
        raise UsageError("a search needs a `query`, and `top` of at least 1")
    options, chosen = options or EmbedOptions(), model_of(model)
    call = Call([] if isinstance(texts, Path) else texts)
    file = _opened(texts) if isinstance(texts, Path) else None
    if file is not None:
        spec = chosen.spec if isinstance(chosen, Model) else chosen or ModelSpec()
        spec, options = task.settings_of(file, spec, options, call.notes.add)
        chosen = chosen if isinstance(chosen, Model) else spec
    loaded = task.load(chosen, options, work_bytes=call.work_bytes, note=call.notes.add)
    vectors = task.embed_queries(loaded, queries, options, "window", call.notes.add)
    ranking = task.new_ranking(loaded, queries, vectors, top)
    if file is not None:
        task.require_same_model(file, loaded, vectors)
        results = task.rank_stored(file, ranking)
        return [replace(result, notes=tuple(call.notes.lines)) for result in results]
    ranked = task.rank(task.embed(loaded, call.rows, options, WINDOWS), ranking)
    return [result for result in call.followed(ranked) if not isinstance(result, Failure)]


def _opened(path: Path) -> VectorFile:
    file = open_vectors(str(path))
    if file is None:
        raise InputError(f"{path} is no file of vectors: llmcli embed writes .npy and .parquet")
    return file
