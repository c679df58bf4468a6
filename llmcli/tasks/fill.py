"""Words for the gaps of texts."""

from collections.abc import Iterable, Iterator

from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.engines.choose import Purpose
from llmcli.inference.batches import process
from llmcli.inference.filling import Filled, GapFiller
from llmcli.inference.loading import AnyModel, load_model
from llmcli.inference.unknown import with_unknown
from llmcli.models.starters import FILL, Note, ignore
from llmcli.spec import AUTO_BATCH, BatchOptions
from llmcli.spec.tasks import FillOptions


def load(model: AnyModel, *, work_bytes: int | None = None, note: Note = ignore) -> Loaded:
    """Load a masked language model.

    model: None, or one without a name, takes the task's default. work_bytes: size of the texts,
    0 if it is unknown; None for a text or two. note: receives a line for each choice made.
    Raises ModelNotFound, ModelUnsuitable.
    """
    return load_model(model, FILL, Purpose(("masked",), file_bytes=work_bytes), note)


def fill(
    loaded: Loaded, rows: Iterable[Row], options: FillOptions, batch: BatchOptions = AUTO_BATCH
) -> Iterator[Filled | Failure]:
    """Yield each row with its gaps filled, in order.

    Raises ModelUnsuitable for a model without a mask token, InputError for a target that the
    vocabulary cannot spell.
    """
    filler = GapFiller(loaded, options, batch.on_overflow)
    return with_unknown(process(filler, rows, loaded.batch(batch)), loaded.tokenizer)
