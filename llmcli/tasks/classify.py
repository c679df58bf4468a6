"""Labels of texts: by a trained classification head, or zero-shot by the meaning of the labels."""

from collections.abc import Iterable, Iterator

from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.inference.batches import process
from llmcli.inference.classification import Classification, HeadClassifier
from llmcli.inference.zero_shot import EntailmentClassifier, LikelihoodClassifier
from llmcli.spec import AUTO_BATCH, BatchOptions
from llmcli.spec.tasks import ClassifyOptions


def classify(
    loaded: Loaded, rows: Iterable[Row], options: ClassifyOptions, batch: BatchOptions = AUTO_BATCH
) -> Iterator[Classification | Failure]:
    """Yield the labels of each row in order.

    Without `options.labels`, by the model's own head. With them, zero-shot: by entailment where the
    model is an NLI classifier, by the likelihood of each label where it is a causal model.
    Raises ModelUnsuitable for a classifier without an entailment class, UsageError for
    `options.multi_label` with a causal model.
    """
    on_overflow, batch = batch.on_overflow, loaded.batch(batch)
    if not options.labels:
        yield from process(HeadClassifier(loaded, options, on_overflow), rows, batch)
    elif loaded.kind == "causal":
        yield from process(LikelihoodClassifier(loaded, options, on_overflow), rows, batch)
    else:
        yield from process(EntailmentClassifier(loaded, options, on_overflow), rows, batch)
