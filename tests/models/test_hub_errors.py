"""Every way in which the hub fails is one line, against a hub on 127.0.0.1."""

import errno
import logging
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import errors
from huggingface_hub.utils import enable_progress_bars

from llmcli.errors import DiskFull, ModelNotFound
from llmcli.models.hub import cached_repos, resolve
from llmcli.models.hub_errors import http_library, hub_errors_explained
from llmcli.spec import ModelSpec
from tests.fakehub import FakeHub
from tests.models.hub_helpers import (
    MODEL,
    Patch,
    Run,
    failed,
    for_each_kind,
    refused,
    use_cache,
    use_endpoint,
)


@pytest.fixture(params=["httpx", "httpx2"])
def library(request, monkeypatch):
    """Each HTTP library that a huggingface_hub may stand on, as if the installed one did."""
    http = pytest.importorskip(request.param)
    if http is not http_library():
        parents = (http.HTTPError, OSError)
        monkeypatch.setattr(errors, "HfHubHTTPError", type("HfHubHTTPError", parents, {}))
        # Its session belongs to the other library.
        monkeypatch.setattr("llmcli.models.hub_errors._prepare", lambda: None)
    assert http_library() is http
    return http


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ConnectError", "cannot reach"),
        ("ConnectTimeout", "cannot reach"),
        ("InvalidURL", "cannot reach"),
        ("ReadError", "was interrupted"),
        ("RemoteProtocolError", "was interrupted"),
    ],
)
def test_an_error_of_the_http_library_becomes_one_line(library, name, message):
    with pytest.raises(ModelNotFound, match=message) as caught, hub_errors_explained(MODEL):
        raise getattr(library, name)("it failed")
    assert "\n" not in str(caught.value)


def test_the_session_waits_ten_seconds_for_a_connection():
    from huggingface_hub import get_session

    with hub_errors_explained(MODEL):
        assert get_session().timeout == http_library().Timeout(None, connect=10.0)


def test_no_other_http_library_is_imported():
    other = {"httpx": "httpx2", "httpx2": "httpx"}[http_library().__name__]
    code = (
        "import sys\n"
        "from llmcli.models.hub_errors import hub_errors_explained\n"
        "from llmcli.spec import ModelSpec\n"
        "with hub_errors_explained(ModelSpec('owner/name')): pass\n"
        f"print({other!r} in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "False\n"


def test_the_command_line_starts_without_huggingface_hub():
    code = "import sys, llmcli.models.hub_errors; print('huggingface_hub' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "False\n"


TOLD: list[tuple[dict[str, object], str, str]] = [
    ({}, "owner/none", "no model 'owner/none' at {url}; if it is private, set HF_TOKEN"),
    ({}, "gpt3", "starters are: bert-en, gpt2-stories, marian-en-fr-zh"),
    ({}, "owner/gguf/none.gguf", "no such file"),
    ({}, "two words", "not a valid hub id"),
    ({}, "owner/na--me", "not a valid hub id"),
    ({}, "own--er/gguf/tiny.gguf", "not a valid hub id"),
    ({}, "owner/gguf/../tiny.gguf", "'..'"),
    ({}, "owner/name@v9", "owner/name has no revision 'v9'"),
    ({}, "owner/gguf/tiny.gguf@v9", "owner/gguf/tiny.gguf has no revision 'v9'"),
    ({}, "owner/name@" + "a" * 40, "has no revision 'aaaaa"),
    ({"gated": {"owner/name"}}, "owner/name", "accept its terms at {url}/owner/name,"),
    ({"gated": {"owner/gguf"}}, "owner/gguf/tiny.gguf", "accept its terms at {url}/owner/gguf,"),
    ({"status": 403}, "owner/name", "{url} answered 403"),
    ({"status": 429}, "owner/gguf/tiny.gguf", "{url} answered 429"),
    ({"status": 500}, "owner/name", "{url} answered 500"),
    ({"status": 500}, "owner/gguf/tiny.gguf", "{url} answered 500"),
    ({"status": 200}, "owner/name", "{url}"),
    ({"status": 200}, "owner/gguf/tiny.gguf", "{url}"),
    ({"xet": True}, "owner/name", "was interrupted"),
    ({"break_off": "tiny.gguf"}, "owner/gguf/tiny.gguf", "was interrupted"),
]


@pytest.mark.parametrize("token", ["", "hf_secret"], ids=["no token", "token"])
@pytest.mark.parametrize(("fields", "name", "told"), TOLD, ids=lambda value: str(value)[:40])
def test_what_the_hub_refuses_is_one_line(
    hub: FakeHub, fields: dict[str, object], name: str, told: str, token: str, monkeypatch: Patch
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    for field, value in fields.items():
        monkeypatch.setattr(hub, field, value)
    model_id, _, revision = name.partition("@")
    with refused(ModelNotFound, model_id, told.format(url=hub.url)):
        resolve(ModelSpec(model_id, revision or None))


@pytest.mark.parametrize("token", ["hf_wrong", "hf_wröng"], ids=["wrong", "not ASCII"])
def test_a_token_that_is_refused_is_blamed(hub: FakeHub, token: str, monkeypatch: Patch) -> None:
    hub.token = "hf_right"
    monkeypatch.setenv("HF_TOKEN", token)
    with refused(ModelNotFound, "owner/name", "HF_TOKEN"):
        resolve(MODEL)


@for_each_kind
@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:{closed}", "mirror", "http://mirror:port"])
def test_no_network_or_a_wrong_endpoint_is_one_line(
    hub: FakeHub, endpoint: str, model: ModelSpec, monkeypatch: Patch
) -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        endpoint = endpoint.format(closed=one.getsockname()[1])
    use_endpoint(endpoint, monkeypatch)
    with refused(ModelNotFound, endpoint, model.model_id, "HF_ENDPOINT"):
        resolve(model)


@for_each_kind
def test_a_full_disk_is_named(
    hub: FakeHub, cache: Path, model: ModelSpec, monkeypatch: Patch
) -> None:
    really_open = Path.open

    def open_full(path: Path, *mode: str, **options: str) -> object:
        path = Path("/dev/full") if path.name.endswith(".incomplete") else path
        return really_open(path, *mode, **options)

    monkeypatch.setattr(Path, "open", open_full)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    with refused(DiskFull, "no space left", str(cache), "HF_HOME"):
        resolve(model)


@for_each_kind
@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOTDIR], ids=os.strerror)
def test_a_cache_that_cannot_be_written_is_named(
    hub: FakeHub, model: ModelSpec, number: int, tmp_path: Path, monkeypatch: Patch
) -> None:
    def no_folder(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    (tmp_path / "file").write_text("")
    use_cache(tmp_path / "file" / "hub", monkeypatch)
    if number != errno.ENOTDIR:  # root may write everywhere, but not below a file
        monkeypatch.setattr(os, "mkdir", no_folder)
    with refused(ModelNotFound, "cannot write", str(tmp_path / "file" / "hub"), "HF_HOME"):
        resolve(model)


def test_stderr_holds_one_line_of_a_failure_and_no_progress(
    hub: FakeHub, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("huggingface_hub")  # it writes to stderr by itself
    hub.break_off = "model.safetensors"
    logger.addHandler(caplog.handler)
    try:
        assert "owner/name" in failed(run("models", "pull", "owner/name"), 4)
    finally:
        logger.removeHandler(caplog.handler)
    assert caplog.messages == []
    hub.break_off = None
    enable_progress_bars()
    assert run("models", "path", "owner/name").stderr == ""


def test_a_cache_that_is_a_file_is_named(hub: FakeHub, tmp_path: Path, monkeypatch: Patch) -> None:
    (tmp_path / "file").write_text("")
    use_cache(tmp_path / "file", monkeypatch)
    with refused(ModelNotFound, str(tmp_path / "file"), "HF_HOME"):
        cached_repos()
