"""From a training spec to what is trained: the model, its examples, and the task's objective."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from llmcli.core import loading
from llmcli.core.checkpoint import Kind, context_length
from llmcli.core.corpus import Blocks, document_texts, encode_files, train_tokenizer
from llmcli.core.data import Row
from llmcli.core.objectives.base import Dataset, Examples, Objective, whole_rows
from llmcli.errors import InputError, ModelUnsuitable
from llmcli.spec import ModelSpec, Task, TrainingSpec

MAX_BLOCK = 1024
Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Usual:
    """What a run of a task does where the user says nothing."""

    kind: Kind
    columns: tuple[str, ...]
    epochs: float = 3
    batch_size: int = 32
    learning_rate: float = 5e-5
    eval_fraction: float = 0.1
    limit: int = 512


USUAL: dict[Task, Usual] = {
    "causal-lm": Usual("causal", ("text",), epochs=1, batch_size=8, eval_fraction=0.01, limit=1024),
    "masked-lm": Usual("masked", ("text",), eval_fraction=0.01, limit=128),
    "classification": Usual("classifier", ("text",)),
    "token-classification": Usual("tagger", ("tokens",)),
    "question-answering": Usual(
        "reader", ("question", "context"), epochs=2, batch_size=16, limit=384
    ),
    "translation": Usual("seq2seq", ("source", "target"), eval_fraction=0.01, limit=128),
    "seq2seq": Usual("seq2seq", ("source", "target"), eval_fraction=0.01),
    "joint": Usual("encoder", ("text",)),
}
FROM_SCRATCH_RATE = 1e-3


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a run begins with."""

    model: Any
    tokenizer: Any
    objective: Objective
    train: Dataset
    held_out: Dataset | None

    @property
    def train_tokens(self) -> int:
        return sum(self.train.lengths())

    @property
    def eval_tokens(self) -> int:
        return sum(self.held_out.lengths()) if self.held_out is not None else 0


def filled_in(spec: TrainingSpec, base: ModelSpec | None) -> TrainingSpec:
    """The spec with the usual values of its task where it has None."""
    usual = USUAL[spec.task]
    rate = usual.learning_rate if base else FROM_SCRATCH_RATE
    fraction = usual.eval_fraction if spec.eval_fraction is None else spec.eval_fraction
    return replace(
        spec,
        columns=spec.columns or usual.columns,
        epochs=spec.epochs or usual.epochs,
        batch_size=spec.batch_size or usual.batch_size,
        learning_rate=spec.learning_rate or rate,
        eval_fraction=fraction,
    )


def prepare(
    spec: TrainingSpec, base: ModelSpec | None, kept_tokenizer: Path, note: Note
) -> Prepared:
    """Read the data, load or make the model.

    spec: filled in. kept_tokenizer: where a run that is resumed has its new tokenizer.
    Raises InputError for data that cannot be used, ModelUnsuitable, ModelNotFound.
    """
    if spec.task == "causal-lm" and not spec.chat:
        return _language(spec, base, kept_tokenizer, note)
    return _rows_task(spec, base, kept_tokenizer, note)


def _language(
    spec: TrainingSpec, base: ModelSpec | None, kept_tokenizer: Path, note: Note
) -> Prepared:
    from llmcli.core.objectives.causal import Causal

    model, tokenizer = _causal_model(spec, base, kept_tokenizer, note)
    train, held_out = _blocks(spec, model, tokenizer, note)
    objective = Causal(model, tokenizer, train.block_size, smoothing=spec.label_smoothing)
    return Prepared(model, tokenizer, objective, train, held_out if len(held_out) else None)


def _causal_model(
    spec: TrainingSpec, base: ModelSpec | None, kept_tokenizer: Path, note: Note
) -> tuple[Any, Any]:
    if base is not None:
        loaded = loading.load_causal(replace(base, device="cpu", dtype="float32"))
        if loaded.tokenizer.eos_token_id is None:
            raise ModelUnsuitable(
                f"the tokenizer of {base.model_id} has no token to end a document with"
            )
        return loaded.model, loaded.tokenizer
    assert spec.from_scratch is not None, "the command line asks for one of the two"
    settings = loading.read_new_config(spec.from_scratch)
    if spec.resume and kept_tokenizer.is_dir():
        tokenizer = loading.load_tokenizer_folder(kept_tokenizer)
    else:
        length = context_length(loading.plan_causal(settings).to_dict())
        texts = document_texts(spec.train, spec.columns[0])
        size = settings.get("vocab_size", 50257)
        tokenizer = train_tokenizer(texts, size, length or MAX_BLOCK)
    note(
        f"tokenizer: byte-level BPE with {len(tokenizer):,} entries, learnt from the training text"
    )
    ends = {f"{name}_token_id": tokenizer.eos_token_id for name in ("bos", "eos", "pad")}
    new = settings | ends | {"vocab_size": len(tokenizer)}
    return loading.new_causal(new, spec.seed), tokenizer


def _blocks(spec: TrainingSpec, model: Any, tokenizer: Any, note: Note) -> tuple[Blocks, Blocks]:
    size = _limit(spec, model)
    column = spec.columns[0]
    fraction = 0.0 if spec.eval else spec.eval_fraction or 0.0
    train, held_out = encode_files(tokenizer, spec.train, column, fraction)
    if spec.eval:
        held_out, _ = encode_files(tokenizer, spec.eval, column)
    if len(train) < size:
        raise InputError(
            f"the training text has {len(train)} tokens, one block needs {size}: "
            "give more text, or a smaller --block-size"
        )
    blocks, validation = Blocks(train, size), Blocks(held_out, size)
    note(
        f"data: {len(blocks) * size:,} tokens to train on and {len(validation) * size:,} to "
        f"validate, in blocks of {size}"
    )
    if not len(validation):
        note("no validation: too little text is held out; give --eval or a higher --eval-fraction")
    return blocks, validation


def _limit(spec: TrainingSpec, model: Any) -> int:
    """Tokens of one example."""
    context = context_length(model.config.to_dict())
    usual = USUAL[spec.task].limit
    size = spec.block_size or min(context or usual, usual)
    if context and size > context:
        raise InputError(f"--block-size {size} is more than the {context} tokens the model takes")
    return size


def _rows_task(
    spec: TrainingSpec, base: ModelSpec | None, kept_tokenizer: Path, note: Note
) -> Prepared:
    rows, held = split_rows(spec)
    model, tokenizer, name = _model(spec, base, note)
    objective = make_objective(spec, model, tokenizer, name)
    train = _examples(objective, rows, "train", note)
    held_out = _examples(objective, held, "validate", note) if held else None
    if held_out is None or not len(held_out):
        note("no validation: too few rows are held out; give --eval or a higher --eval-fraction")
        held_out = None
    return Prepared(model, tokenizer, objective, train, held_out)


def split_rows(spec: TrainingSpec) -> tuple[list[Row], list[Row]]:
    """The rows to train on and those to validate with: --eval, or every n-th of all."""
    rows = whole_rows(spec.train, spec.columns)
    if spec.eval:
        return _enough(rows), whole_rows(spec.eval, spec.columns)
    every = round(1 / spec.eval_fraction) if spec.eval_fraction else 0
    if not every:
        return _enough(rows), []
    kept = [row for at, row in enumerate(rows, 1) if at % every]
    return _enough(kept), rows[every - 1 :: every]


def _enough(rows: list[Row]) -> list[Row]:
    if not rows:
        raise InputError("there are no rows to train on")
    return rows


def _examples(objective: Objective, rows: Sequence[Row], use: str, note: Note) -> Examples:
    found = objective.examples(rows)
    cut = f"; {found.cut:,} are cut to {objective.limit} tokens" if found.cut else ""
    note(f"data: {len(rows):,} rows, {sum(found.lengths()):,} tokens to {use}{cut}")
    return found


def _model(spec: TrainingSpec, base: ModelSpec | None, note: Note) -> tuple[Any, Any, str]:
    assert base is not None
    loaded = loading.load(replace(base, device="cpu", dtype="float32"), (USUAL[spec.task].kind,))
    return loaded.model, loaded.tokenizer, base.model_id


def make_objective(spec: TrainingSpec, model: Any, tokenizer: Any, name: str) -> Objective:
    """The objective of a task."""
    from llmcli.core.objectives.seq2seq import Seq2Seq

    return Seq2Seq(
        model,
        tokenizer,
        _limit(spec, model),
        name=name,
        translates=spec.task == "translation",
        from_lang=spec.from_lang,
        to_lang=spec.to_lang,
        prefix=spec.prefix,
        smoothing=spec.label_smoothing,
    )
