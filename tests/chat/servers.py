"""A server on this machine that answers what a test wants, over real sockets."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, str, bytes]
"""Status, content type, body."""


def event(text="", reason=None):
    """An event of a streamed answer."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def streamed(*texts, reason="stop"):
    """A whole stream: a comment, a role, the texts, the end, the usage."""
    role = b'data: {"choices": [{"delta": {"role": "assistant"}, "finish_reason": null}]}\n\n'
    usage = b'data: {"choices": [], "usage": {"total_tokens": 3}}\n\n'
    body = b": ping\n\n" + role + b"".join(map(event, texts)) + event(reason=reason) + usage
    return 200, "text/event-stream", body + b"data: [DONE]\n\n"


def refused(status, message, code=None):
    """An error as OpenAI's servers word it."""
    value = {"error": {"message": message, "type": "invalid_request_error", "code": code}}
    return status, "application/json", json.dumps(value).encode()


@contextmanager
def server(respond: Callable[[str, Any, Any], Answer]) -> Iterator[str]:
    """Serve until the block ends; yields the address. respond(path, body, headers) answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply(None)

        def do_POST(self) -> None:
            self.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def reply(self, body: Any) -> None:
            status, kind, content = respond(self.path, body, self.headers)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *words: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{httpd.server_port}/v1"
        finally:
            httpd.shutdown()
            thread.join()
