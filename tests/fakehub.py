"""A Hugging Face hub on 127.0.0.1: what huggingface_hub asks of the real one, and its failures."""

import hashlib
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

Files = dict[str, bytes]
INFO = re.compile(r"/api/models/(?P<repo>.+?)(/revision/(?P<revision>[^/]+))?")
TREE = re.compile(r"/api/models/(?P<repo>.+?)/tree/(?P<revision>[^/]+)")
FILE = re.compile(r"/(?P<repo>.+?)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")


class Request(NamedTuple):
    method: str
    path: str
    authorization: str | None


class FakeHub:
    """Serves `repos` while its `with` block lasts, and keeps what it was asked."""

    def __init__(self, repos: dict[str, Files]) -> None:
        self.repos = repos
        """The main branches."""
        self.tags: dict[str, Files] = {}
        """The tags that every repo has."""
        self.gated: set[str] = set()
        """Repos that show their file names to all, and their files to nobody."""
        self.token: str | None = None
        """Refuse every other token."""
        self.status: int | None = None
        """Answer this, and a page of HTML, to everything. 200 is a hotel's login page."""
        self.break_off: str | None = None
        """Close the connection in the middle of this file."""
        self.xet = False
        """Send large files to a Xet store, which has none of them."""
        self.requests: list[Request] = []

    def __enter__(self) -> "FakeHub":
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def sent(self) -> list[str]:
        """The files whose contents were asked for, sorted."""
        paths = [request.path for request in self.requests if request.method == "GET"]
        return sorted(found["file"] for path in paths if (found := FILE.fullmatch(path)))

    def find(self, repo: str, revision: str) -> Files | None:
        """The files of a branch, tag or commit."""
        refs = {"main": self.repos[repo], **self.tags}
        commits = {commit_of(files): files for files in refs.values()}
        return refs.get(revision) or commits.get(revision)


def commit_of(files: Files) -> str:
    """What this hub calls the commit of some files."""
    return hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()


def etag(name: str, data: bytes) -> str:
    """SHA-256 for the files that the hub keeps in LFS, git's SHA-1 for the others."""
    if name.endswith((".safetensors", ".bin", ".gguf")):
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    """Speaks HTTP/1.0, a connection a request, so that none stays open."""

    hub: FakeHub

    def do_GET(self) -> None:
        path, token = unquote(urlsplit(self.path).path), self.headers["Authorization"]
        self.hub.requests.append(Request(self.command, path, token))
        if self.hub.status is not None:
            self._send(self.hub.status, b"<html>sorry</html>", {"Content-Type": "text/html"})
        elif token and self.hub.token and token != f"Bearer {self.hub.token}":
            self._refuse(401, message="Invalid credentials in Authorization header")
        elif path == "/xet":
            ends = str(int(time.time()) + 3600)
            store = {"Cas-Url": self.hub.url, "Access-Token": "key", "Token-Expiration": ends}
            self._send(200, b"", {f"X-Xet-{name}": value for name, value in store.items()})
        elif found := TREE.fullmatch(path) or FILE.fullmatch(path) or INFO.fullmatch(path):
            self._repo(**found.groupdict(), info=found.re is INFO)
        else:
            self._refuse(404)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Be silent."""

    def _repo(self, repo: str, revision: str | None, file: str = "", info: bool = False) -> None:
        known = self.headers["Authorization"] is not None
        if repo not in self.hub.repos:  # strangers are not told whether it is there
            return self._refuse(404, "RepoNotFound") if known else self._refuse(401)
        files = self.hub.find(repo, revision or "main")
        if files is None:
            return self._refuse(404, "RevisionNotFound")
        if info:
            return self._json({"id": repo, "sha": commit_of(files), "siblings": []})
        if not file:
            return self._json([_entry(name, data) for name, data in files.items()])
        if repo in self.hub.gated:
            return self._refuse(403 if known else 401, "GatedRepo")
        if file not in files:
            return self._refuse(404, "EntryNotFound")
        self._file(file, files[file], commit_of(files))

    def _file(self, name: str, data: bytes, commit: str) -> None:
        digest, start, size = etag(name, data), 0, len(data)
        headers = {"X-Repo-Commit": commit, "ETag": f'"{digest}"'}
        if self.hub.xet and len(digest) == 64:
            headers |= {"X-Xet-Hash": digest, "X-Xet-Refresh-Route": f"{self.hub.url}/xet"}
        if asked := re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or ""):
            start = int(asked[1])
            headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        end = size // 2 if self.hub.break_off == name else size
        self._send(206 if asked else 200, data[start:end], headers, size - start)

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _refuse(self, status: int, code: str = "", message: str = "no such thing") -> None:
        self._send(status, b"", {"X-Error-Code": code, "X-Error-Message": message})

    def _send(
        self, status: int, body: bytes, headers: dict[str, str], size: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if size is None else size))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _entry(name: str, data: bytes) -> dict[str, object]:
    digest, size = etag(name, data), len(data)
    lfs = {"oid": digest, "size": size, "pointerSize": 134} if len(digest) == 64 else None
    return {"type": "file", "path": name, "size": size, "oid": digest[:40], "lfs": lfs}
