"""Predictions of a model on a file, as the task's own command makes them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from llmcli.cli.output import Output
from llmcli.cli.predicting import (
    COLUMNS,
    Plan,
    Predictions,
    from_file,
    gold_rows,
    is_saved,
    with_labels,
)
from llmcli.cli.progress import Progress
from llmcli.cli.running import load_for
from llmcli.data.rows import Failure, Row
from llmcli.errors import InputError
from llmcli.evaluation.examples import Example, Said, make_example
from llmcli.evaluation.labels import Labels
from llmcli.spec import InputOptions
from llmcli.spec.tasks import AnswerOptions, ClassifyOptions, EmbedOptions
from llmcli.system.extras import is_installed, missing

if TYPE_CHECKING:
    from llmcli.engines.base import Loaded
    from llmcli.models.architectures import Kind


def from_model(plan: Plan, out: Output) -> Predictions:
    """Run the model of a plan on its file, as the task's own command would."""
    task = plan.options.task
    if plan.data.input is None:
        raise click.UsageError("no data: give --input FILE, or --predictions FILE")
    if task == "token-classification":
        raise click.UsageError(
            "no command of llmcli tags tokens: give --predictions FILE with the model's tags"
        )
    runners: dict[str, Callable[[Plan, Output], Predictions]] = {
        "causal-lm": _perplexity,
        "classification": _classified,
        "question-answering": _answered,
        "translation": _translated,
        "embedding": _embedded,
    }
    return runners[task](plan, out)


def _load(plan: Plan, out: Output, *kinds: "Kind", **generation: Any) -> "Loaded":
    source = InputOptions(input=plan.data.input, limit=plan.data.limit)
    return load_for(plan.model, out, *kinds, source=source, **generation)


def _collect(
    plan: Plan, out: Output, results: Iterable[Any], said: Callable[[Any], Said], name: str
) -> Predictions:
    """Examples of results; only the best one of each row counts."""
    found = Predictions(name)
    progress = Progress(quiet=out.quiet, limit=plan.data.limit)
    for result in progress.count(results):
        if getattr(result, "index", 0):
            continue
        found.total += 1
        if isinstance(result, Failure):
            found.fail(result.row.number, result.error)
            continue
        try:
            found.examples.append(make_example(result.row, said(result), plan.options))
        except InputError as error:
            found.fail(result.row.number, str(error).removeprefix(f"line {result.row.number}: "))
    return found


def _classified(plan: Plan, out: Output) -> Predictions:
    rows = gold_rows(plan)
    loaded = _load(plan, out, "classifier")
    from llmcli.inference.classification import label_names
    from llmcli.tasks.classify import classify

    batch = replace(plan.batch, on_overflow="window")
    results = classify(loaded, rows, ClassifyOptions(), batch)
    found = _collect(
        plan, out, results, lambda one: Said(one.label, one.score), plan.model.model_id
    )
    return with_labels(found, Labels(tuple(label_names(loaded)), True), plan.options)


def _answered(plan: Plan, out: Output) -> Predictions:
    rows = gold_rows(plan)
    from llmcli.inference.answers import READERS, WRITING
    from llmcli.tasks.answer import answer

    loaded = _load(plan, out, *READERS, decoding=WRITING)

    results = answer(loaded, rows, AnswerOptions(), replace(plan.batch, on_overflow="window"))
    return _collect(
        plan,
        out,
        results,
        lambda one: Said(one.answer or "", one.score),
        plan.model.model_id,
    )


def _translated(plan: Plan, out: Output) -> Predictions:
    from llmcli.inference.translation.translator import decoding_of
    from llmcli.tasks.translate import translate, with_tags

    spec = with_tags(plan.translate)
    rows = gold_rows(plan)

    loaded = _load(plan, out, "seq2seq", decoding_of=lambda loaded: decoding_of(loaded, spec))

    results = translate(loaded, rows, spec, replace(plan.batch, on_overflow="split"))
    return _collect(plan, out, results, lambda one: Said(one.translation), plan.model.model_id)


def _embedded(plan: Plan, out: Output) -> Predictions:
    columns = plan.data.columns or COLUMNS["embedding"]
    if len(columns) != 2:
        raise click.UsageError("--task embedding takes pairs of texts: give --column twice")
    if plan.options.label_column is None and plan.options.by:
        raise click.UsageError("--by does not go with retrieval, whose rows are queries")
    rows = list(gold_rows(plan))
    loaded = _load(plan, out)
    found = Predictions(plan.model.model_id, total=len(rows))
    good: list[Row] = []
    for row in rows:
        blank = not row.text.strip() or not (row.pair or "").strip()
        if row.error or blank:
            found.fail(row.number, row.error or "one of its texts is empty")
        else:
            good.append(row)
    from llmcli.evaluation.metrics.retrieval import cosines

    if plan.options.label_column is None:
        return _retrieved(found, good, loaded, plan, out)
    if good:
        both = [text for row in good for text in (row.text, row.pair or "")]
        vectors = _vectors(loaded, both, plan, out)
        alike = cosines(vectors[0::2], vectors[1::2])
        for row, similarity in zip(good, alike, strict=True):
            try:
                found.examples.append(make_example(row, Said(similarity), plan.options))
            except InputError as error:
                found.fail(row.number, str(error).removeprefix(f"line {row.number}: "))
    return found


def _retrieved(
    found: Predictions, rows: Sequence[Row], loaded: "Loaded", plan: Plan, out: Output
) -> Predictions:
    """Each query with the ranks of its texts among all different texts of the file."""
    from llmcli.evaluation.metrics.retrieval import query_ranks
    from llmcli.inference.embedding import pooling_of

    texts = list(dict.fromkeys(row.pair or "" for row in rows))
    place = {text: at for at, text in enumerate(texts)}
    right: dict[str, dict[int, None]] = {}
    numbers: dict[str, int] = {}
    for row in rows:
        right.setdefault(row.text, {})[place[row.pair or ""]] = None
        numbers.setdefault(row.text, row.number)
    found.unit = "queries"
    if rows:
        prompt = pooling_of(loaded, EmbedOptions()).prompt("query")
        queries = _vectors(loaded, list(right), plan, out, prompt=prompt)
        ranks = query_ranks(
            queries, _vectors(loaded, texts, plan, out), list(map(list, right.values()))
        )
        for (query, mine), places in zip(right.items(), ranks, strict=True):
            gold = tuple(texts[at] for at in mine)
            found.examples.append(Example(numbers[query], query, gold, places, None, len(query)))
    found.settings["texts"] = len(texts)
    return found


def _vectors(
    loaded: "Loaded", texts: Sequence[str], plan: Plan, out: Output, prompt: str | None = None
) -> Any:
    """(N, D) of texts, as llmcli embed makes them."""
    import numpy as np

    from llmcli.tasks.embed import embed

    rows = [Row(number, text) for number, text in enumerate(texts, 1)]
    batch = replace(plan.batch, on_overflow="window")
    results = embed(loaded, rows, EmbedOptions(prompt=prompt), batch)
    vectors = []
    for one in Progress(quiet=out.quiet, limit=len(rows)).count(results):
        if isinstance(one, Failure):
            raise one.cause
        vectors.append(one.embedding)
    return np.stack(vectors) if vectors else np.empty((0, 1), np.float32)


def _perplexity(plan: Plan, out: Output) -> Predictions:
    from llmcli.evaluation.perplexity import is_document, read_document

    path = str(plan.data.input)
    whole = is_document(path)
    if whole and any(by != "length" for by in plan.options.by):
        raise click.UsageError(f"{path} is one text, without columns: use --by length")
    rows = iter([read_document(path)]) if whole else gold_rows(plan)
    loaded = _load(plan, out, "causal")
    from llmcli.evaluation.perplexity import line_examples, ngram_nats, row_example, score_texts
    from llmcli.inference.surprisal import Scoring, TextScore

    scoring = Scoring(loaded, plan.perplexity)
    found = Predictions(plan.model.model_id, unit="lines" if whole else "rows")
    start = None if scoring.start is None else loaded.tokenizer.decode([scoring.start])
    found.settings = {"block_size": scoring.block, "stride": scoring.stride, "bos": start}
    scores: list[TextScore] = []
    progress = Progress(quiet=out.quiet, limit=plan.data.limit)
    for result in progress.count(score_texts(loaded, scoring, rows, plan.batch)):
        found.total += 1
        if isinstance(result, Failure):
            found.fail(result.row.number, result.error)
        else:
            scores.append(result)
    limit = plan.data.limit if whole else None

    def examples(nats: Sequence[Any]) -> list[Example]:
        pairs = zip(scores, nats, strict=True)
        if whole:
            return [one for pair in pairs for one in line_examples(*pair)][:limit]
        return [row_example(*pair, plan.options) for pair in pairs]

    found.examples = examples([score.nats for score in scores])
    if plan.baseline.baseline is not None and not is_installed("nltk"):
        out.note(f"left out: {missing('nltk', 'the n-gram baseline')}")
    elif plan.baseline.baseline is not None and scores:
        order, train = plan.baseline.ngram_order, plan.baseline.baseline_train
        training = None if train is None else _training(train, scoring, plan)
        size = len(loaded.tokenizer)
        found.baseline = examples(ngram_nats(scores, size, order, training))
        learnt = train or f"{path} itself, each fifth from the other four"
        found.settings["baseline"] = f"{order}-grams, Kneser-Ney, learnt from {learnt}"
    return found


def _training(path: str, scoring: Any, plan: Plan) -> list[list[int]]:
    from llmcli.data.documents import read_documents

    column = (plan.data.columns or ("text",))[0]
    text, found = "", []
    for piece in read_documents(path, column):
        text += piece.text
        if piece.last:
            found.append(scoring.encode(text)[0])
            text = ""
    return found


def predictions_of(plan: Plan, name: str, out: Output) -> Predictions:
    """A's or B's: of a file of predictions where `name` is a data file, else of a model."""
    if is_saved(name):
        return from_file(plan, name)
    return from_model(replace(plan, model=replace(plan.model, model_id=name)), out)
