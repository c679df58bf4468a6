"""The surprisal of each token of a text under a language model, or under two."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.engines.choose import Purpose
from llmcli.errors import ModelUnsuitable, UsageError
from llmcli.inference.batches import process
from llmcli.inference.loading import AnyModel, load_model
from llmcli.inference.scoring.causal import CausalScorer
from llmcli.inference.scoring.masked import MaskedScorer
from llmcli.inference.scoring.reports import Reporter
from llmcli.inference.scoring.results import Score, ScoredKind
from llmcli.inference.scoring.work import Alone, Scorer, SideBySide
from llmcli.inference.unknown import with_unknown
from llmcli.models.architectures import DESCRIPTIONS, Kind
from llmcli.models.starters import GENERATE, Note, ignore
from llmcli.spec import WINDOWS, BatchOptions
from llmcli.spec.tasks import ScoreOptions

KINDS: tuple[ScoredKind, ...] = ("causal", "masked", "seq2seq")
ON_TORCH: dict[Kind, str] = {"seq2seq": "it does not score a target"}


def load(model: AnyModel, *, work_bytes: int | None = None, note: Note = ignore) -> Loaded:
    """Load a causal, a masked or an encoder-decoder language model.

    model: None, or one without a name, takes the task's default. work_bytes: size of the texts,
    0 if it is unknown; None for a text or two. note: receives a line for each choice made.
    Raises ModelNotFound, ModelUnsuitable.
    """
    purpose = Purpose(KINDS, file_bytes=work_bytes, on_torch=ON_TORCH, needs_exact=True)
    return load_model(model, GENERATE, purpose, note)


def require_pairs(loaded: Loaded, has_source: bool) -> None:
    """Raise UsageError if a source is missing, or given to a model that reads none."""
    name = loaded.checkpoint.model_id
    if loaded.kind == "seq2seq" and not has_source:
        raise UsageError(
            f"{name} is an encoder-decoder model, which scores a text given its source: name that "
            "by `pair`, or in a file by a second one of `columns`"
        )
    if loaded.kind != "seq2seq" and has_source:
        raise UsageError(
            f"a source is for encoder-decoder models: {name} is {DESCRIPTIONS[loaded.kind]}"
        )


def score(
    loaded: Loaded,
    rows: Iterable[Row],
    options: ScoreOptions,
    batch: BatchOptions = WINDOWS,
    beside: Loaded | None = None,
) -> Iterator[Score | Failure]:
    """Yield the surprisal of the tokens of each row, in order.

    The text of an encoder-decoder model is a target, and the row's second text the source.
    batch: `on_overflow` is `window` or `error`. beside: a second model, of the same kind.
    Raises UsageError for options that do not go with the model or with one another,
    ModelUnsuitable for a model that cannot score texts, or for two of different kinds.
    """
    if batch.on_overflow not in ("window", "error"):
        raise UsageError(f"`on_overflow`={batch.on_overflow} is not for score: window or error")
    scorers, reporters = [], []
    models = [loaded] if beside is None else [loaded, beside]
    for model in models:
        _require_same_kind(loaded, model)
        scorers.append(_scorer(model, options, batch))
        reporters.append(Reporter(model, _kind(model), options.unit))
        batch = model.batch(batch)
    checked = map(_without_source, rows) if loaded.kind != "seq2seq" else rows
    work = Alone(scorers[0], reporters[0]) if beside is None else SideBySide(scorers, reporters)
    return with_unknown(process(work, checked, batch), loaded.tokenizer)


def _scorer(loaded: Loaded, options: ScoreOptions, batch: BatchOptions) -> Scorer:
    if loaded.kind == "seq2seq":
        from llmcli.inference.scoring.targets import TargetScorer  # and what knows of languages

        return TargetScorer(loaded, options, batch.on_overflow)
    if options.from_lang is not None or options.to_lang is not None:
        raise UsageError(
            "`from_lang` and `to_lang` are for translators: "
            f"{loaded.checkpoint.model_id} is {DESCRIPTIONS[loaded.kind]}"
        )
    kind = MaskedScorer if loaded.kind == "masked" else CausalScorer
    return kind(loaded, options, batch.on_overflow)


def _kind(loaded: Loaded) -> ScoredKind:
    return next(kind for kind in KINDS if kind == loaded.kind)


def _require_same_kind(first: Loaded, second: Loaded) -> None:
    if first.kind != second.kind:
        names = [model.checkpoint.model_id for model in (first, second)]
        kinds = [DESCRIPTIONS[model.kind] for model in (first, second)]
        raise ModelUnsuitable(
            f"{names[0]} is {kinds[0]} and {names[1]} {kinds[1]}: their surprisals are not "
            "comparable; take two of the same kind"
        )


def _without_source(row: Row) -> Row:
    """A row for a model that reads no source, which fails if it has a second text."""
    if row.pair is None or row.error is not None:
        return row
    return replace(
        row, error="a second text is the source of an encoder-decoder model: leave it out"
    )
