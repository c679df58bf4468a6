"""The cache of converted models: what is converted when, and what goes wrong."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from llmcli.engines.ct2 import conversion
from llmcli.engines.ct2.conversion import converted, is_converted
from llmcli.engines.ct2.converted_models import CACHE, conversions, engine_version
from llmcli.errors import DiskFull, InputError, ModelUnsuitable
from llmcli.models.checkpoint import STARTERS, Checkpoint
from llmcli.system.folder_cache import DAY, MAKING

ctranslate2 = pytest.importorskip("ctranslate2")


def at(folder, origin="local", **settings):
    return Checkpoint(str(folder), folder, origin, **settings)


def folders(cache):
    return sorted(path.name for path in (cache / "ct2").iterdir() if path.name != "known")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LLMCLI_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_process(monkeypatch):
    """Nothing is converted from here on."""

    def refuse():
        def fail(*_):
            pytest.fail("converted again")

        monkeypatch.setattr(conversion, "_convert_in_process", fail)

    return refuse


def test_a_model_is_converted_once(cache, tiny_gpt2, no_process):
    assert not is_converted(at(tiny_gpt2), "causal", "float32")
    folder = converted(at(tiny_gpt2), "causal", "float32")
    assert is_converted(at(tiny_gpt2), "causal", "float32")
    assert not is_converted(at(tiny_gpt2), "causal", "int8")
    assert ctranslate2.contains_model(str(folder))
    no_process()
    assert converted(at(tiny_gpt2), "causal", "float32") == folder


def test_the_same_model_elsewhere_is_not_convert_again(cache, tiny_gpt2, tmp_path, no_process):
    folder = converted(at(tiny_gpt2), "causal", "float32")
    copy = tmp_path / "copy"
    shutil.copytree(tiny_gpt2, copy)
    no_process()
    assert converted(at(copy), "causal", "float32") == folder
    assert is_converted(at(copy), "causal", "float32")


def test_a_model_that_was_trained_on_is_converted_anew(cache, tiny_gpt2, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_gpt2, copy)
    old = converted(at(copy), "causal", "float32")
    path = copy / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1  # the last bit of the last weight's exponent or so
    path.write_bytes(data)
    assert not is_converted(at(copy), "causal", "float32")
    assert converted(at(copy), "causal", "float32") != old


def test_all_tasks_of_an_encoder_share_one_conversion(cache, tiny_classifier, no_process):
    folder = converted(at(tiny_classifier), "classifier", "float32")
    no_process()
    assert converted(at(tiny_classifier), "encoder", "float32") == folder
    assert is_converted(at(tiny_classifier), "reader", "float32")


def test_a_commit_of_the_hub_is_its_own_name(cache, tiny_gpt2, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_gpt2, copy)
    model = at(copy, "hub", revision="1234abcd" * 5)
    folder = converted(model, "causal", "float32")
    assert folder.name.startswith("1234abcd")
    os.utime(copy / "model.safetensors", (1, 1))
    assert is_converted(model, "causal", "float32")
    assert not (cache / "ct2" / "known").exists()


def test_another_version_of_the_engine_converts_anew(cache, tiny_gpt2, monkeypatch):
    converted(at(tiny_gpt2), "causal", "float32")
    assert engine_version() == ctranslate2.__version__
    monkeypatch.setattr("llmcli.engines.ct2.converted_models.engine_version", lambda: "99.0")
    assert not is_converted(at(tiny_gpt2), "causal", "float32")


def test_what_was_converted_is_told(cache, tiny_gpt2):
    folder = converted(at(tiny_gpt2), "causal", "int8")
    (one,) = conversions()
    assert (one.folder, one.model_id, one.checkpoint) == (folder, str(tiny_gpt2), str(tiny_gpt2))
    assert (one.kind, one.dtype, one.revision) == ("causal", "int8", None)
    assert one.version == ctranslate2.__version__
    assert (
        one.bytes
        == sum(path.stat().st_size for path in folder.iterdir())
        - (folder / "meta.json").stat().st_size
    )


def test_the_question_on_each_start_takes_no_time_and_loads_nothing(cache, tiny_gpt2):
    converted(at(tiny_gpt2), "causal", "float32")
    code = (
        "import sys, time, pathlib\n"
        "from llmcli.models.checkpoint import Checkpoint\n"
        "from llmcli.engines.ct2.conversion import is_converted\n"
        "model = Checkpoint('m', pathlib.Path(sys.argv[1]), 'local')\n"
        "start = time.process_time()\n"
        "found = is_converted(model, 'causal', 'float32')\n"
        "spent = time.process_time() - start\n"
        "heavy = {'torch', 'transformers', 'ctranslate2', 'numpy', 'safetensors'}\n"
        "print(found, spent < 0.005, sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tiny_gpt2], capture_output=True, text=True)
    assert done.stdout == "True True []\n", done.stderr


def test_the_starter_is_converted_without_torch(cache, monkeypatch, tmp_path):
    for name in ("torch", "transformers"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} was imported')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    folder = converted(at(STARTERS / "gpt2-stories", "starter"), "causal", "float32")
    generator = ctranslate2.Generator(str(folder))
    prompt = ["395", "397", "259", "371"]
    (found,) = generator.generate_batch([prompt], max_length=4, include_prompt_in_result=False)
    assert found.sequences[0] == [str(one) for one in found.sequences_ids[0]]
    assert len(found.sequences[0]) == 4


def test_two_that_convert_at_once_end_well(cache, tiny_gpt2, monkeypatch):
    convert_apart = conversion._convert_in_process

    def and_another_meanwhile(checkpoint, target, dtype):
        convert_apart(checkpoint, target, dtype)
        monkeypatch.setattr(conversion, "_convert_in_process", convert_apart)
        converted(at(tiny_gpt2), "causal", "float32")

    monkeypatch.setattr(conversion, "_convert_in_process", and_another_meanwhile)
    folder = converted(at(tiny_gpt2), "causal", "float32")
    assert folders(cache) == [folder.name]


def test_what_killed_conversions_left_goes_after_a_day(cache, tiny_gpt2):
    old, new = cache / "ct2" / f"{MAKING}old", cache / "ct2" / f"{MAKING}new"
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "model.bin").write_bytes(b"half")
    os.utime(old, (time.time() - DAY - 60,) * 2)
    converted(at(tiny_gpt2), "causal", "float32")
    assert not old.exists() and new.exists()


def test_a_conversion_that_fails_leaves_nothing(cache, tiny_gpt2, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_gpt2, copy)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "n_layer": 3}))
    with pytest.raises(ModelUnsuitable, match=r"copy has no weights .*h\.2\.ln_1") as error:
        converted(at(copy), "causal", "float32")
    assert "\n" not in str(error.value)
    assert folders(cache) == []


def test_a_damaged_model_is_refused_as_elsewhere(cache, tiny_gpt2, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_gpt2, copy)
    data = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelUnsuitable, match="is damaged"):
        converted(at(copy), "causal", "float32")


def test_a_cache_that_cannot_be_written_is_said_with_its_variable(tmp_path, tiny_gpt2, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LLMCLI_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"cannot store .*file/ct2.*set LLMCLI_CACHE"):
        converted(at(tiny_gpt2), "causal", "float32")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_said(cache, tiny_gpt2, monkeypatch):
    convert_apart = conversion._convert_in_process

    def on_a_full_disk(checkpoint, target, dtype):
        (target / "model.bin").symlink_to("/dev/full")
        convert_apart(checkpoint, target, dtype)

    monkeypatch.setattr(conversion, "_convert_in_process", on_a_full_disk)
    with pytest.raises(DiskFull, match="No space left on device; set LLMCLI_CACHE"):
        converted(at(tiny_gpt2), "causal", "float32")
    assert folders(cache) == []


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LLMCLI_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, "/a/ct2"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/llmcli/ct2"),
        ({"HOME": "/c"}, "/c/.cache/llmcli/ct2"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other variables")
def test_the_cache_is_where_the_variables_say(variables, expected, monkeypatch):
    for name in ("LLMCLI_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(CACHE.folder) == expected


@pytest.mark.parametrize(("kind", "gguf"), [("classifier", None), ("causal", "model.gguf")])
def test_what_cannot_be_converted_is_not(cache, tiny_gpt2, kind, gguf):
    model = at(tiny_gpt2, gguf_file=gguf)
    with pytest.raises(ModelUnsuitable, match="cannot be run by ct2"):
        converted(model, kind, "float32")
    assert not is_converted(model, kind, "float32")
    assert not cache.exists()


def test_adapters_alone_are_refused(cache, tmp_path):
    folder = tmp_path / "adapters"
    folder.mkdir()
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "gpt2"}')
    (folder / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(ModelUnsuitable, match="has no config.json"):
        converted(at(folder), "causal", "float32")
    assert not is_converted(at(folder), "causal", "float32")


@pytest.mark.parametrize("damage", ["cut", "of another model", "removed"])
def test_a_conversion_that_was_changed_is_made_again(tiny_gpt2, damage):
    checkpoint = Checkpoint("mine", tiny_gpt2, "local")
    folder = converted(checkpoint, "causal", "float32")
    weights = folder / "model.bin"
    sound = weights.read_bytes()
    if damage == "removed":
        weights.unlink()
    else:
        weights.write_bytes(sound[:-100] if damage == "cut" else bytes(len(sound)))
        written = weights.stat().st_mtime_ns + 1
        os.utime(weights, ns=(written, written))
    assert not is_converted(checkpoint, "causal", "float32")
    assert converted(checkpoint, "causal", "float32") == folder
    assert weights.read_bytes() == sound and is_converted(checkpoint, "causal", "float32")
