"""Folders with LoRA adapters alone: their base, their head, and what is wrong with them."""

import json
import shutil

import pytest

from llmcli.errors import ModelNotFound, ModelUnsuitable
from llmcli.models import hub
from llmcli.models.adapters import base_name
from llmcli.models.checkpoint import read_config
from llmcli.spec import ModelSpec
from tests.tiny_models import make_adapters

pytest.importorskip("peft")


@pytest.fixture(scope="module")
def for_gpt2(tiny_gpt2, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters") / "for-gpt2"
    return make_adapters(tiny_gpt2, folder, "CAUSAL_LM", "AutoModelForCausalLM")


@pytest.fixture
def changed(for_gpt2, tmp_path):
    """A copy of the adapters that are said to be for another model."""

    def copy(base):
        folder = shutil.copytree(for_gpt2, tmp_path / "copy", dirs_exist_ok=True)
        settings = json.loads((folder / "adapter_config.json").read_text())
        settings["base_model_name_or_path"] = base
        (folder / "adapter_config.json").write_text(json.dumps(settings))
        return folder

    return copy


@pytest.mark.parametrize(
    ("written", "name", "revision"),
    [
        ("owner/name", "owner/name", None),
        ("bert-en", "bert-en", None),
        ("/home/a/.cache/huggingface/hub/models--owner--name/snapshots/1f2e", "owner/name", "1f2e"),
        ("C:\\\\hub\\models--gpt2\\snapshots\\1f2e", "gpt2", "1f2e"),
        ("/usr/lib/python3/site-packages/llmcli/starter/gpt2-stories", "gpt2-stories", None),
    ],
)
def test_the_base_is_found_by_name_where_a_path_is_of_another_machine(
    written, name, revision, tmp_path
):
    assert base_name({"base_model_name_or_path": written}, tmp_path) == (name, revision)


def test_a_path_may_be_relative_to_the_adapters(changed, tiny_gpt2, tmp_path):
    shutil.copytree(tiny_gpt2, tmp_path / "base")
    checkpoint = hub.resolve(ModelSpec(str(changed("../base"))))
    assert checkpoint.base.folder.resolve() == tmp_path / "base"


def test_a_missing_base_is_named_with_the_adapters(changed):
    with pytest.raises(ModelNotFound, match="holds adapters for ./no/such: no model './no/such'"):
        hub.resolve(ModelSpec(str(changed("./no/such"))))


def test_adapters_for_themselves_are_refused(changed, tmp_path):
    with pytest.raises(ModelUnsuitable, match="for themselves"):
        hub.resolve(ModelSpec(str(changed(str(tmp_path / "copy")))))


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [
        ("adapter_model.bin", b"x", "a pickle"),
        ("adapter_model.safetensors", b"x" * 9, "is damaged"),
        ("adapter_model.safetensors", b"version https://git-lfs", "Git LFS pointer"),
    ],
)
def test_adapters_that_cannot_be_read_are_refused_in_one_line(
    run, changed, tiny_gpt2, name, data, error
):
    folder = changed(str(tiny_gpt2))
    (folder / "adapter_model.safetensors").unlink()
    (folder / name).write_bytes(data)
    result = run("generate", "a", "-m", folder)
    assert (result.exit_code in (4, 5), error in result.stderr) == (True, True), result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_identity_of_adapters_includes_their_base(changed, tiny_gpt2, tmp_path):
    other = shutil.copytree(tiny_gpt2, tmp_path / "other")
    (other / "vocab.txt").write_text("changed")
    hashes = {
        hub.fingerprint(hub.resolve(ModelSpec(str(changed(str(base))))))
        for base in (tiny_gpt2, other)
    }
    assert len(hashes) == 2


def test_a_head_of_other_labels_is_part_of_the_settings(tiny_masked, tmp_path):
    folder = make_adapters(
        tiny_masked, tmp_path / "a", "SEQ_CLS", "AutoModelForSequenceClassification", num_labels=3
    )
    settings = read_config(hub.resolve(ModelSpec(str(folder))))
    assert settings["architectures"] == ["BertForSequenceClassification"]
    assert list(settings["label2id"]) == ["LABEL_0", "LABEL_1", "LABEL_2"]


def test_adapters_are_described_by_models_show(run, for_gpt2, tiny_gpt2):
    record = json.loads(run("models", "show", for_gpt2, "--json").stdout)[0]
    assert record["base"] == str(tiny_gpt2)
    assert record["parameters"] == 2 * 4 * (16 + 48)  # 2 layers, rank 4, c_attn from 16 to 48
    assert "adapters for" in run("models", "show", for_gpt2).stdout
    assert run("models", "path", for_gpt2).stdout.strip() == str(for_gpt2)
    assert run("models", "verify", for_gpt2).exit_code == 0


def test_path_and_verify_need_no_base(run, changed):
    folder = changed("./no/such")
    assert run("models", "path", folder).exit_code == 0
