"""Headers are written by hand here, byte for byte as the description of the format says."""

import struct

import pytest

from llmcli.errors import ModelUnsuitable
from llmcli.models.checkpoint import Checkpoint
from llmcli.models.gguf_header import Tensor, read_header, require_whole


def text(value):
    return struct.pack("<Q", len(value.encode())) + value.encode()


SETTINGS = {
    "general.architecture": struct.pack("<I", 8) + text("llama"),
    "llama.context_length": struct.pack("<II", 4, 64),
    "llama.rope.freq_base": struct.pack("<If", 6, 0.5),
    "tokenizer.ggml.tokens": struct.pack("<IIQ", 9, 8, 2) + text("a") + text("看"),
    "tokenizer.ggml.scores": struct.pack("<IIQ3f", 9, 6, 3, 1, 2, 3),
    "nested": struct.pack("<IIQIQB", 9, 9, 1, 0, 1, 7),
}
TENSORS = text("a.weight") + struct.pack("<IQQIQ", 2, 32, 2, 3, 0)  # Q4_1: 20 bytes for 32 weights
TENSORS += text("b.weight") + struct.pack("<IQIQ", 1, 4, 1, 64)  # F16


def header(version=3, tensors=2, count=6):
    start = b"GGUF" + struct.pack("<IQQ", version, tensors, count)
    return start + b"".join(text(key) + value for key, value in SETTINGS.items()) + TENSORS


def read(tmp_path, data):
    (tmp_path / "a.gguf").write_bytes(data)
    return read_header(Checkpoint("a", tmp_path, "local", gguf_file="a.gguf"))


def test_settings_are_read_and_arrays_are_counted(tmp_path):
    known = read(tmp_path, header())
    assert known.settings == {
        "general.architecture": "llama",
        "llama.context_length": 64,
        "llama.rope.freq_base": 0.5,
        "tokenizer.ggml.tokens": 2,
        "tokenizer.ggml.scores": 3,
        "nested": 1,
    }
    start = -(-len(header()) // 32) * 32
    assert known.tensors == (
        Tensor("a.weight", (32, 2), 3, start),
        Tensor("b.weight", (4,), 1, start + 64),
    )
    assert (known.architecture, known.dtype) == ("llama", "float16, float32")
    assert known.unpacked_bytes == 64 * 4 + 4 * 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"GGML" + bytes(40), "does not begin with GGUF"),
        (header()[:20], "is damaged: "),
        (header()[:-1], "is damaged: "),
        (header(version=9), "states version 9"),
        (header(tensors=1 << 60), "is cut off"),
        (header(count=1 << 60), "is cut off"),
        (header().replace(text("llama"), struct.pack("<Q", 1 << 63) + b"llama"), "is cut off"),
        (
            header().replace(struct.pack("<II", 4, 64), struct.pack("<II", 99, 64)),
            "unknown type 99",
        ),
        (header().replace(text("a"), struct.pack("<Q", 1) + b"\xff", 1)[:80], "is cut off"),
    ],
)
def test_a_damaged_or_hostile_header_is_one_line(tmp_path, data, message):
    with pytest.raises(ModelUnsuitable, match=message) as raised:
        read(tmp_path, data)
    assert len(str(raised.value).splitlines()) == 1


def test_tensors_that_are_cut_off_or_unknown_are_refused(tmp_path):
    sizes = {3: (32, 20), 1: (1, 2)}
    size = -(-len(header()) // 32) * 32 + 64 + 8
    checkpoint = Checkpoint("a", tmp_path, "local", gguf_file="a.gguf")
    whole = header().ljust(size, b"\0")
    require_whole(checkpoint, read(tmp_path, whole), sizes)
    with pytest.raises(ModelUnsuitable, match="cut off in b.weight"):
        require_whole(checkpoint, read(tmp_path, whole[:-1]), sizes)
    with pytest.raises(ModelUnsuitable, match="a.weight in the unknown type 3"):
        require_whole(checkpoint, read(tmp_path, whole), {1: (1, 2)})
