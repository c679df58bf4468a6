"""Headers that lie about a file: refused in one line, by the safetensors library."""

import json
import shutil
import struct

import pytest

from llmcli.errors import ModelUnsuitable
from llmcli.models.safetensors import Tensors

PAIR = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def with_header(header, data=b"", size=None):
    """A file with a header, and the size that it states."""
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(encoded) if size is None else size) + encoded + data


ATTACKS = {
    "a huge header": with_header({}, size=1 << 62),
    "no header": b"\x01\x00",
    "an empty file": b"",
    "no JSON": with_header(b"{nope"),
    "a list": with_header([1]),
    "deep nesting": with_header(b"[" * 100_000),
    "not UTF-8": with_header(b'{"\xff":{}}'),
    "overlapping offsets": with_header(
        {"a": PAIR, "b": {**PAIR, "data_offsets": [4, 12]}}, bytes(12)
    ),
    "offsets beyond the end": with_header({"a": {**PAIR, "data_offsets": [0, 800]}}, bytes(8)),
    "a truncated file": with_header({"a": PAIR}, bytes(7)),
    "a gap": with_header({"a": PAIR}, bytes(16)),
    "a negative shape": with_header({"a": {**PAIR, "shape": [-2]}}, bytes(8)),
    "a shape that overflows": with_header({"a": {**PAIR, "shape": [1 << 62, 4]}}, bytes(8)),
    "an unknown type": with_header({"a": {**PAIR, "dtype": "X"}}, bytes(8)),
    "a key without offsets": with_header({"a": {"dtype": "F32", "shape": [2]}}, bytes(8)),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_header_that_lies_is_refused(name, run, tiny_gpt2, tmp_path):
    folder = shutil.copytree(tiny_gpt2, tmp_path / "model")
    path = folder / "model.safetensors"
    path.write_bytes(ATTACKS[name])
    with pytest.raises(ModelUnsuitable, match="is damaged"):
        Tensors([path])
    result = run("generate", "hi", "-m", folder)
    assert result.exit_code == 5 and result.stderr.count("\n") == 1, result.output


def test_values_are_those_of_the_library(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    torch.manual_seed(0)
    weights = {
        str(dtype): torch.randn(3, 5).to(dtype)
        for dtype in (torch.bfloat16, torch.float16, torch.float32, torch.float64)
    }
    save_file(weights, tmp_path / "w")
    tensors = Tensors([tmp_path / "w"])
    assert tensors.shapes() == dict.fromkeys(weights, (3, 5))
    for name, weight in weights.items():
        assert (tensors[name] == weight.float().numpy()).all()
