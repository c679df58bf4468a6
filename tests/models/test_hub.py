"""The hub and its cache, and every way in which they fail, against a hub on 127.0.0.1."""

import errno
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import Result
from huggingface_hub import constants
from huggingface_hub.utils import _cache_manager, close_session, enable_progress_bars

from llmcli.errors import LlmcliError, ModelNotFound, ModelUnsuitable
from llmcli.models.checkpoint import check
from llmcli.models.hub import cached_repos, pull, pull_any, resolve
from llmcli.spec import ModelSpec
from tests.fakehub import FakeHub, Files, commit_of

Patch, Run = pytest.MonkeyPatch, Callable[..., Result]
MODEL, GGUF = ModelSpec("owner/name"), ModelSpec("owner/gguf/tiny.gguf")
for_each_kind = pytest.mark.parametrize("model", [MODEL, GGUF], ids=["model", "gguf"])


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


TOLD: list[tuple[dict[str, object], str, str]] = [
    ({}, "owner/none", "no model 'owner/none' at {url}; if it is private, set HF_TOKEN"),
    ({}, "gpt3", "starters are: bert-en, gpt2-stories, marian-en-fr-zh"),
    ({}, "owner/gguf/none.gguf", "no such file"),
    ({}, "two words", "cannot be a hub id"),
    ({}, "owner/na--me", "no valid hub id"),
    ({}, "own--er/gguf/tiny.gguf", "no valid hub id"),
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
    ({"xet": True}, "owner/name", "broke off"),
    ({"break_off": "tiny.gguf"}, "owner/gguf/tiny.gguf", "broke off"),
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
@pytest.mark.parametrize("variable", [False, True], ids=["flag", "HF_HUB_OFFLINE"])
def test_offline_takes_what_is_cached_and_nothing_else(
    hub: FakeHub, variable: bool, model: ModelSpec, monkeypatch: Patch
) -> None:
    offline = ModelSpec(model.model_id, offline=not variable)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", variable)
    with refused(ModelNotFound, "offline", f"llmcli models pull {model.model_id}"):
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
    with refused(ModelNotFound, "owner/name", "broke off"):
        resolve(MODEL)
    with refused(ModelNotFound, "not whole", "llmcli models pull owner/name"):
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
    with refused(ModelNotFound, "not whole", "llmcli models pull owner/name"):
        resolve(ModelSpec("owner/name", offline=True))
    hub.requests.clear()
    assert (resolve(MODEL).folder / lost.name).read_bytes() == b"two"
    assert hub.sent() == [lost.name]


def test_a_repo_without_safetensors_says_what_to_do(hub: FakeHub) -> None:
    hub.repos["owner/pickle"] = {"config.json": b"{}", "pytorch_model.bin": b"pickle"}
    with refused(ModelUnsuitable, "pytorch_model.bin", "llmcli models convert owner/pickle"):
        resolve(ModelSpec("owner/pickle"))
    with refused(ModelNotFound, "use -m owner/gguf/tiny.gguf"):
        resolve(ModelSpec("owner/gguf"))
    hub.repos["owner/none"] = {"config.json": b"{}"}
    with refused(ModelUnsuitable, "owner/none holds no safetensors"):
        resolve(ModelSpec("owner/none"))
    assert not {"pytorch_model.bin", "tiny.gguf"} & set(hub.sent())


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
    with refused(ModelNotFound, "no space left", str(cache), "HF_HOME"):
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


def test_a_damaged_file_of_the_cache_is_to_be_removed_first(hub: FakeHub) -> None:
    found = resolve(MODEL)
    os.truncate(found.folder / "model.safetensors", 99)
    with refused(ModelUnsuitable, "damaged", "llmcli models rm owner/name"):
        check(found)


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


def test_a_cache_that_is_a_file_is_named(hub: FakeHub, tmp_path: Path, monkeypatch: Patch) -> None:
    (tmp_path / "file").write_text("")
    use_cache(tmp_path / "file", monkeypatch)
    with refused(ModelNotFound, str(tmp_path / "file"), "HF_HOME"):
        cached_repos()


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
main()
"""
SAY = "generate hi -n 2"


@pytest.mark.parametrize(
    "command",
    [
        f"{SAY} --offline -m owner/name",
        f"{SAY} -m ./here",
        f"models path --offline {GGUF.model_id}",
    ],
)
def test_offline_and_local_models_open_no_socket(
    hub: FakeHub, cache: Path, tiny_gpt2: Path, command: str, monkeypatch: Patch
) -> None:
    for spec in (MODEL, GGUF):
        resolve(spec)
    (cache.parent / "here").symlink_to(tiny_gpt2)
    monkeypatch.chdir(cache.parent)
    assert in_a_new_process(cache, "-c", WATCHED, *command.split(), HF_ENDPOINT=hub.url)
