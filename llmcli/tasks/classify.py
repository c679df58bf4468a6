"""Labels of texts: by a trained classification head, or zero-shot by the meaning of the labels."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.engines.choose import Purpose
from llmcli.errors import UsageError
from llmcli.inference.batches import process
from llmcli.inference.classification import Classification, HeadClassifier, is_regression
from llmcli.inference.loading import AnyModel, load_model
from llmcli.inference.unknown import with_unknown
from llmcli.inference.zero_shot import EntailmentClassifier, LikelihoodClassifier
from llmcli.models.architectures import Kind
from llmcli.models.starters import CLASSIFY, ENTAILMENT, Note, ignore
from llmcli.spec import AUTO_BATCH, BatchOptions
from llmcli.spec.tasks import ClassifyOptions


def load(
    model: AnyModel,
    options: ClassifyOptions,
    *,
    work_bytes: int | None = None,
    note: Note = ignore,
) -> Loaded:
    """Load a text classifier; for `options.labels`, one for entailment or a causal model.

    model: None, or one without a name, takes the task's default. work_bytes: size of the texts,
    0 if it is unknown; None for a text or two. note: receives a line for each choice made.
    Raises ModelNotFound, ModelUnsuitable; UsageError for settings that contradict one another.
    """
    check_options(options)
    kinds: tuple[Kind, ...] = ("classifier", "causal") if options.labels else ("classifier",)
    default = ENTAILMENT if options.labels else CLASSIFY
    return load_model(model, default, Purpose(kinds, file_bytes=work_bytes), note)


def check_options(options: ClassifyOptions) -> None:
    """Raise UsageError for labels that every text would get, or a template without one place."""
    template = options.hypothesis_template
    if template.count("{}") != 1:
        raise UsageError(f"`hypothesis_template` {template!r} needs one {{}}, for the label")
    if len(options.labels) == 1 and not options.multi_label:
        raise UsageError(f"one label, {options.labels[0]!r}, is always right: add others")


def computes_numbers(loaded: Loaded) -> bool:
    """True for a model whose scores are numbers, such as ratings, and no probabilities."""
    return loaded.kind == "classifier" and is_regression(loaded)


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
    results: Iterator[Classification | Failure]
    if not options.labels:
        results = process(HeadClassifier(loaded, options, on_overflow), rows, batch)
        return with_unknown(results, loaded.tokenizer)
    singles = map(_refuse_pair, rows)
    if loaded.kind == "causal":
        results = process(LikelihoodClassifier(loaded, options, on_overflow), singles, batch)
    else:
        results = process(EntailmentClassifier(loaded, options, on_overflow), singles, batch)
    return with_unknown(results, loaded.tokenizer)


def _refuse_pair(row: Row) -> Row:
    """A row for zero-shot classification, which fails if it has a second text."""
    if row.pair is None or row.error is not None:
        return row
    return replace(row, error="`labels` judge one text: leave out the second one")
