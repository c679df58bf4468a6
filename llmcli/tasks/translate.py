"""Texts in another language."""

from collections.abc import Iterable, Iterator

from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.engines.choose import Purpose
from llmcli.errors import UsageError
from llmcli.inference.batches import process
from llmcli.inference.loading import AnyModel, load_model
from llmcli.inference.model_settings import unused_notes
from llmcli.inference.translation.directions import default_model
from llmcli.inference.translation.results import Translation
from llmcli.inference.translation.translator import (
    Translator,
    decoding_of,
    most_new_tokens,
    route_of,
    with_tags,
)
from llmcli.inference.unknown import with_unknown
from llmcli.models.starters import TRANSLATE, Note, ignore
from llmcli.spec import AUTO_BATCH, BatchOptions, Decoding
from llmcli.spec.tasks import TranslateOptions


def load(
    model: AnyModel,
    options: TranslateOptions,
    *,
    work_bytes: int | None = None,
    note: Note = ignore,
) -> Loaded:
    """Load a sequence-to-sequence model for the languages of `options`.

    model: None, or one without a name, takes the starter for the two languages, else the
    opus-mt model of the hub. work_bytes: size of the texts, 0 if it is unknown; None for a text
    or two. note: receives a line for each choice made, and for what the model does not distinguish,
    such as `pt-BR` and `pt`.
    Raises ModelNotFound, ModelUnsuitable; UsageError for an unknown language, where neither
    languages nor a model are named, or for settings that contradict one another.
    """
    options = with_tags(options)
    check_options(options)
    is_named = model is not None and model.model_id
    default = TRANSLATE if is_named else default_model(options.from_lang, options.to_lang)
    purpose = Purpose(
        ("seq2seq",),
        file_bytes=work_bytes,
        decoding_of=lambda loaded: decoding_of(loaded, options),
    )
    loaded = load_model(model, default, purpose, note)
    most, wanted = most_new_tokens(loaded), options.max_new_tokens or 0
    if most is not None and wanted > most and not options.strict:
        name = loaded.checkpoint.model_id
        note(f"`max_new_tokens` is {most}, not {wanted}: {name} can write no more")
    for line in (*route_of(loaded, options).notes, *unused_notes(loaded, Decoding())):
        note(line)
    return loaded


def check_options(options: TranslateOptions) -> None:
    """Raise UsageError for settings that contradict one another."""
    beams, several = options.num_beams, options.num_return_sequences
    if beams is not None and several > beams:
        raise UsageError(f"`num_return_sequences` {several} is more than `num_beams` {beams}")


def translate(
    loaded: Loaded, rows: Iterable[Row], options: TranslateOptions, batch: BatchOptions = AUTO_BATCH
) -> Iterator[Translation | Failure]:
    """Yield the translations of each row in order, `num_return_sequences` a row.

    options: its languages by tag or by name.
    Raises ModelUnsuitable where the model does not know a language or a pair, UsageError where it
    needs a language that is not given, or for settings that contradict one another.
    """
    options = with_tags(options)
    check_options(options)
    translator = Translator(loaded, options, batch.on_overflow)
    return with_unknown(process(translator, rows, batch), loaded.tokenizer)
