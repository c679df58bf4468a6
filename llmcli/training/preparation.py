"""From a training spec to what is trained: the model, its examples, and the task's objective."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from llmcli.data.squad import read_questions
from llmcli.engines.base import Loaded
from llmcli.engines.pytorch import from_scratch, loading, trainable
from llmcli.engines.pytorch.pretrained import read_tokenizer_folder
from llmcli.errors import InputError, ModelUnsuitable, UsageError
from llmcli.inference.translation.languages import base as base_language
from llmcli.inference.translation.languages import find_language
from llmcli.models.architectures import Kind, context_length
from llmcli.spec import ModelSpec
from llmcli.spec.training import Task, Training
from llmcli.training.corpus import Blocks, document_texts, encode_files
from llmcli.training.freezing import freeze
from llmcli.training.lora import with_adapters
from llmcli.training.new_tokenizers import new_tokenizer
from llmcli.training.objectives.base import Dataset, Examples, Objective, RowObjective, whole_rows
from llmcli.training.objectives.causal import Causal
from llmcli.training.objectives.classification import Classification, row_labels, sorted_labels
from llmcli.training.objectives.conversation import Conversation, turns
from llmcli.training.objectives.masked import Masked
from llmcli.training.objectives.seq2seq import Seq2Seq
from llmcli.training.objectives.spans import Spans
from llmcli.training.objectives.tagging import Tagging, words_and_tags

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
    label_column: str = "label"


USUAL: dict[Task, Usual] = {
    "causal-lm": Usual("causal", ("text",), epochs=1, batch_size=8, eval_fraction=0.01, limit=1024),
    "masked-lm": Usual("masked", ("text",), eval_fraction=0.01, limit=128),
    "classification": Usual("classifier", ("text",), eval_fraction=0.05),
    "token-classification": Usual(
        "tagger", ("tokens",), learning_rate=1e-4, label_column="ner_tags"
    ),
    "question-answering": Usual(
        "reader", ("question", "context"), epochs=2, batch_size=16, learning_rate=1e-4, limit=384
    ),
    "translation": Usual("seq2seq", ("source", "target"), eval_fraction=0.01, limit=128),
    "seq2seq": Usual("seq2seq", ("source", "target"), eval_fraction=0.01),
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


@dataclass(frozen=True, slots=True)
class Data:
    """The rows of a run, or its questions; empty for text, which is packed into blocks."""

    train: list[Any]
    held_out: list[Any]
    labels: list[str] = field(default_factory=list)


def filled_in(options: Training, base: ModelSpec | None) -> Training:
    """The spec with the usual values of its task where it has None."""
    usual = USUAL[options.task]
    rate = usual.learning_rate if base else FROM_SCRATCH_RATE
    if options.adapters.lora:
        rate *= LORA_RATE
    return replace(
        options,
        columns=options.columns or (() if options.chat else usual.columns),
        label_column=options.label_column or usual.label_column,
        epochs=options.epochs or usual.epochs,
        batch_size=options.batch_size or usual.batch_size,
        learning_rate=options.learning_rate or rate,
        eval_fraction=usual.eval_fraction
        if options.eval_fraction is None
        else options.eval_fraction,
    )


LORA_RATE = 10.0  # adapters start at nothing and need larger steps


def prepare(
    options: Training, base: ModelSpec | None, kept_tokenizer: Path, note: Note
) -> Prepared:
    """Read the data, load or make the model.

    options: filled in. kept_tokenizer: where a run that is resumed has its new tokenizer.
    Raises InputError for data that cannot be used, ModelUnsuitable, ModelNotFound.
    """
    data = read_data(options)
    if data.labels:
        note(f"labels: {', '.join(data.labels[:12])}" + " ..." * (len(data.labels) > 12))
    model, tokenizer = (
        model_for(options, base, data, note)
        if base
        else made_for(options, data, kept_tokenizer, note)
    )
    if packs(options):
        train, held_out = _blocks(options, model, tokenizer, note)
        objective: Objective = Causal(
            model, tokenizer, train.block_size, smoothing=options.label_smoothing
        )
        return Prepared(
            _adapted(options, model, note), tokenizer, objective, train, held_out or None
        )
    objective = make_objective(
        options, model, tokenizer, data, base.model_id if base else "the model"
    )
    examples = _examples(objective, data.train, "train", note)
    checked = _examples(objective, data.held_out, "validate", note) if data.held_out else None
    if not checked:
        note("no validation: too few rows are held out; give --eval or a higher --eval-fraction")
    return Prepared(_adapted(options, model, note), tokenizer, objective, examples, checked or None)


def packs(options: Training) -> bool:
    """True where the training text is one stream of tokens."""
    return options.task == "causal-lm" and not options.chat


def read_data(options: Training) -> Data:
    """Read the rows and find their labels. Raises InputError for the first that is of no use."""
    if packs(options):
        return Data([], [])
    if options.task == "question-answering":
        read = _questions
    else:
        read = _rows
    train = read(options, options.train)
    if options.eval:
        held_out = read(options, options.eval)
    else:
        train, held_out = hold_out(train, options.eval_fraction or 0.0)
    if not train:
        raise InputError("there are no rows to train on")
    labels = _labels(options, train)
    return Data(train, held_out, labels)


def _rows(options: Training, paths: Sequence[str]) -> list[Any]:
    columns = () if options.task == "token-classification" else options.columns
    return whole_rows(paths, columns)


def _questions(options: Training, paths: Sequence[str]) -> list[Any]:
    return [one for path in paths for one in read_questions(path)]


def hold_out(rows: list[Any], fraction: float) -> tuple[list[Any], list[Any]]:
    """Hold out every n-th row."""
    every = round(1 / fraction) if fraction else 0
    if not every:
        return rows, []
    return [row for at, row in enumerate(rows, 1) if at % every], rows[every - 1 :: every]


def has_labels(options: Training) -> bool:
    """True where labels are learnt, of texts or of their words."""
    return options.task in ("classification", "token-classification")


def labels_of(options: Training, row: Any) -> Sequence[str]:
    """The labels of a row, or the tags of its words."""
    column = options.label_column or ""
    if options.task == "classification":
        return row_labels(row, column, options.multi_label)
    return words_and_tags(row, options.columns[0], column)[1]


def _labels(options: Training, rows: Sequence[Any]) -> list[str]:
    if not has_labels(options):
        return []
    found = {one for row in rows for one in labels_of(options, row)}
    if len(found) < 2:
        what = f"only {found.pop()!r}" if found else "none"
        raise InputError(f"there must be two labels or more; the training rows have {what}")
    return sorted_labels(found)


def make_objective(
    options: Training, model: Any, tokenizer: Any, data: Data, name: str
) -> RowObjective:
    """The objective of a task whose data are rows. name: what the model is called in errors."""
    limit = limit_of(options, model)
    smoothing = options.label_smoothing
    if options.task == "causal-lm":
        return Conversation(model, tokenizer, limit, smoothing=smoothing)
    if options.task == "masked-lm":
        if tokenizer.mask_token_id is None:
            raise ModelUnsuitable(f"the tokenizer of {name} has no mask")
        return Masked(model, tokenizer, limit, fraction=options.mask_fraction, seed=options.seed)
    labels = [model.config.id2label[at] for at in range(model.config.num_labels)]
    if options.task == "classification":
        return Classification(
            model,
            tokenizer,
            limit,
            labels,
            column=options.label_column or "",
            multi=options.multi_label,
            smoothing=smoothing,
            weights=class_weights(options, data, labels),
        )
    if options.task == "token-classification":
        columns = (options.columns[0], options.label_column or "")
        return Tagging(
            model,
            tokenizer,
            limit,
            labels,
            columns=columns,
            smoothing=smoothing,
            weights=class_weights(options, data, labels),
        )
    if options.task == "question-answering":
        return Spans(model, tokenizer, limit, smoothing=smoothing)
    return Seq2Seq(
        model,
        tokenizer,
        limit,
        name=name,
        translates=options.task == "translation",
        from_lang=options.from_lang,
        to_lang=options.to_lang,
        prefix=options.prefix,
        smoothing=smoothing,
    )


def class_weights(options: Training, data: Data, labels: Sequence[str]) -> list[float] | None:
    """What a mistake costs for each label, so that the mean over the training rows is 1.

    `balanced` makes it inverse to how often a label occurs. Raises UsageError for a label that
    is not there or has no weight.
    """
    if not options.class_weights:
        return None
    counts = dict.fromkeys(labels, 0)
    for row in data.train:
        for one in labels_of(options, row):
            counts[one] = counts.get(one, 0) + 1
    if options.class_weights == ("balanced",):
        weights = {label: 1 / max(1, counts[label]) for label in labels}
    else:
        weights = _told_weights(options.class_weights, labels)
    total = sum(counts[label] for label in labels)
    mean = sum(weights[label] * counts[label] for label in labels) / total
    return [weights[label] / mean for label in labels]


def _told_weights(told: Sequence[str], labels: Sequence[str]) -> dict[str, float]:
    weights = {}
    for one in told:
        label, _, number = one.rpartition("=")
        try:
            weights[label] = float(number)
        except ValueError:
            weights[label] = -1.0
        if label not in labels or not 0 < weights[label] < float("inf"):
            known = ", ".join(labels[:12])
            raise UsageError(
                f"--class-weights {one}: use balanced, or LABEL=WEIGHT for each of {known}"
            )
    missing = [label for label in labels if label not in weights]
    if missing:
        raise UsageError(f"--class-weights: {missing[0]!r} has none; every label needs one")
    return weights


def limit_of(options: Training, model: Any) -> int:
    """Tokens of one example."""
    context = context_length(model.config.to_dict())
    usual = USUAL[options.task].limit
    size = options.block_size or min(context or usual, usual)
    if context and size > context:
        raise InputError(f"--block-size {size} is more than the {context} tokens the model takes")
    return size


def _examples(objective: RowObjective, rows: Sequence[Any], use: str, note: Note) -> Examples:
    found = objective.examples(rows)
    if not len(found) and use == "train":
        raise InputError("there is nothing to learn in the training rows")
    cut = f"; {found.cut:,} rows are cut to {objective.limit} tokens" if found.cut else ""
    note(f"data: {len(rows):,} rows, {sum(found.lengths()):,} tokens to {use}{cut}")
    return found


def _blocks(options: Training, model: Any, tokenizer: Any, note: Note) -> tuple[Blocks, Blocks]:
    size = limit_of(options, model)
    column = options.columns[0]
    fraction = 0.0 if options.eval else options.eval_fraction or 0.0
    train, held_out = encode_files(tokenizer, options.train, column, fraction)
    if options.eval:
        held_out, _ = encode_files(tokenizer, options.eval, column)
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


# Models


def _label_settings(options: Training, labels: Sequence[str]) -> dict[str, Any]:
    if not labels:
        return {}
    settings: dict[str, Any] = {
        "id2label": dict(enumerate(labels)),
        "label2id": {label: at for at, label in enumerate(labels)},
    }
    if options.task == "classification":
        several = options.multi_label
        kind = "multi_label_classification" if several else "single_label_classification"
        settings["problem_type"] = kind
    return settings


def model_for(options: Training, base: ModelSpec, data: Data, note: Note) -> tuple[Any, Any]:
    """Load a checkpoint for a task, with its tokenizer; its head may be new."""
    kind = USUAL[options.task].kind
    if kind in ("causal", "seq2seq"):
        loaded = loading.load(replace(base, device="cpu", dtype="float32"), (kind,))
    else:
        loaded, new = _with_head(options, base, kind, data, note)
        if options.init_from is not None:
            other = replace(base, model_id=options.init_from, revision=None)
            taken = trainable.take_weights(loaded.network, other, new)
            if not taken:
                raise InputError(f"--init-from {options.init_from} has none of {', '.join(new)}")
            note(f"weights of {options.init_from}: {', '.join(taken)}")
            new = [name for name in new if name not in taken]
        if new:
            note(f"new weights: {', '.join(new)}")
    if options.task == "causal-lm" and loaded.tokenizer.eos_token_id is None:
        raise ModelUnsuitable(
            f"the tokenizer of {base.model_id} has no token to end a document with"
        )
    return loaded.network, _with_padding(loaded.network, loaded.tokenizer)


def _with_head(
    options: Training, base: ModelSpec, kind: Kind, data: Data, note: Note
) -> tuple[Loaded, list[str]]:
    """Load with the labels of the data, or with the model's own where they hold these."""
    import torch

    torch.manual_seed(options.seed)  # of the new weights
    own = trainable.known_labels(base)
    labels = own if own and set(data.labels) <= set(own) else data.labels
    if labels is own and labels:
        note(f"the model's own labels are kept: {', '.join(own[:12])}")
    return trainable.load_trainable(base, kind, _label_settings(options, labels))


def _with_padding(model: Any, tokenizer: Any) -> Any:
    """Tell model and tokenizer a token to pad with: never looked at, but they ask for one."""
    if tokenizer.pad_token_id is None and tokenizer.eos_token_id is not None:
        tokenizer.pad_token = tokenizer.eos_token
    if model.config.pad_token_id is None:
        model.config.pad_token_id = tokenizer.pad_token_id
    return tokenizer


def made_for(options: Training, data: Data, kept_tokenizer: Path, note: Note) -> tuple[Any, Any]:
    """A new model, with a tokenizer that is learnt from the training text."""
    kind = USUAL[options.task].kind
    assert options.from_scratch is not None, "the command line asks for one of the two"
    settings = from_scratch.read_new_config(options.from_scratch, kind)
    plan = from_scratch.plan_new({"pad_token_id": 0, **settings}, kind)  # a small vocabulary has 0
    if options.resume and kept_tokenizer.is_dir():
        tokenizer = read_tokenizer_folder(kept_tokenizer)
    else:
        length = context_length(plan.to_dict()) or USUAL[options.task].limit
        size = settings.get("vocab_size", plan.vocab_size)
        languages = _languages(options, data)
        tokenizer, what = new_tokenizer(
            plan.model_type, _texts(options, data), size, length, languages
        )
        note(f"tokenizer: {what} with {len(tokenizer):,} entries, learnt from the training text")
    tokens = {
        f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")
    }
    if kind == "causal":
        tokens = dict.fromkeys(tokens, tokenizer.eos_token_id)
    if plan.model_type == "marian":
        tokens |= {"decoder_start_token_id": tokens["pad_token_id"]}
        tokens |= {"forced_eos_token_id": tokens["eos_token_id"], "bos_token_id": None}
        settings["decoder_vocab_size"] = len(tokenizer)
    new = settings | tokens | _label_settings(options, data.labels)
    model = from_scratch.new_model({**new, "vocab_size": len(tokenizer)}, kind, options.seed)
    return model, tokenizer


def _languages(options: Training, data: Data) -> list[str]:
    """The codes that a new translation model is told: none where there is one target only."""
    if options.task != "translation":
        return []
    told = {row.fields.get("to") or options.to_lang for row in data.train}
    codes = {base_language(find_language(str(one))) for one in told if one}
    return sorted(codes) if len(codes) > 1 else []


def _texts(options: Training, data: Data) -> Iterator[str]:
    """All text of the training data, for a tokenizer to be learnt from."""
    if packs(options):
        yield from document_texts(options.train, options.columns[0])
        return
    for row in data.train:
        if options.task == "question-answering":
            yield from (row.question, row.context)
        elif options.task == "token-classification":
            yield " ".join(words_and_tags(row, options.columns[0], options.label_column or "")[0])
        elif options.chat:
            yield from (one["content"] for one in turns(row))
        else:
            yield row.text
            if row.pair is not None:
                yield row.pair


def _adapted(options: Training, model: Any, note: Note) -> Any:
    """Freeze what is not to be learnt, or add adapters."""
    if options.adapters.lora:
        if options.freeze:
            raise UsageError("--freeze and --lora exclude each other: LoRA freezes all but a head")
        adapted = with_adapters(model, options.task, options.adapters)
    else:
        adapted = model
        freeze(model, options.freeze)
    learnt = sum(one.numel() for one in adapted.parameters() if one.requires_grad)
    total = sum(one.numel() for one in adapted.parameters())
    if learnt < total:
        note(f"learnt: {learnt:,} of {total:,} parameters")
    return adapted
