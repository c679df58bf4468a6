"""Unpacked folders against what transformers reads from the same file."""

import pytest
import torch

from llmcli.engines.pytorch.from_pretrained import read_tokenizer
from llmcli.engines.pytorch.gguf_unpacking import own_names, unpack
from llmcli.models.checkpoint import Checkpoint
from llmcli.models.unpacked import in_folder
from llmcli.spec import ModelSpec
from llmcli.tokenization.load import load_tokenizer

gguf = pytest.importorskip("gguf")

from tests.gguf_files import TEXTS, write_model  # noqa: E402  needs gguf

KINDS = gguf.GGMLQuantizationType
NO_WEIGHTS = ("I8", "I16", "I32", "I64", "F64", "Q8_1", "Q8_K")
"""Of integers, and of what llama.cpp computes in between; transformers reads no weights of them."""


def known_kinds():
    """The types that the gguf package unpacks."""
    known = []
    for kind in KINDS:
        weights, size = gguf.GGML_QUANT_SIZES[kind]
        try:
            gguf.dequantize(torch.zeros(1, size, dtype=torch.uint8).numpy(), kind)
        except NotImplementedError:
            continue
        if kind.name not in NO_WEIGHTS:
            known.append(kind)
    return known


def unpacked(path, folder):
    folder.mkdir()
    unpack(Checkpoint(str(path), path.parent, "local", gguf_file=path.name), folder)
    return folder


def both(path, folder):
    """The network of transformers, from the file and from the folder."""
    from transformers import AutoModelForCausalLM

    return [
        AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32, **names)
        for place, names in ((path.parent, {"gguf_file": path.name}), (folder, {}))
    ]


def require_equal(first, second):
    states = [network.state_dict() for network in (first, second)]
    assert list(states[0]) == list(states[1])
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name


@pytest.mark.filterwarnings("ignore")
def test_weights_of_every_type_are_those_of_transformers(bpe, tmp_path):
    kinds = known_kinds()
    assert {"F16", "BF16", "Q4_1", "Q8_0", "Q4_K", "Q6_K", "IQ4_XS"} <= {
        kind.name for kind in kinds
    }
    path = tmp_path / "a.gguf"
    write_model(path, "llama", bpe, kinds)
    first, second = both(path, unpacked(path, tmp_path / "new"))
    require_equal(first, second)
    of_the_file = ("quantization_config", "_name_or_path", "architectures")
    settings = [network.config.to_dict() for network in (first, second)]
    for name in settings[0].keys() - set(of_the_file):
        assert settings[0][name] == settings[1][name], name
    assert "quantization_config" not in settings[1]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("architecture", "pieces"),
    [("llama", True), ("llama", False), ("qwen2", False), ("qwen3", False)],
)
def test_tokens_and_weights_are_those_of_transformers(bpe, tmp_path, architecture, pieces):
    from transformers import AutoTokenizer

    path = tmp_path / "a.gguf"
    # The heads of Qwen 3 have 128 dimensions.
    heads = (2, 1) if architecture == "qwen3" else (4, 2)
    write_model(path, architecture, None if pieces else bpe, [KINDS.Q8_0], *heads)
    folder = unpacked(path, tmp_path / "new")
    first, second = both(path, folder)
    require_equal(first, second)
    expected = AutoTokenizer.from_pretrained(tmp_path, gguf_file="a.gguf")
    checkpoint = in_folder(Checkpoint("a", tmp_path, "local", gguf_file="a.gguf"), folder)
    again, light = read_tokenizer(checkpoint, ModelSpec("a")), load_tokenizer(checkpoint)
    for text in TEXTS:
        ids = expected(text)["input_ids"]
        assert again(text)["input_ids"] == ids, text
        assert list(light(text)["input_ids"]) == ids, text
        assert again.decode(ids) == expected.decode(ids)
    for name in ("bos_token_id", "eos_token_id", "unk_token_id", "pad_token_id"):
        assert getattr(again, name) == getattr(expected, name) == getattr(light, name, None), name


def test_a_file_with_other_tensors_is_left_to_transformers(bpe, tmp_path):
    from transformers import LlamaConfig, LlamaForCausalLM

    write_model(tmp_path / "a.gguf", "llama", bpe, [KINDS.F32])
    checkpoint = Checkpoint("a", tmp_path, "local", gguf_file="a.gguf")
    tensors = {each.name: each for each in gguf.GGUFReader(tmp_path / "a.gguf").tensors}
    sizes = {
        "vocab_size": len(bpe),
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "hidden_size": 256,
        "intermediate_size": 256,
        "tie_word_embeddings": True,
    }
    with torch.device("meta"):
        empty = LlamaForCausalLM(LlamaConfig(**sizes))
        other = LlamaForCausalLM(LlamaConfig(**{**sizes, "num_key_value_heads": 4}))
    names = own_names(checkpoint, tensors, empty)
    assert names is not None
    assert names["blk.0.attn_q.weight"] == "model.layers.0.self_attn.q_proj.weight"
    assert own_names(checkpoint, tensors, other) is None  # of another shape
    norm = tensors["output_norm.weight"]
    assert own_names(checkpoint, {**tensors, "rope_freqs.weight": norm}, empty) == names
    assert own_names(checkpoint, {**tensors, "blk.0.attn_sinks.weight": norm}, empty) is None
    del tensors["blk.0.ffn_up.weight"]
    assert own_names(checkpoint, tensors, empty) is None
