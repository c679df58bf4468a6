"""Texts in another language."""

from collections.abc import Iterable, Iterator

from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.inference.batches import process
from llmcli.inference.translation.translator import Translation, Translator
from llmcli.spec import AUTO_BATCH, BatchOptions
from llmcli.spec.tasks import TranslateOptions


def translate(
    loaded: Loaded, rows: Iterable[Row], options: TranslateOptions, batch: BatchOptions = AUTO_BATCH
) -> Iterator[Translation | Failure]:
    """Yield the translations of each row in order, `num_return_sequences` a row.

    options: its languages are tags, as `find_language` gives them.
    Raises ModelUnsuitable where the model does not know a language, UsageError where it needs one
    that is not given.
    """
    yield from process(Translator(loaded, options, batch.on_overflow), rows, batch)
