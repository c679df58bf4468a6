"""`llmcli models` with models of the hub."""

import json
from pathlib import Path

import pytest

from llmcli.models.hub import resolve
from llmcli.spec import ModelSpec
from tests.fakehub import FakeHub
from tests.models.hub_helpers import GGUF, MODEL, Run, failed


def test_pull_path_and_list_agree(hub: FakeHub, cache: Path, run: Run) -> None:
    folder = run("models", "pull", "owner/name").stdout.strip()
    assert Path(folder).is_relative_to(cache)
    assert run("models", "path", "--offline", "owner/name").stdout.strip() == folder
    assert run("models", "pull", GGUF.model_id).stdout.strip().endswith("/tiny.gguf")
    entries = {one["name"]: one for one in json.loads(run("models", "list", "--json").stdout)}
    assert entries["gpt2-stories"]["origin"] == "starter"
    assert entries["owner/name"]["task"] == "text-generation"
    assert entries["owner/name"]["bytes"] == sum(p.stat().st_size for p in Path(folder).iterdir())
    assert "owner/name" in run("models", "list").stdout
    assert "nothing to pull" in failed(run("models", "pull", "gpt2-stories"), 2)


@pytest.mark.parametrize("broken", [False, True], ids=["whole", "broken off"])
def test_rm_frees_what_a_pull_took(hub: FakeHub, cache: Path, run: Run, broken: bool) -> None:
    hub.break_off = "model.safetensors" if broken else None
    run("models", "pull", "owner/name")
    assert run("models", "rm", "owner/name", input="n\n").exit_code == 1
    assert list(cache.glob("models--*/snapshots/*/config.json"))
    result = run("models", "rm", "-y", "owner/name")
    assert (result.exit_code, "removed owner/name" in result.output) == (0, True)
    assert not list(cache.glob("models--*"))
    assert "not in the cache" in failed(run("models", "rm", "-y", "owner/name"), 4)
    assert "comes with the package" in failed(run("models", "rm", "-y", "gpt2-stories"), 2)


@pytest.mark.parametrize(  # README.md: git's SHA-1; the others: SHA-256
    ("model", "file"), [(MODEL, "model.safetensors"), (MODEL, "README.md"), (GGUF, "tiny.gguf")]
)
def test_verify_finds_a_flipped_bit_offline(
    hub: FakeHub, run: Run, model: ModelSpec, file: str
) -> None:
    blob = (resolve(model).folder / file).resolve()
    hub.requests.clear()
    whole = run("models", "verify", model.model_id)
    assert (whole.exit_code, {line[:8] for line in whole.stdout.splitlines()}) == (0, {"ok      "})
    content = blob.read_bytes()
    blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    result = run("models", "verify", model.model_id)
    repo = "/".join(model.model_id.split("/")[:2])
    assert f"damaged  {file}" in result.stdout
    assert f"damaged: {file}; remove it with llmcli models rm {repo}," in failed(result, 5)
    assert hub.requests == []
