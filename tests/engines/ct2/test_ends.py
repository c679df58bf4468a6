"""Ends of texts that are unusual: none at all, and a forced last token that is no end."""

import json
import shutil

import pytest


@pytest.mark.parametrize("ends", [-1, [-1], 5])
def test_both_engines_give_the_same_text(run, tiny_marian, tmp_path, ends):
    folder = tmp_path / "model"
    shutil.copytree(tiny_marian, folder)
    path = folder / "generation_config.json"
    settings = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**settings, "eos_token_id": ends, "forced_eos_token_id": 0}))
    texts = {}
    for engine in ("torch", "ct2"):
        result = run(
            *("translate", "the cat sat", "-m", folder, "-f", "en", "-t", "fr", "-n", 6),
            *("--num-beams", 1, "--engine", engine, "--dtype", "float32", "-q", "--json"),
        )
        assert result.exit_code == 0, result.stderr
        (record,) = json.loads(result.stdout)
        texts[engine] = record["translation"], record["complete"]
    assert texts["torch"] == texts["ct2"]
