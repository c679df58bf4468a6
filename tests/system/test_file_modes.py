"""Files have the mode that the umask leaves."""

import os

import pytest

from llmcli.system.file_modes import apply_umask


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_private_files_get_the_mode_of_new_files(tmp_path, umask, mode):
    (tmp_path / "inner").mkdir()
    path = tmp_path / "inner" / "weights"
    path.touch(0o600)
    before = os.umask(umask)
    try:
        apply_umask(tmp_path)
        assert path.stat().st_mode & 0o777 == mode
        assert os.umask(umask) == umask
    finally:
        os.umask(before)


def test_saved_weights_can_be_read_by_others(tmp_path, tiny_gpt2):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from llmcli.engines.pytorch.saving import save

    before = os.umask(0o022)
    try:
        network = AutoModelForCausalLM.from_pretrained(tiny_gpt2)
        save(network, AutoTokenizer.from_pretrained(tiny_gpt2), tmp_path / "new", "auto")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()}
    assert set(modes.values()) == {0o644} and "model.safetensors" in modes
