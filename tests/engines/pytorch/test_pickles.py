"""Pickles in a model's folder: refused in one line wherever they lie, and no code in them runs."""

import json
import os
import pickle
import shutil

import pytest
from safetensors.torch import load_file

from tests.tiny_data import write_rows

torch = pytest.importorskip("torch")
UNSUITABLE = 5
MODULES = ("Transformer", "Pooling", "Dense")
SETTINGS = {
    "Pooling": {"word_embedding_dimension": 8, "pooling_mode_mean_tokens": True},
    "Dense": {"in_features": 8, "out_features": 4, "activation_function": "torch.nn.Identity"},
}


@pytest.fixture(params=["plain", "zip"])
def payload(request, tmp_path):
    """Write a pickle that would make a file; asserts at the end that none was made."""
    made = tmp_path / "code-ran"

    class Payload:
        def __reduce__(self):
            return os.system, (f"touch {made}",)

    def write(path):
        if request.param == "zip":
            torch.save(Payload(), path)
        else:
            path.write_bytes(pickle.dumps(Payload()))

    yield write
    assert not made.exists()


def with_modules(encoder, folder):
    """A copy of an encoder as sentence-transformers saves it, whose Dense has no weights yet."""
    shutil.copytree(encoder, folder)
    entries = []
    for at, kind in enumerate(MODULES):
        path = f"{at}_{kind}" if at else ""
        entries.append({"idx": at, "path": path, "type": f"sentence_transformers.models.{kind}"})
        if at:
            (folder / path).mkdir()
            (folder / path / "config.json").write_text(json.dumps(SETTINGS[kind]))
    (folder / "modules.json").write_text(json.dumps(entries))
    return folder


def assert_refused(result, *parts):
    assert result.exit_code == UNSUITABLE, result.output
    assert result.stderr.count("\n") == 1
    assert all(part in result.stderr for part in parts), result.stderr


def test_a_model_whose_weights_are_a_pickle(run, tiny_classifier, payload, tmp_path):
    folder = shutil.copytree(tiny_classifier, tmp_path / "model")
    (folder / "model.safetensors").unlink()
    payload(folder / "pytorch_model.bin")
    rows = write_rows(
        tmp_path / "in.jsonl", [{"text": "a", "label": "sad"}, {"text": "b", "label": "mad"}]
    )
    training = ["--task", "classification", "--train", rows, "-o", tmp_path / "out"]
    for words in (["classify", "the"], ["embed", "the"], ["finetune", *training, "-q"]):
        assert_refused(run(*words, "-m", folder), "a pickle", "llmcli models convert")
    result = run("models", "convert", folder, tmp_path / "new")
    assert_refused(result, "its pickle is damaged, or would run code")
    assert not (tmp_path / "new").exists()


def test_a_module_whose_weights_are_a_pickle(run, tiny_encoder, payload, tmp_path):
    folder = with_modules(tiny_encoder, tmp_path / "model")
    payload(folder / "2_Dense" / "pytorch_model.bin")
    assert_refused(run("embed", "the", "-m", folder), "2_Dense", "llmcli models convert")
    result = run("models", "convert", folder, tmp_path / "new")
    assert_refused(result, "2_Dense", "would run code")
    assert not (tmp_path / "new").exists()


def test_adapters_that_are_a_pickle(run, tiny_classifier, payload, tmp_path):
    settings = {"peft_type": "LORA", "base_model_name_or_path": str(tiny_classifier)}
    (tmp_path / "adapter_config.json").write_text(json.dumps(settings))
    payload(tmp_path / "adapter_model.bin")
    assert_refused(run("classify", "the", "-m", tmp_path), "adapter_model.bin, a pickle")


def test_pickles_that_nothing_reads_are_left_alone(run, tiny_classifier, payload, tmp_path):
    folder = shutil.copytree(tiny_classifier, tmp_path / "model")
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt", "rng_state.pth"):
        payload(folder / name)
    assert (
        run("classify", "the", "-m", folder).stdout
        == run("classify", "the", "-m", tiny_classifier).stdout
    )


@pytest.mark.parametrize(
    ("state", "part"),
    [
        ({}, "lacks bert.embeddings"),
        ({"classifier.bias": torch.ones(3)}, "lacks bert.embeddings"),
        ([1, 2], "cannot be loaded"),
        ({"classifier.bias": 3}, "cannot be loaded"),
    ],
)
def test_what_a_pickle_lacks_is_not_made_up(run, tiny_classifier, tmp_path, state, part):
    folder = shutil.copytree(tiny_classifier, tmp_path / "model")
    (folder / "model.safetensors").unlink()
    torch.save(state, folder / "pytorch_model.bin")
    assert_refused(run("models", "convert", folder, tmp_path / "new"), part)
    assert not (tmp_path / "new").exists()


def test_a_pooler_that_a_pickle_lacks_is_not_written(run, tiny_encoder, tmp_path):
    folder = shutil.copytree(tiny_encoder, tmp_path / "model")
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    kept = {name: value for name, value in state.items() if "pooler" not in name}
    torch.save(kept, folder / "pytorch_model.bin")
    assert run("models", "convert", folder, tmp_path / "new").exit_code == 0
    assert load_file(tmp_path / "new" / "model.safetensors").keys() == kept.keys()
    assert len(kept) < len(state)


@pytest.mark.parametrize(
    ("weights", "part"),
    [
        ({}, "lacks linear.weight"),
        ({"linear.bias": torch.ones(4)}, "lacks linear.weight"),
        ({"linear.weight": torch.full((4, 8), float("nan"))}, "not finite: linear.weight"),
        ([torch.ones(4, 8)], "other things than weights"),
    ],
)
def test_a_pickled_module_must_be_whole(run, tiny_encoder, tmp_path, weights, part):
    folder = with_modules(tiny_encoder, tmp_path / "model")
    torch.save(weights, folder / "2_Dense" / "pytorch_model.bin")
    assert_refused(run("models", "convert", folder, tmp_path / "new"), part)
    assert not (tmp_path / "new").exists()
