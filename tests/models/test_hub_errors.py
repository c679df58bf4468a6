import subprocess
import sys

import pytest
from huggingface_hub import errors as hub

from llmcli.errors import ModelNotFound
from llmcli.models.hub_errors import http_library, hub_errors_explained
from llmcli.spec import ModelSpec

MODEL = ModelSpec("owner/name")


@pytest.fixture(params=["httpx", "httpx2"])
def library(request, monkeypatch):
    """Each HTTP library that a huggingface_hub may stand on, as if the installed one did."""
    http = pytest.importorskip(request.param)
    if http is not http_library():
        parents = (http.HTTPError, OSError)
        monkeypatch.setattr(hub, "HfHubHTTPError", type("HfHubHTTPError", parents, {}))
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
        ("ReadError", "broke off"),
        ("RemoteProtocolError", "broke off"),
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
