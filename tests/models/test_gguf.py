"""A GGUF file made on the spot: a tiny Llama with a byte-level BPE."""

import json

import pytest
import torch

gguf = pytest.importorskip("gguf")


@pytest.fixture(scope="module")
def tiny_gguf(bpe, tmp_path_factory):
    """The same random weights as a GGUF file and as a Hugging Face folder."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=len(bpe),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=64,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = LlamaForCausalLM(config)
    for parameter in model.parameters():
        parameter.data.mul_(3.0)
    folder = tmp_path_factory.mktemp("gguf")
    model.save_pretrained(folder / "hf")
    bpe.save_pretrained(folder / "hf")
    write_gguf(folder / "tiny.gguf", model, bpe)
    return folder


def write_gguf(path, model, bpe, left_out=""):
    config = model.config
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_string("general.license", "mit")
    state = json.loads(bpe.backend_tokenizer.to_str())["model"]
    vocabulary = sorted(state["vocab"], key=state["vocab"].get)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(vocabulary)
    writer.add_token_types([3] + [1] * (len(vocabulary) - 1))
    writer.add_token_merges([" ".join(pair) for pair in state["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    for name, tensor in model.state_dict().items():
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            tensor = interleaved(tensor, config.num_attention_heads)
        if name != left_out:
            writer.add_tensor(NAMES[name], tensor.detach().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
    "model.layers.0.input_layernorm.weight": "blk.0.attn_norm.weight",
    "model.layers.0.post_attention_layernorm.weight": "blk.0.ffn_norm.weight",
    "model.layers.0.self_attn.q_proj.weight": "blk.0.attn_q.weight",
    "model.layers.0.self_attn.k_proj.weight": "blk.0.attn_k.weight",
    "model.layers.0.self_attn.v_proj.weight": "blk.0.attn_v.weight",
    "model.layers.0.self_attn.o_proj.weight": "blk.0.attn_output.weight",
    "model.layers.0.mlp.gate_proj.weight": "blk.0.ffn_gate.weight",
    "model.layers.0.mlp.up_proj.weight": "blk.0.ffn_up.weight",
    "model.layers.0.mlp.down_proj.weight": "blk.0.ffn_down.weight",
}


def interleaved(weight, heads):
    """From the two halves of transformers' rotary pairs to GGUF's neighbours."""
    size = weight.shape[0] // heads
    return weight.view(heads, 2, size // 2, -1).transpose(1, 2).reshape(weight.shape).contiguous()


def test_a_gguf_file_writes_what_the_folder_writes(run, tiny_gguf):
    words = ["generate", "Once upon a 看", "-n", 12, "-m"]
    expected = run(*words, tiny_gguf / "hf")
    result = run(*words, tiny_gguf / "tiny.gguf")
    assert result.exit_code == 0, result.output
    assert result.stdout == expected.stdout
    path = tiny_gguf / "tiny.gguf"
    assert result.stderr == f"[unpacking {path}: once, 1 MB in the cache]\n"  # no progress bar
    again = run(*words, path)
    assert (again.stdout, again.stderr) == (expected.stdout, "")


def test_a_folder_with_one_gguf_file_means_that_file(run, tiny_gguf):
    shown = run("models", "path", tiny_gguf).stdout
    assert shown == f"{tiny_gguf / 'tiny.gguf'}\n"


def test_verify_looks_at_the_file_alone(run, tiny_gguf):
    shown = run("models", "verify", tiny_gguf / "tiny.gguf", "--json")
    assert [one["file"] for one in json.loads(shown.stdout)] == ["tiny.gguf"]


def test_show_reads_the_header(run, tiny_gguf):
    (record,) = json.loads(run("models", "show", tiny_gguf / "tiny.gguf", "--json").stdout)
    assert record["architecture"] == "llama"
    assert (record["context"], record["vocabulary"], record["licence"]) == (64, 300, "mit")
    assert record["parameters"] > 10_000


@pytest.mark.parametrize(
    ("change", "left_out", "message"),
    [
        (1.0, "model.layers.0.self_attn.v_proj.weight", "lacks model.layers.0.self_attn.v_proj"),
        (1.0, "model.norm.weight", "lacks model.norm.weight"),
        (float("nan"), "", "are not finite: model.layers.0.self_attn.q_proj.weight"),
    ],
)
def test_weights_that_are_missing_or_not_finite_are_refused(
    run, tiny_gguf, bpe, tmp_path, change, left_out, message
):
    from transformers import LlamaForCausalLM

    model = LlamaForCausalLM.from_pretrained(tiny_gguf / "hf")
    model.model.layers[0].self_attn.q_proj.weight.data[0, 0] *= change
    write_gguf(tmp_path / "changed.gguf", model, bpe, left_out)
    for _ in range(2):  # that it is not finite is not forgotten
        result = run("generate", "the cat", "-m", tmp_path / "changed.gguf")
        assert result.exit_code == 5 and message in result.stderr, result.output


def test_a_truncated_file_is_one_line(run, tiny_gguf, tmp_path):
    data = (tiny_gguf / "tiny.gguf").read_bytes()
    for name, size in (("a.gguf", 40), ("b.gguf", len(data) // 2)):
        (tmp_path / name).write_bytes(data[:size])
        for words in (["generate", "a", "-m"], ["models", "show"]):
            result = run(*words, tmp_path / name)
            assert result.exit_code == 5, result.output
            assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["forward", "the cat"], 0),
        (["tokenize", "the cat"], 0),
        (["embed", "the cat"], 0),
        (["classify", "the cat", "--labels", "good,bad"], 0),
        (["answer", "who", "--context", "the cat"], 0),
        (["generate", "the cat", "-n", "2", "--engine", "ct2"], 0),
        (["generate", "the cat", "-n", "2", "--dtype", "int8", "--engine", "ct2"], 0),
        (["score", "the cat"], 0),
        (["explain", "the cat"], 0),
        (["classify", "the cat"], 5),
        (["tag", "the cat"], 5),
        (["fill", "the [MASK]"], 5),
        (["translate", "the cat"], 5),
        (["models", "convert", "{}", "{}-converted"], 0),
        (["models", "pull", "{}"], 2),
    ],
)
def test_every_command_takes_it_or_says_in_one_line_why_not(run, tiny_gguf, words, code):
    path = tiny_gguf / "tiny.gguf"
    if words[0] == "models":
        result = run(*(word.format(path) for word in words))
    else:
        result = run(*words, "-m", path, "--json")
    assert result.exit_code == code, result.output
    errors = [line for line in result.stderr.splitlines() if not line.startswith("[")]
    assert len(errors) == (code != 0)


@pytest.mark.filterwarnings("ignore:Could not find a config file")  # of peft
@pytest.mark.parametrize("lora", [False, True])
def test_it_can_be_trained_further(run, tiny_gguf, tmp_path, lora):
    """Its weights are floats again; the new model computes as the file does, at a rate near 0."""
    if lora:
        pytest.importorskip("peft")
    path, text = tiny_gguf / "tiny.gguf", tmp_path / "a.txt"
    text.write_text("the cat sat on the mat and looked at the moon. " * 9)
    words = ("--train", text, "-o", tmp_path / "new", "--max-steps", 1, "--lr", 1e-12)
    result = run("finetune", "-m", path, *words, "--block-size", 16, *["--lora"] * lora)
    assert result.exit_code == 0, result.output
    texts = [
        run("generate", "Once upon a", "-n", 8, "-m", model).stdout
        for model in (path, tmp_path / "new")
    ]
    assert texts[0] == texts[1]


def test_it_can_get_a_new_head(run, tiny_gguf, tmp_path):
    rows = tmp_path / "a.csv"
    rows.write_text("text,label\nthe cat,sad\na dog,glad\nthe cat sat,sad\na dog ran,glad\n")
    words = ("--task", "classification", "--train", rows, "-o", tmp_path / "new", "--max-steps", 1)
    assert run("finetune", "-m", tiny_gguf / "tiny.gguf", *words).exit_code == 0
    assert run("classify", "the cat", "-m", tmp_path / "new").exit_code == 0
