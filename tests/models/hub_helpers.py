"""What the tests of the hub share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import Result
from huggingface_hub import constants
from huggingface_hub.utils import _cache_manager

from llmcli.errors import LlmcliError
from llmcli.spec import ModelSpec

Patch, Run = pytest.MonkeyPatch, Callable[..., Result]
MODEL, GGUF = ModelSpec("owner/name"), ModelSpec("owner/gguf/tiny.gguf")
for_each_kind = pytest.mark.parametrize("model", [MODEL, GGUF], ids=["model", "gguf"])


def use_endpoint(url: str, monkeypatch: Patch) -> None:
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setenv("HF_ENDPOINT", url)
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


def use_cache(folder: Path, monkeypatch: Patch) -> None:
    for module in (constants, _cache_manager):
        monkeypatch.setattr(module, "HF_HUB_CACHE", str(folder))


@contextmanager
def refused(kind: type[LlmcliError], *parts: str) -> Iterator[None]:
    """The block fails with `kind`, in one line that holds all `parts`."""
    with pytest.raises(LlmcliError) as caught:
        yield
    message = str(caught.value)
    assert type(caught.value) is kind
    assert len(message.splitlines()) == 1
    assert [part for part in parts if part not in message] == [], message


def failed(result: Result, code: int) -> str:
    """The one line of an expected failure of a command."""
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and lines[0].startswith("Error: "), result.stderr
    return lines[0]
