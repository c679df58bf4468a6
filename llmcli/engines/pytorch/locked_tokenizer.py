"""Tokenizers of transformers that several threads can use at the same time."""

import functools
import threading
from collections.abc import Callable
from typing import Any

METHODS = (
    *("__call__", "decode", "apply_chat_template"),
    *("convert_ids_to_tokens", "convert_tokens_to_ids", "convert_tokens_to_string"),
)


def locked(tokenizer: Any) -> Any:
    """The same tokenizer, whose calls now wait for one another. Only to be used once for each.

    A tokenizer of transformers keeps settings of its last call: truncation, how special tokens in
    a text are treated, which side of a pair of languages it decodes. Whoever sets an attribute for
    a call, such as `src_lang`, holds `tokenizer.lock` until the call is done.
    """
    own_class = type(tokenizer)
    lock = threading.RLock()

    def waiting(name: str) -> Callable[..., Any]:
        method = getattr(own_class, name)

        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            with lock:
                return method(*args, **kwargs)

        return call

    methods = {name: waiting(name) for name in METHODS}
    attributes = {"__module__": own_class.__module__, "lock": lock, **methods}
    # The name stays: transformers stores it as `tokenizer_class`.
    tokenizer.__class__ = type(own_class.__name__, (own_class,), attributes)
    return tokenizer
