"""Finding and downloading checkpoints, against a hub on 127.0.0.1."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

from llmcli.errors import ModelNotFound, ModelUnsuitable
from llmcli.models.checkpoint import check
from llmcli.models.hub import pull, pull_any, resolve
from llmcli.spec import ModelSpec
from tests.fakehub import FakeHub, Files, commit_of
from tests.models.hub_helpers import GGUF, MODEL, Patch, for_each_kind, refused


def test_a_hub_id_is_downloaded_without_what_is_not_needed(hub: FakeHub, files: Files) -> None:
    found = resolve(MODEL)
    check(found)
    assert (found.origin, found.revision) == ("hub", commit_of(files))
    wanted = sorted(set(files) - {"pytorch_model.bin", "onnx/config.json", "run.py"})
    assert hub.sent() == wanted == sorted(path.name for path in found.folder.iterdir())
    assert all((found.folder / name).read_bytes() == files[name] for name in wanted)


@pytest.mark.parametrize("model", [MODEL, GGUF, ModelSpec("owner/name", revision="v1")], ids=str)
def test_what_is_cached_is_used_without_a_request(hub: FakeHub, model: ModelSpec) -> None:
    hub.tags["v1"] = hub.repos["owner/name"]
    first = resolve(model)
    hub.requests.clear()
    assert resolve(model) == first
    assert hub.requests == []


def test_a_revision_is_a_tag_or_a_commit(hub: FakeHub, files: Files) -> None:
    hub.tags["v1"] = old = {**files, "README.md": b"old"}
    for revision in ("v1", commit_of(old)):
        found = resolve(ModelSpec("owner/name", revision=revision))
        assert found.revision == commit_of(old)
        assert (found.folder / "README.md").read_bytes() == b"old"
    assert resolve(MODEL).revision == commit_of(files)


def test_pull_fetches_only_what_is_new(hub: FakeHub, files: Files) -> None:
    resolve(MODEL)
    hub.repos["owner/name"] = new = {**files, "README.md": b"new"}
    assert resolve(MODEL).revision == commit_of(files)
    hub.requests.clear()
    assert pull(MODEL).revision == commit_of(new)
    assert hub.sent() == ["README.md"]
    assert resolve(MODEL).revision == commit_of(new)
    for content in (b"GGUF one", b"GGUF two"):
        hub.repos["owner/gguf"] = {"tiny.gguf": content}
        assert pull_any(GGUF).folder.joinpath("tiny.gguf").read_bytes() == content


@for_each_kind
@pytest.mark.parametrize("variable", [False, True], ids=["flag", "HF_HUB_OFFLINE"])
def test_offline_takes_what_is_cached_and_nothing_else(
    hub: FakeHub, variable: bool, model: ModelSpec, monkeypatch: Patch
) -> None:
    offline = ModelSpec(model.model_id, offline=not variable)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", variable)
    reason = "HF_HUB_OFFLINE is set" if variable else "`offline` is set"
    with refused(ModelNotFound, reason, f"llmcli models pull {model.model_id}"):
        resolve(offline)
    if variable:
        with refused(ModelNotFound, "HF_HUB_OFFLINE", f"unset it to pull {model.model_id}"):
            pull_any(offline)
    assert hub.requests == []
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    there = resolve(model)
    (there.folder / "README.md").unlink(missing_ok=True)  # other tools leave it out
    hub.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", variable)
    assert resolve(offline) == there
    assert hub.requests == []


def test_a_download_that_broke_off_is_completed_by_the_next(
    hub: FakeHub, cache: Path, files: Files
) -> None:
    hub.break_off = "model.safetensors"
    with refused(ModelNotFound, "owner/name", "was interrupted"):
        resolve(MODEL)
    with refused(ModelNotFound, "not complete", "llmcli models pull owner/name"):
        resolve(ModelSpec("owner/name", offline=True))
    there = {path.name for path in cache.glob("*/snapshots/*/*")}
    hub.break_off = None
    hub.requests.clear()
    found = pull(MODEL)
    assert (found.folder / "model.safetensors").read_bytes() == files["model.safetensors"]
    assert "model.safetensors" in hub.sent()
    assert not there & set(hub.sent())


def test_a_lost_shard_is_fetched_alone(hub: FakeHub) -> None:
    index = json.dumps({"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}).encode()
    shards = {"1.safetensors": b"one", "2.safetensors": b"two"}
    hub.repos["owner/name"] = dict.fromkeys(["config.json", "tokenizer.json"], b"{}") | shards
    hub.repos["owner/name"]["model.safetensors.index.json"] = index
    lost = resolve(MODEL).folder / "2.safetensors"
    lost.resolve().unlink()
    lost.unlink()
    with refused(ModelNotFound, "not complete", "llmcli models pull owner/name"):
        resolve(ModelSpec("owner/name", offline=True))
    hub.requests.clear()
    assert (resolve(MODEL).folder / lost.name).read_bytes() == b"two"
    assert hub.sent() == [lost.name]


def test_a_repo_without_safetensors_says_what_to_do(hub: FakeHub) -> None:
    hub.repos["owner/pickle"] = {"config.json": b"{}", "pytorch_model.bin": b"pickle"}
    with refused(ModelUnsuitable, "pytorch_model.bin", "llmcli models convert owner/pickle"):
        resolve(ModelSpec("owner/pickle"))
    with refused(ModelNotFound, "use owner/gguf/tiny.gguf"):
        resolve(ModelSpec("owner/gguf"))
    hub.repos["owner/none"] = {"config.json": b"{}"}
    with refused(ModelUnsuitable, "owner/none holds no safetensors"):
        resolve(ModelSpec("owner/none"))
    assert not {"pytorch_model.bin", "tiny.gguf"} & set(hub.sent())


def test_a_damaged_file_of_the_cache_is_to_be_removed_first(hub: FakeHub) -> None:
    found = resolve(MODEL)
    os.truncate(found.folder / "model.safetensors", 99)
    with refused(ModelUnsuitable, "damaged", "llmcli models rm owner/name"):
        check(found)


def in_a_new_process(cache: Path, *command: str, **variables: str) -> str:
    """What Python prints to a user who has set nothing of Hugging Face but `variables`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    env = {**kept, "HF_HOME": str(cache.parent), "OMP_NUM_THREADS": "1", **variables}
    done = subprocess.run([sys.executable, *command], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_variables_of_hugging_face_are_honoured(hub: FakeHub, cache: Path) -> None:
    pulling = ("-m", "llmcli", "models", "pull", "owner/name")
    folder = in_a_new_process(cache, *pulling, HF_ENDPOINT=hub.url, HF_TOKEN="hf_secret")
    assert Path(folder).is_relative_to(cache)
    asked = [request for request in hub.requests if "owner/name" in request.path]
    assert {request.authorization for request in asked} == {"Bearer hf_secret"}


WATCHED = """
import os, sys
def forbid(event, args):
    if event.startswith("socket."):
        os.write(2, f"{event} {args}".encode())
        os._exit(99)
sys.addaudithook(forbid)
from llmcli.cli.main import main
for command in sys.argv[1:]:
    print(command)
    assert not main(command.split(), standalone_mode=False)  # else an exit code
"""


def test_offline_and_local_models_open_no_socket(
    hub: FakeHub, cache: Path, tiny_gpt2: Path, monkeypatch: Patch
) -> None:
    for spec in (MODEL, GGUF):
        resolve(spec)
    (cache.parent / "here").symlink_to(tiny_gpt2)
    monkeypatch.chdir(cache.parent)
    commands = [  # in one process, which imports torch once
        "generate hi -n 2 --offline -m owner/name",
        "generate hi -n 2 -m ./here",
        f"models path --offline {GGUF.model_id}",
    ]
    shown = in_a_new_process(cache, "-c", WATCHED, *commands, HF_ENDPOINT=hub.url).splitlines()
    assert [line for line in shown if line in commands] == commands
    assert len(shown) > 2 * len(commands) - 1
