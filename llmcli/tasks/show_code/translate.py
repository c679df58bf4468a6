"""The transformers script for llmcli translate."""

from types import SimpleNamespace
from typing import Any, cast

from llmcli.engines.base import decoder_start
from llmcli.inference.translation.directions import Direction, default_model
from llmcli.inference.translation.languages import is_unspaced
from llmcli.inference.translation.layout import Piece, put_together
from llmcli.inference.translation.runaway import bound
from llmcli.inference.translation.translator import max_new_tokens, with_tags
from llmcli.inference.translation.vocabulary import Vocabulary
from llmcli.models import hub
from llmcli.models.architectures import context_length
from llmcli.models.starters import choose_model
from llmcli.spec import Decoding, ModelSpec
from llmcli.spec.tasks import TranslateOptions
from llmcli.tasks.show_code.directions import local_direction, source_language_line
from llmcli.tasks.show_code.load import (
    load_lines,
    local_config,
    local_settings,
    unset_arguments,
)

_TRANSLATE = """{language}
sentences = {sentences}
limits = {limits}  # of the tokens of each translation
translations = []
for text, limit in zip(sentences, limits):
    inputs = tokenizer([{text}], return_tensors="pt").to(model.device)
    with torch.no_grad():
        output = model.generate(**inputs, max_new_tokens=limit{arguments})
    translations += tokenizer.batch_decode(output, skip_special_tokens=True)
"""

_CAPITALS = """\
for at in {capitals}:  # these sentences were in capitals
    translations[at] = translations[at].upper()
"""

_SHOW = """\
print({layout}.format(*translations))
"""

_SHOW_SEVERAL = """\
for translation in translations:
    print(translation)
"""


def translate_code(model: ModelSpec, options: TranslateOptions, text: str) -> str:
    """A script that prints the translation of a text; it contains the sentences as a list.

    Raises ModelUnsuitable and UsageError where the command would. For a model that is not on this
    machine, the script sets no language codes, because they are unknown.
    """
    options = with_tags(options)
    if not model.model_id:
        model = choose_model(model, default_model(options.from_lang, options.to_lang))
    tokenizer, direction = local_direction(model, options.from_lang, options.to_lang)
    vocabulary = Vocabulary(tokenizer)
    layout = vocabulary.pieces(text, direction.source, split=options.split_sentences)
    read = [
        vocabulary.lowered(piece.text, direction.source) for piece in layout if piece.is_sentence
    ]
    sentences = [sentence.text for sentence in read]
    body = _TRANSLATE.format(
        language=source_language_line(direction),
        sentences=_list_literal(sentences),
        limits=_limits(model, tokenizer, options, direction, read),
        text=f"{direction.prefix!r} + text" if direction.prefix else "text",
        arguments="".join(f", {argument}" for argument in _arguments(model, options, direction)),
    )
    capitals = [at for at, sentence in enumerate(read) if sentence.is_capital]
    if capitals and options.num_return_sequences == 1:
        body += _CAPITALS.format(capitals=capitals)
    if options.num_return_sequences > 1:
        body += _SHOW_SEVERAL
    else:
        body += _SHOW.format(layout=repr(_template(layout, direction)))
    return load_lines(model, "AutoModelForSeq2SeqLM") + body


def _template(layout: list[Piece], direction: Direction) -> str:
    """A format string of the layout, with `{}` in place of each translation."""
    escaped = [
        Piece(piece.text.replace("{", "{{").replace("}", "}}"), piece.is_sentence)
        for piece in layout
    ]
    count = sum(piece.is_sentence for piece in layout)
    return put_together(escaped, ["{}"] * count, spaced=not is_unspaced(direction.target))


def _list_literal(sentences: list[str]) -> str:
    """The source code of a list, one sentence per line if it has several."""
    if len(sentences) == 1:
        return repr(sentences)
    return "[\n" + "".join(f"    {sentence!r},\n" for sentence in sentences) + "]"


def _limits(
    model: ModelSpec,
    tokenizer: Any,
    options: TranslateOptions,
    direction: Direction,
    read: list[Any],
) -> list[int | None]:
    """The maximum number of new tokens for each sentence, as the command has it.

    A model that is not on this machine may set more bounds than the user's.
    """
    checkpoint, config = (
        hub.resolve_local(model) or hub.cached_checkpoint(model),
        local_config(model),
    )
    if tokenizer is None or checkpoint is None or config is None:
        return [options.max_new_tokens] * len(read)
    from llmcli.engines.ct2.loading import Settings, generation_config

    own = generation_config(checkpoint, config)
    loaded = SimpleNamespace(
        checkpoint=checkpoint,
        config=Settings(config),
        context=context_length(config),
        generation_config=own,
    )
    start = 1 if direction.start is not None else len(decoder_start(cast(Any, loaded)))
    most = max_new_tokens(cast(Any, loaded), options, start)
    if direction.source_code is not None:
        tokenizer.src_lang = direction.source_code
    sizes = [len(tokenizer(direction.prefix + sentence.text)["input_ids"]) for sentence in read]
    return [min(most, bound(own, size, is_part=False)) for size in sizes]


def _arguments(model: ModelSpec, options: TranslateOptions, direction: Direction) -> list[str]:
    """The arguments of model.generate that the options and the direction set."""
    names = ("num_beams", "length_penalty", "repetition_penalty", "no_repeat_ngram_size")
    own = local_settings(model)
    arguments = ["do_sample=False"] if own.get("do_sample") else []
    arguments += [
        f"{name}={getattr(options, name)}" for name in names if getattr(options, name) is not None
    ]
    several = options.num_return_sequences
    if several != (own.get("num_return_sequences") or 1):
        arguments.append(f"num_return_sequences={several}")
    if options.num_beams is None and several > (own.get("num_beams") or 1):
        arguments.append(f"num_beams={several}")
    if direction.forced_first is not None:
        arguments.append(f"forced_bos_token_id={direction.forced_first}")
    if direction.start is not None:
        arguments.append(f"decoder_start_token_id={direction.start}")
    return arguments + unset_arguments(own, Decoding())
