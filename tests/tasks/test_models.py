import json
import shutil

import pytest

from llmcli.models.checkpoint import starters
from llmcli.system.hashes import hash_file, write_sums


def test_the_starters_are_listed(run):
    records = json.loads(run("models", "list", "--json").stdout)
    found = {one["name"]: one for one in records if one["origin"] == "starter"}
    assert set(found) == set(starters())
    assert found["gpt2-stories"]["task"] == "text-generation"
    assert found["gpt2-stories"]["bytes"] > 1e6


def test_show_describes_a_local_model(run, tiny_gpt2):
    from transformers import AutoModelForCausalLM

    (record,) = json.loads(run("models", "show", tiny_gpt2, "--json").stdout)
    model = AutoModelForCausalLM.from_pretrained(tiny_gpt2)
    assert record["architecture"] == "GPT2LMHeadModel"
    assert record["parameters"] == model.num_parameters()
    assert (record["context"], record["vocabulary"], record["dtype"]) == (64, 300, "F32")
    assert {file["name"] for file in record["files"]} >= {"config.json", "model.safetensors"}


def test_show_names_the_licence_of_the_starter(run):
    shown = run("models", "show", "gpt2-stories").stdout
    assert "licence       apache-2.0" in shown


def test_path_is_where_the_files_are(run, tiny_gpt2):
    assert run("models", "path", tiny_gpt2).stdout == f"{tiny_gpt2}\n"


@pytest.mark.parametrize("name", starters())
def test_every_starter_is_whole(run, name):
    records = json.loads(run("models", "verify", name, "--json").stdout)
    states = {one["file"]: one["state"] for one in records}
    assert set(states.values()) == {"ok"}


def test_a_changed_file_is_found(run, tiny_gpt2, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_gpt2, folder)
    write_sums(folder)
    assert run("models", "verify", folder).exit_code == 0
    config = folder / "config.json"
    config.write_text(config.read_text() + " ")
    result = run("models", "verify", folder)
    assert result.exit_code == 5
    assert "is damaged: config.json" in result.stderr
    assert "damaged  config.json" in result.stdout


def test_a_lost_file_is_found_and_the_files_of_sha256sum_are_read(run, tmp_path):
    import subprocess

    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "gpt2"}')
    shutil.copy(shutil.which("true"), folder / "model.safetensors")
    (folder / "notes.txt").write_text("hi")
    sums = subprocess.run(
        ["bash", "-c", "sha256sum *"], cwd=folder, capture_output=True, text=True
    ).stdout
    from llmcli.system.hashes import read_sums

    (folder / "SHA256SUMS").write_text(sums)
    assert set(read_sums(folder)) == {"config.json", "model.safetensors", "notes.txt"}


def test_a_missing_file_is_reported(run, tiny_gpt2, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_gpt2, folder)
    (folder / "extra.txt").write_text("x")
    write_sums(folder)
    (folder / "extra.txt").unlink()
    result = run("models", "verify", folder)
    assert result.exit_code == 5 and "missing  extra.txt" in result.stdout


def test_hashes_are_those_of_sha256sum_and_git(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"hello\n")
    assert hash_file(path, "0" * 40) == "ce013625030ba8dba906f756967f9e9ca394464a"
    assert hash_file(path, "0" * 64).startswith("5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08")


def test_a_pickled_model_is_converted_and_then_runs(run, tiny_gpt2, tmp_path):
    import torch
    from safetensors.torch import load_file

    pickled = tmp_path / "pickled"
    shutil.copytree(tiny_gpt2, pickled)
    weights = load_file(str(pickled / "model.safetensors"))
    torch.save(weights, pickled / "pytorch_model.bin")
    (pickled / "model.safetensors").unlink()
    assert run("generate", "a", "-m", pickled).exit_code == 5
    result = run("models", "convert", pickled, tmp_path / "new")
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / 'new'}\n")
    words = ["generate", "a", "-q", "-n", 5, "-m"]
    assert run(*words, tmp_path / "new").stdout == run(*words, tiny_gpt2).stdout


def test_a_pickle_that_would_run_code_is_not_run(run, tiny_gpt2, tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    folder = tmp_path / "evil"
    shutil.copytree(tiny_gpt2, folder)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"a": Evil()}))
    result = run("models", "convert", folder, tmp_path / "new")
    assert result.exit_code == 5
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "new").exists()


def test_a_folder_in_use_is_not_converted_into(run, tiny_gpt2, tmp_path):
    (tmp_path / "mine").write_text("x")
    assert run("models", "convert", tiny_gpt2, tmp_path).exit_code == 2


def test_conversions_are_listed_and_removed_with_their_model(run, tiny_gpt2):
    from llmcli.engines.ct2.conversion import converted
    from llmcli.models.checkpoint import Checkpoint

    def listed():
        records = json.loads(run("models", "list", "--json").stdout)
        return [(one["name"], one["dtype"]) for one in records if one["origin"] == "ct2"]

    converted(Checkpoint("mine", tiny_gpt2, "local"), "causal", "float32")
    folder = converted(Checkpoint("mine", tiny_gpt2, "local"), "causal", "int8")
    assert sorted(listed()) == [("mine", "float32"), ("mine", "int8")]
    assert "ct2 int8" in run("models", "list").stdout
    result = run("models", "rm", "-y", "mine", "--json")
    (removed,) = json.loads(result.stdout)
    assert removed["bytes"] > 1000
    assert listed() == [] and not folder.exists()
    assert list((folder.parent / "known").iterdir()) == []
    assert run("models", "rm", "-y", "mine").exit_code == 4


def test_removing_a_folders_conversions_leaves_the_folder(run, tiny_gpt2):
    from llmcli.engines.ct2.conversion import converted
    from llmcli.models.checkpoint import Checkpoint

    folder = converted(Checkpoint("mine", tiny_gpt2, "local"), "causal", "float32")
    assert run("models", "rm", "-y", tiny_gpt2).exit_code == 0
    assert not folder.exists() and (tiny_gpt2 / "model.safetensors").exists()


def test_removing_a_starter_removes_its_conversions_alone(run, tiny_gpt2):
    from llmcli.engines.ct2.conversion import converted
    from llmcli.models.checkpoint import STARTERS, Checkpoint

    starter = STARTERS / "gpt2-stories"
    folder = converted(Checkpoint("gpt2-stories", starter, "starter"), "causal", "int8")
    assert run("models", "rm", "-y", "gpt2-stories").exit_code == 0
    assert not folder.exists() and (starter / "model.safetensors").exists()
    assert run("models", "rm", "-y", "gpt2-stories").exit_code == 2
