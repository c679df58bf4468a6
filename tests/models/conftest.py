"""A hub on 127.0.0.1, for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import close_session, enable_progress_bars

from tests.fakehub import FakeHub, Files
from tests.models.hub_helpers import Patch, use_cache, use_endpoint


@pytest.fixture
def files(tiny_gpt2: Path) -> Files:
    """A real GPT-2 as it lies on the hub, among what is not wanted."""
    wanted = {path.name: path.read_bytes() for path in tiny_gpt2.iterdir()}
    unwanted = {"pytorch_model.bin": b"pickle", "onnx/config.json": b"{}", "run.py": b"1"}
    return {**wanted, "README.md": b"---\nlicense: mit\n---\n", **unwanted}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "home" / "hub"


@pytest.fixture
def hub(files: Files, cache: Path, monkeypatch: Patch) -> Iterator[FakeHub]:
    """A hub with a model and a GGUF file; huggingface_hub knows no other, and never waits."""
    with FakeHub({"owner/name": files, "owner/gguf": {"tiny.gguf": b"GGUF one"}}) as hub:
        for name in ("HF_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HF_HOME", str(cache.parent))  # hf_xet reads it late
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache.parent / "token"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        use_endpoint(hub.url, monkeypatch)
        use_cache(cache, monkeypatch)
        enable_progress_bars()
        yield hub
        close_session()
