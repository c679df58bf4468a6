import json

import pytest

from llmcli.chat.exchange import answered
from llmcli.chat.partner import Ending
from llmcli.chat.remote import RemotePartner, base_url
from llmcli.errors import InputError, ModelNotFound, UsageError
from llmcli.spec import Decoding
from tests.chat.servers import event, refused, server, streamed
from tests.chat.test_conversation import said, spoken


def ask(url, conversation, options=None, model="m"):
    """The pieces of an answer, and how it ended."""
    *pieces, ending = answered(
        RemotePartner(url, model), conversation, options or Decoding(), lambda window: None
    )
    assert isinstance(ending, Ending)
    return pieces, ending.reason


def test_an_answer_comes_in_pieces_and_is_kept(monkeypatch):
    seen = []

    def respond(path, body, headers):
        seen.append((path, body, headers["Authorization"]))
        return streamed("你", "好")

    monkeypatch.setenv("LLMCLI_API_KEY", "secret")
    conversation = spoken("hello", system="be kind")
    options = Decoding(temperature=0.5, top_k=4, max_new_tokens=9, stop=("x",), seed=3)
    with server(respond) as url:
        assert ask(url, conversation, options) == (["你", "好"], "end")
    assert said(conversation)[-1] == ("a", "你好")
    path, body, key = seen[0]
    assert (path, key) == ("/v1/chat/completions", "Bearer secret")
    assert body == {
        "model": "m",
        "stream": True,
        "messages": [
            {"role": "system", "content": "be kind"},
            {"role": "user", "content": "hello"},
        ],
        **{"temperature": 0.5, "top_k": 4, "max_tokens": 9, "stop": ["x"], "seed": 3},
    }


def test_an_answer_that_is_not_streamed_is_read_too():
    choice = {"message": {"role": "assistant", "content": "hi"}, "finish_reason": "length"}
    body = json.dumps({"choices": [choice]}).encode()
    with server(lambda *request: (200, "application/json", body)) as url:
        assert ask(url, spoken("hello")) == (["hi"], "length")


def test_a_server_that_finds_a_conversation_too_long_is_asked_without_its_oldest_turns():
    sizes = []

    def respond(path, body, headers):
        sizes.append(len(body["messages"]))
        too_long = refused(400, "too many tokens", "context_length_exceeded")
        return too_long if sizes[-1] > 3 else streamed("ok")

    windows = []
    conversation = spoken("a", "b", "c", "d", "e")
    with server(respond) as url:
        partner = RemotePartner(url, "m")
        assert list(answered(partner, conversation, Decoding(), windows.append))[0] == "ok"
    assert sizes == [5, 3] and [window.skipped for window in windows] == [0, 1]
    with server(lambda *request: refused(400, "no", "context_length_exceeded")) as url:
        with pytest.raises(InputError, match=r"refuses this \(400\): no"):
            ask(url, spoken("a", "b", "c"))


@pytest.mark.parametrize(
    "answer, error, words",
    [
        (refused(400, "tools are\nnot here"), InputError, r"\(400\): tools are not here"),
        (refused(401, "bad key"), UsageError, "another key than LLMCLI_API_KEY.*: bad key"),
        (refused(404, "no model m"), ModelNotFound, "/v1: no model m"),
        ((500, "text/html", b"<html>"), InputError, r"\(500\): Internal Server Error"),
        ((200, "text/event-stream", b"data: {nonsense\n\n"), InputError, "that is not JSON"),
        ((200, "text/event-stream", b'data: {"x": 1}\n\n'), InputError, "without an answer"),
        ((200, "text/event-stream", b"data: [DONE]\n\n"), InputError, "before its end"),
        ((200, "application/json", b"[]"), InputError, "without an answer"),
        ((200, "application/json", b"[" * 100_000), InputError, "that is not JSON"),
        (
            (200, "text/event-stream", b'data: {"error": {"message": "out of memory"}}\n\n'),
            InputError,
            "the server failed: out of memory",
        ),
    ],
)
def test_a_server_that_refuses_or_fails_is_one_line(answer, error, words):
    conversation = spoken("hello")
    with server(lambda *request: answer) as url, pytest.raises(error, match=words) as raised:
        ask(url, conversation)
    assert "\n" not in str(raised.value) and conversation.last_is_open()


def test_what_was_written_before_a_server_failed_is_kept():
    broken = event("half")
    conversation = spoken("hello")
    with server(lambda *request: (200, "text/event-stream", broken)) as url:
        with pytest.raises(InputError, match="before its end"):
            ask(url, conversation)
    assert conversation.last("assistant") == "half"


def test_a_server_with_one_model_needs_no_name():
    def models(*names):
        body = json.dumps({"data": [{"id": name} for name in names]}).encode()
        return lambda *request: (200, "application/json", body)

    with server(models("only")) as url:
        assert RemotePartner(url).name == "only"
    with (
        server(models("a", "b")) as url,
        pytest.raises(UsageError, match=r"models \('a', 'b'\): name"),
    ):
        RemotePartner(url)
    with server(models()) as url, pytest.raises(UsageError, match="has no models"):
        RemotePartner(url)
    page = (200, "text/html", b"<html>")
    with server(lambda *request: page) as url, pytest.raises(ModelNotFound, match="ends in /v1"):
        RemotePartner(url)


def test_a_server_that_is_not_there_is_one_line():
    with server(lambda *request: streamed("a")) as url:
        pass
    with pytest.raises(ModelNotFound, match="cannot reach http://127.0.0.1:.*: .*refused"):
        RemotePartner(url)


@pytest.mark.parametrize(
    "url", ["ftp://a", "http://", "http://a:99999", "http://a b", "", "http://u:p@a", "http://a\nb"]
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(UsageError, match="`url`"):
        base_url(url)


def test_settings_that_the_protocol_lacks_are_refused():
    with pytest.raises(UsageError, match="no `num_beams`"):
        ask("http://127.0.0.1:1/v1", spoken("a"), Decoding(num_beams=4))
