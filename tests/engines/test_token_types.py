"""Types of tokens that the model has no vector for: native code would read other memory."""

import json
import shutil

import pytest


@pytest.mark.parametrize("engine", ["torch", "ct2"])
def test_a_type_without_a_vector_is_refused(run, tiny_encoder, tmp_path, engine):
    folder = tmp_path / "model"
    shutil.copytree(tiny_encoder, folder)
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text("utf-8"))
    tokenizer["post_processor"]["single"][1]["Sequence"]["type_id"] = 7
    path.write_text(json.dumps(tokenizer), "utf-8")
    result = run("embed", "the cat", "-m", folder, "--engine", engine, "-q")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (5, "", 1)
    assert "gives tokens the type 7, and the model knows the types 0 to 1" in result.stderr
