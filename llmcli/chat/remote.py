"""A model behind a server that speaks OpenAI's protocol for chats, as a partner."""

import json
import os
import time
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from llmcli.chat.conversation import Conversation
from llmcli.chat.partner import Ending, TooLong
from llmcli.chat.window import Window
from llmcli.errors import InputError, LlmcliError, ModelNotFound, UsageError, listed
from llmcli.spec import Decoding

KEYS = ("LLMCLI_API_KEY", "OPENAI_API_KEY")
"""Environment variables with the key of a server, the first one first."""
CONNECT_SECONDS = 600  # a server may be reading a long prompt, or loading
MOST_LINE = 1 << 22  # bytes of one event
SETTINGS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "seed": "seed",
    "max_new_tokens": "max_tokens",
    "repetition_penalty": "repetition_penalty",
}
"""Fields of `Decoding`, and what the protocol calls them. What is not set is not sent."""
TOO_LONG = "context_length_exceeded"


class RemotePartner:
    """Answers by asking a server. Implements `Partner`."""

    chats = True
    context: int | None = None

    def __init__(self, url: str, model_id: str = "") -> None:
        """url: of the server, such as http://127.0.0.1:8000/v1. model_id: one of its models.

        Without a name, the server must have one model alone. Raises UsageError for a URL or a
        name that cannot be used; ModelNotFound where the server cannot be reached.
        """
        self._url = base_url(url)
        key = next((os.environ[name] for name in KEYS if os.environ.get(name)), None)
        self._headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if key is not None:
            if not key.isascii() or not key.isprintable():
                raise UsageError("the key of the server is not one line of ASCII characters")
            self._headers["Authorization"] = f"Bearer {key}"
        self.name = model_id or self._only_model()

    def window(self, conversation: Conversation, options: Decoding) -> Window:
        """All of a conversation: the server knows what fits."""
        return Window(conversation.messages(), 0, None)

    def answer(self, window: Window, options: Decoding) -> Iterator[str | Ending]:
        """Yield the pieces of an answer, then how it ended; see `Partner`.

        Raises InputError with the server's words where it refuses or fails.
        """
        body = {
            "model": self.name,
            "messages": [message.to_dict() for message in window.messages],
            "stream": True,
            **_settings(options),
        }
        began, reason, pieces = time.perf_counter(), "", 0
        with self._open("/chat/completions", body) as response:
            for event in _events(response, self._url):
                text, ended = _delta(event)
                reason = ended or reason
                if text:
                    pieces += 1
                    yield text
        if not reason:
            raise InputError(f"{self._url} ended the answer before its end")
        yield Ending("end" if reason == "stop" else reason, None, time.perf_counter() - began)

    def _only_model(self) -> str:
        with self._open("/models") as response:
            try:
                value = json.loads(response.read(MOST_LINE))
                names = [str(entry["id"]) for entry in value["data"]]
            except (ValueError, KeyError, TypeError, RecursionError):
                raise ModelNotFound(
                    f"{self._url}/models lists no models: is this the address of a server that "
                    "speaks OpenAI's protocol? It often ends in /v1"
                ) from None
        if len(names) != 1:
            raise UsageError(
                f"{self._url} has several models ({listed(names[:8])}): name one by `model`"
                if names
                else f"{self._url} has no models"
            )
        return names[0]

    def _open(self, path: str, body: dict[str, Any] | None = None) -> HTTPResponse:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._url + path, data, self._headers)
        try:
            response: HTTPResponse = urlopen(request, timeout=CONNECT_SECONDS)
        except HTTPError as error:
            with error:
                raise _refusal(error, self._url) from None
        except (URLError, HTTPException, OSError) as error:
            reason = _one_line(getattr(error, "reason", None) or error)
            raise ModelNotFound(f"cannot reach {self._url}: {reason}") from None
        return response


def base_url(url: str) -> str:
    """The address below which the routes of a server lie. Raises UsageError.

    >>> base_url("127.0.0.1:8000"), base_url("http://localhost:1234/v1/")
    ('http://127.0.0.1:8000/v1', 'http://localhost:1234/v1')
    """
    whole = url.strip() if "://" in url else f"http://{url.strip()}"
    try:
        parts = urlsplit(whole)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        is_usable &= (parts.port or 1) > 0 and whole.isprintable() and " " not in whole
    except ValueError:
        is_usable = False
    if not is_usable:
        raise UsageError(f"`url` {url!r} is no address: write one like http://127.0.0.1:8000/v1")
    if parts.username is not None:
        raise UsageError(f"`url` holds a password: put the key into {KEYS[0]}")
    base = whole.rstrip("/").removesuffix("/chat/completions")
    return base if urlsplit(base).path.strip("/") else f"{base}/v1"


def _settings(options: Decoding) -> dict[str, Any]:
    """The settings that were made. Raises UsageError for one that the protocol does not have."""
    sent = {
        name: getattr(options, field)
        for field, name in SETTINGS.items()
        if getattr(options, field) is not None
    }
    if sent.get("max_tokens") == -1:
        del sent["max_tokens"]
    if options.stop:
        sent["stop"] = list(options.stop)
    if options.num_beams or options.no_repeat_ngram_size or options.assist:
        raise UsageError(
            "`url`: the protocol has no `num_beams`, `no_repeat_ngram_size` and `assist`: leave "
            "them out"
        )
    return sent


def _events(response: HTTPResponse, url: str) -> Iterator[Any]:
    """The events of a stream, as JSON; the whole answer is one where a server does not stream.

    Source: WHATWG, HTML, 9.2.6, Interpreting an event stream; of its fields, `data` alone.
    """
    try:
        if response.headers.get_content_type() == "application/json":
            yield json.loads(response.read(MOST_LINE))
            return
        while line := response.readline(MOST_LINE):
            field, _, value = line.decode("utf-8", errors="replace").strip().partition(":")
            if field != "data":
                continue  # a comment, which keeps the connection open, or a field of no use here
            if value.strip() == "[DONE]":
                return
            yield json.loads(value)
    except (ValueError, RecursionError):
        raise InputError(f"{url} answers with something that is not JSON") from None
    except (HTTPException, OSError) as error:
        raise InputError(f"{url} broke off the answer: {_one_line(error)}") from None


def _delta(event: Any) -> tuple[str, str]:
    """The text of an event, and why the answer ended if it has."""
    if isinstance(event, dict) and "error" in event:
        raise InputError(f"the server failed: {_words(event)}")
    try:
        choices = event["choices"]
        if not choices:
            return "", ""  # the usage, after the end
        part = choices[0].get("delta") or choices[0].get("message") or {}
        return part.get("content") or "", choices[0].get("finish_reason") or ""
    except (KeyError, TypeError, AttributeError, IndexError):
        raise InputError(f"the server sent an event without an answer: {str(event)[:80]}") from None


def _refusal(error: HTTPError, url: str) -> LlmcliError:
    try:
        value = json.loads(error.read(MOST_LINE))
    except (ValueError, RecursionError, OSError, HTTPException):
        value = None
    words = _words(value) or _one_line(error.reason)
    if error.code in (401, 403):
        return UsageError(f"{url} wants another key than {KEYS[0]}, or one at all: {words}")
    if error.code == 404:
        return ModelNotFound(f"{url}: {words}")
    is_long = isinstance(value, dict) and TOO_LONG in json.dumps(value)
    return (TooLong if is_long else InputError)(f"{url} refuses this ({error.code}): {words}")


def _words(value: Any) -> str:
    """What an error says, in one line."""
    error = value.get("error", value) if isinstance(value, dict) else value
    message = error.get("message") if isinstance(error, dict) else error
    return _one_line(message or "")


def _one_line(words: object) -> str:
    return " ".join(str(words).split())[:300]
