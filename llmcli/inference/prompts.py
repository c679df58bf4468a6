"""From text to the ids that a causal model goes on from."""

from collections.abc import Sequence

from llmcli.decoding.validation import DEFAULT_NEW_TOKENS
from llmcli.engines.base import Loaded
from llmcli.errors import InputError, ModelUnsuitable
from llmcli.spec import Chat, Decoding
from llmcli.tokenization.chat_template import Message, choose_template
from llmcli.tokenization.typed_text import encode_text, encode_typed

# How a model that writes is asked a question about a text.
CHAT = (
    "Answer the question from the text, in a few words.\n\nText: {context}\n\nQuestion: {question}"
)
PLAIN = "Text: {context}\n\nQuestion: {question}\nAnswer:"
SEQ2SEQ = "question: {question} context: {context}"  # Raffel et al. 2020, appendix D


def encode_prompt(loaded: Loaded, text: str, chat: Chat) -> list[int]:
    """Turn a prompt into ids (T,), through the chat template if that is asked for.

    An empty prompt becomes the token that begins a text. Raises ModelUnsuitable where the
    model has no chat template, or its template refuses; InputError where nothing is left to go on
    from.
    """
    if chat.is_on:
        return _encode_chat(loaded, text, chat)
    ids = encode_text(loaded.tokenizer, text)
    if not ids:
        start = loaded.tokenizer.bos_token_id
        if start is None:
            raise InputError("the prompt is empty, and this model has no token to begin with")
        ids = [start]
    return ids


def _encode_chat(loaded: Loaded, text: str, chat: Chat) -> list[int]:
    messages = [] if chat.system is None else [{"role": "system", "content": chat.system}]
    messages.append({"role": "user", "content": text})
    return encode_messages(loaded, messages, chat.chat_template)


def encode_messages(
    loaded: Loaded, messages: Sequence[Message], chat_template: str | None = None
) -> list[int]:
    """Turn a conversation into the ids (T,) that an answer goes on from.

    chat_template: as in `Chat`. Raises ModelUnsuitable where the model has no chat template, or its
    template refuses or leaves nothing.
    """
    template = choose_template(loaded.tokenizer, chat_template, loaded.checkpoint.model_id)
    written = template.text(messages, prompts=True)
    encoded = encode_typed(loaded.tokenizer, written, has_controls=True, add_special_tokens=False)
    ids: list[int] = encoded["input_ids"]
    if not ids:
        raise ModelUnsuitable(
            f"the chat template of {loaded.checkpoint.model_id} leaves nothing of the prompt: "
            "choose another by `chat_template`"
        )
    return ids


def has_chat_template(loaded: Loaded) -> bool:
    """True for a model that was trained to chat."""
    return bool(loaded.tokenizer.chat_template)


def room(loaded: Loaded, prompt_tokens: int, options: Decoding) -> int:
    """How many tokens may follow a prompt: as many as the options or the model say, or what fits.

    Raises InputError, before any work, where no token fits, or with `strict` not as many as were
    asked for.
    """
    context, wanted = loaded.context, options.max_new_tokens
    usual = wanted or _own_limit(loaded, prompt_tokens)
    if context is None:
        if wanted == -1:
            raise InputError(
                f"{loaded.checkpoint.model_id} sets no limit: give `max_new_tokens` a number"
            )
        return usual
    left = context - prompt_tokens
    name = loaded.checkpoint.model_id
    if left <= 0:
        raise InputError(
            f"the prompt has {prompt_tokens} tokens, {name} takes {context} with what it writes: "
            "shorten the prompt"
        )
    if options.strict and wanted is not None and wanted > left:
        raise InputError(
            f"the prompt has {prompt_tokens} tokens and `max_new_tokens` is {wanted}, but {name} "
            f"takes {context} in all: use `max_new_tokens`={left} or less, or a shorter prompt"
        )
    return left if wanted == -1 else min(usual, left)


def _own_limit(loaded: Loaded, prompt_tokens: int) -> int:
    """The number of new tokens that the model's generation config allows, else the default.

    Raises InputError where the prompt is as long as the whole text may be.
    """
    config = loaded.generation_config
    new, whole = (getattr(config, name, None) for name in ("max_new_tokens", "max_length"))
    if new or not whole:
        return int(new or DEFAULT_NEW_TOKENS)
    if whole <= prompt_tokens:
        raise InputError(
            f"the prompt has {prompt_tokens} tokens, and max_length in generation_config.json is "
            f"{whole}: give `max_new_tokens`"
        )
    return int(whole) - prompt_tokens
