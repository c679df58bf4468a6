"""Continuations of texts by a causal language model."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from llmcli.data.rows import Failure, Row, failed
from llmcli.decoding.generation_config import read_rules, with_config
from llmcli.decoding.seeds import with_seed as with_seed  # the CLI takes it from here
from llmcli.decoding.validation import check_decoding
from llmcli.engines.base import Loaded
from llmcli.engines.choose import Purpose, load_on_torch
from llmcli.engines.gguf import unpack
from llmcli.errors import UsageError
from llmcli.inference.batches import process
from llmcli.inference.continuations import Generation
from llmcli.inference.generation import Chunk as Chunk  # the CLI takes it from here
from llmcli.inference.generation import Generator
from llmcli.inference.loading import AnyModel, load_model, load_part
from llmcli.inference.model_settings import unused_notes
from llmcli.inference.prompts import has_chat_template
from llmcli.inference.unknown import with_unknown
from llmcli.models.starters import GENERATE, Note, ignore
from llmcli.spec import AUTO_BATCH, BatchOptions, Chat, Decoding, ModelSpec
from llmcli.tokenization.chat_template import choose_template


def load(
    model: AnyModel,
    options: Decoding,
    chat: Chat,
    *,
    work_bytes: int | None = None,
    note: Note = ignore,
) -> Loaded:
    """Load a causal language model.

    model: None, or one without a name, takes the task's default. work_bytes: size of the texts,
    0 if it is unknown; None for a text or two. note: receives a line for each choice made.
    Raises ModelNotFound, ModelUnsuitable, also for a chat without a template; UsageError for
    settings that contradict one another.
    """
    check_decoding(options)
    purpose = Purpose(
        ("causal",),
        file_bytes=work_bytes,
        decoding={"causal": options},
        decoding_by=lambda config: (with_config(options, config), read_rules(config)),
    )
    loaded = load_model(model, GENERATE, purpose, note)
    for line in unused_notes(loaded, options, stops=True):
        note(line)
    if chat.is_on:
        choose_template(loaded.tokenizer, chat.chat_template, loaded.checkpoint.model_id)
    elif has_chat_template(loaded):
        note("this model has a chat template; `chat` uses it")
    return loaded


def load_draft(model: AnyModel, options: Decoding) -> Loaded | None:
    """Load the smaller model that `options.assist` names, if it names one.

    model: the larger one, whose device, dtype and so on it shares.
    """
    name = options.drafter
    if name is None or name == "lookup":
        return None

    def load_smaller(larger: ModelSpec) -> Loaded:
        smaller = replace(larger, model_id=name, revision=None)
        unpack(smaller)
        return load_on_torch(smaller, ("causal",))

    return load_part(model, GENERATE, ("draft", name), load_smaller)


def check_options(options: Decoding, chat: Chat, batch: BatchOptions) -> None:
    """Raise UsageError for settings that contradict one another."""
    check_decoding(options)
    if chat.is_on and batch.on_overflow == "truncate":
        raise UsageError(
            "`on_overflow`=truncate would cut the chat template: shorten the text instead"
        )
    if options.drafter and (batch.batch_size or 1) > 1:
        raise UsageError("`assist` decodes one text at a time: leave out `batch_size`")


def generate(
    loaded: Loaded,
    rows: Iterable[Row],
    options: Decoding,
    chat: Chat,
    batch: BatchOptions = AUTO_BATCH,
    draft: Loaded | None = None,
) -> Iterator[Generation | Failure]:
    """Yield the continuations of each row in order, `num_return_sequences` a row.

    A row that cannot be continued comes as a Failure, in its place. The same seed gives the
    same text for a row whatever its neighbours are and whether or not it is streamed.
    draft: the smaller model that `options.assist` names, as `load_draft` gives it.
    Raises UsageError for settings that contradict one another, ModelUnsuitable for a model that
    cannot be assisted, or not by this one.
    """
    check_options(options, chat, batch)
    options = with_seed(options, batch.seed)
    if options.drafter:
        batch = replace(batch, batch_size=1)
    generator = Generator(loaded, options, chat, batch.on_overflow, draft)
    return with_unknown(process(generator, rows, loaded.batch(batch)), loaded.tokenizer)


def stream(
    loaded: Loaded,
    rows: Iterable[Row],
    options: Decoding,
    chat: Chat,
    batch: BatchOptions = AUTO_BATCH,
    draft: Loaded | None = None,
) -> Iterator[Chunk | Generation | Failure]:
    """Do as `generate` does, one row at a time, and yield each text as it is made.

    Of each row come an empty chunk when its turn comes, then the chunks of its text as soon as no
    later token can change them (with beams, a single one), then the result. Raises as `generate`.
    """
    check_options(options, chat, batch)
    if options.num_return_sequences > 1:
        raise UsageError("`num_return_sequences` gives several texts: they cannot be streamed")
    options = with_seed(options, batch.seed)
    generator = Generator(loaded, options, chat, batch.on_overflow, draft)
    return with_unknown(_streamed(generator, rows), loaded.tokenizer)


def _streamed(generator: Generator, rows: Iterable[Row]) -> Iterator[Chunk | Generation | Failure]:
    for row in rows:
        if row.error is not None:
            yield failed(row)
            continue
        (prompt,) = generator.prepare([row])
        if isinstance(prompt, Failure):
            yield prompt
        else:
            yield from generator.stream(prompt)
