"""Wrong use and broken models: one line, the documented exit code, no traceback."""

import json
import shutil

import pytest

USAGE, INPUT, NOT_FOUND, UNSUITABLE = 2, 3, 4, 5


def assert_one_line(result, code, telling):
    assert result.exit_code == code, result.output
    assert telling in result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit)
    lines = [
        line for line in result.stderr.splitlines() if not line.startswith(("Usage", "Try", "["))
    ]
    assert len([line for line in lines if line]) == 1, result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("words", "code", "telling"),
    [
        ("generate hi --no-such-flag", USAGE, "No such option"),
        ("generte hi", USAGE, "No such command"),
        ("generate hi -n 0", USAGE, "-n"),
        ("generate hi -n many", USAGE, "not a valid integer"),
        ("generate hi --temperature -1", USAGE, "--temperature"),
        ("generate hi --top-p 1.5", USAGE, "--top-p"),
        ("generate hi --top-p 0", USAGE, "--top-p"),
        ("generate hi --min-p 2", USAGE, "--min-p"),
        ("generate hi --top-k -2", USAGE, "--top-k"),
        ("generate hi --num-beams 2 --temperature 1", USAGE, "leave out --temperature, --top-k"),
        ("generate hi --num-beams 2 --logprobs 1", USAGE, "--logprobs"),
        ("generate hi --num-beams 2 --stop x", USAGE, "--stop"),
        ("generate hi --num-beams 2 --num-return-sequences 3", USAGE, "more than --num-beams 2"),
        ("generate hi --num-return-sequences 2", USAGE, "greedy decoding has one result"),
        ("generate hi --json --format csv", USAGE, "contradict"),
        ("generate hi --format xml", USAGE, "'xml' is not one of"),
        ("generate hi --dtype int3", USAGE, "--dtype"),
        ("generate hi --device gpu", USAGE, "use auto, cpu, cuda"),
        ("generate hi --device cuda:99", USAGE, "no such device"),
        ("generate hi -o out.pdf", USAGE, "name it .txt"),
        ("generate hi -i file.txt", USAGE, "not both"),
        ("generate -i nowhere.txt", INPUT, "cannot read nowhere.txt"),
        ("generate -i prompts.docx", INPUT, "save it as plain text (.txt)"),
        ("generate hi -o no/such/folder/out.txt", INPUT, "there is no folder"),
        ("generate hi -o {tmp} --format json", INPUT, "it is a folder"),
        ("generate hi --temperature nan", USAGE, "not a finite number"),
        ("generate hi --top-p nan", USAGE, "--top-p"),
        ("generate hi --repetition-penalty inf", USAGE, "not a finite number"),
        ("generate hi --stop=", USAGE, "--stop must not be an empty text"),
        ("generate hi there --show-code", USAGE, "--show-code is for one TEXT"),
        ("generate hi -i a.txt --show-code", USAGE, "--show-code is for one TEXT"),
        ("generate hi --show-code --num-beams 2 --temperature 1", USAGE, "leave out --temperature"),
        ("generate hi --show-code --num-return-sequences 2", USAGE, "greedy decoding has one"),
        ("generate hi --revision v1", USAGE, "--revision is for models on the hub"),
        ("generate hi -m ~nosuchuser/x", NOT_FOUND, "cannot look for '~nosuchuser/x'"),
        (f"generate hi -m {'x' * 300}", NOT_FOUND, "cannot look for 'xxx"),
        ("finetune --train x.txt -o out -m gpt2 --epochs inf", USAGE, "not a finite number"),
        ("finetune --train x.txt -o out --from-scratch c.json -m x", USAGE, "give either -m"),
        ("generate hi -m ./no-such-folder", NOT_FOUND, "no such file or folder"),
        ("generate hi -m no/such/model/at/all", NOT_FOUND, "not a valid hub id"),
        ("generate hi -m owner/name --offline", NOT_FOUND, "llmcli models pull owner/name"),
        ("generate hi --chat", UNSUITABLE, "base model, without a chat template"),
        ("generate hi --system x", UNSUITABLE, "base model, without a chat template"),
        ("generate hi -n 600 --strict", INPUT, "takes 512 in all"),
        ("generate hi --logprobs 2", USAGE, "--logprobs goes with --json"),
        ("forward hi --top 0", USAGE, "--top"),
        ("tokenize --decode hello", INPUT, "is no token id"),
        ("tokenize --decode 99999", INPUT, "ids go from 0 to 4095"),
        ("models rm gpt2-stories", USAGE, "comes with the package"),
        ("models rm nobody/nothing", NOT_FOUND, "not in the cache"),
        ("models pull gpt2-stories", USAGE, "nothing to pull"),
        ("models show ./nowhere", NOT_FOUND, "no such file or folder"),
        ("models convert gpt2-stories {tmp}/new", UNSUITABLE, "nothing to convert"),
        ("finetune --train x.txt -o out", INPUT, "cannot read x.txt"),
        ("finetune --train x.txt -o {tmp}/o --from-scratch c.json", INPUT, "cannot read"),
        ("generate hi --config nowhere.yaml", INPUT, "cannot read nowhere.yaml"),
    ],
)
def test_wrong_use(run, tmp_path, words, code, telling):
    assert_one_line(run(*words.format(tmp=tmp_path).split()), code, telling)


def test_no_text_at_all_is_a_usage_error(run, monkeypatch):
    monkeypatch.setattr("llmcli.cli.inputs.is_terminal", lambda: True)
    assert_one_line(run("generate"), USAGE, "give TEXT, --input FILE, or pipe text in")


def test_bytes_that_are_not_utf8_on_stdin(run):
    assert_one_line(
        run("forward", input=b"ab\xff"), INPUT, "stdin is not UTF-8 text, probably windows-1252"
    )


def truncate(path, keep=0.5):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])


def edit_json(path, **changes):
    values = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in {**values, **changes}.items() if v is not None}))


BREAKAGES = {
    "no config": (lambda m: (m / "config.json").unlink(), UNSUITABLE, "has no config.json"),
    "broken config": (lambda m: (m / "config.json").write_text("{"), UNSUITABLE, "is damaged"),
    "config is a list": (
        lambda m: (m / "config.json").write_text("[]"),
        UNSUITABLE,
        "config.json: it is a list, an object was expected",
    ),
    "no model type": (
        lambda m: edit_json(m / "config.json", model_type=None),
        UNSUITABLE,
        "names no model_type",
    ),
    "unknown model type": (
        lambda m: edit_json(m / "config.json", model_type="frobnicator"),
        UNSUITABLE,
        "frobnicator",
    ),
    "config says wrong sizes": (
        lambda m: edit_json(m / "config.json", n_embd=32),
        UNSUITABLE,
        "has the wrong shape for",
    ),
    "config says more layers": (
        lambda m: edit_json(m / "config.json", n_layer=3),
        UNSUITABLE,
        "lacks transformer.h.2",
    ),
    "config has a word for a number": (
        lambda m: edit_json(m / "config.json", n_layer="two"),
        UNSUITABLE,
        "config.json: `n_layer` is the text 'two', a whole number from 0 to 10,000 was expected",
    ),
    "no weights": (lambda m: (m / "model.safetensors").unlink(), NOT_FOUND, "has no weights"),
    "empty weights": (
        lambda m: (m / "model.safetensors").write_bytes(b""),
        UNSUITABLE,
        "is damaged",
    ),
    "truncated weights": (lambda m: truncate(m / "model.safetensors"), UNSUITABLE, "is damaged"),
    "truncated in the header": (
        lambda m: truncate(m / "model.safetensors", 0.005),
        UNSUITABLE,
        "is damaged",
    ),
    "weights are a web page": (
        lambda m: (m / "model.safetensors").write_text("<html>404 not found</html>" * 9),
        UNSUITABLE,
        "is damaged",
    ),
    "weights are a Git LFS pointer": (
        lambda m: (m / "model.safetensors").write_text("version https://git-lfs.github.com/spec"),
        NOT_FOUND,
        "git lfs pull",
    ),
    "a shard is missing": (
        lambda m: (
            (m / "model.safetensors").rename(m / "model-00001-of-00002.safetensors"),
            (m / "model.safetensors.index.json").write_text(
                json.dumps(
                    {
                        "weight_map": {
                            "a": "model-00001-of-00002.safetensors",
                            "b": "model-00002-of-00002.safetensors",
                        }
                    }
                )
            ),
        ),
        NOT_FOUND,
        "model-00002-of-00002.safetensors is missing",
    ),
    "the index is nonsense": (
        lambda m: (
            (m / "model.safetensors").unlink(),
            (m / "model.safetensors.index.json").write_text('{"weight_map": []}'),
        ),
        UNSUITABLE,
        "index.json: `weight_map` is a list, an object was expected",
    ),
    "architectures are nonsense": (
        lambda m: edit_json(m / "config.json", architectures=[1], model_type="nothing"),
        UNSUITABLE,
        "config.json: `architectures[0]` is 1, a text was expected",
    ),
    "a pickle of another name": (
        lambda m: (m / "model.safetensors").rename(m / "model.pt"),
        UNSUITABLE,
        "ask its author for safetensors",
    ),
    "pickled weights": (
        lambda m: (m / "model.safetensors").rename(m / "pytorch_model.bin"),
        UNSUITABLE,
        "convert it with: llmcli models convert",
    ),
    "no tokenizer": (
        lambda m: [(m / name).unlink() for name in ("tokenizer.json", "tokenizer_config.json")],
        UNSUITABLE,
        "tokenizer",
    ),
    "broken tokenizer": (
        lambda m: (m / "tokenizer.json").write_text("{}"),
        UNSUITABLE,
        "",
    ),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_broken_model_folder(run, tiny_gpt2, tmp_path, name):
    damage, code, telling = BREAKAGES[name]
    folder = tmp_path / "model"
    shutil.copytree(tiny_gpt2, folder)
    damage(folder)
    assert_one_line(run("generate", "hi", "-m", folder), code, telling)


def test_a_model_with_nan_in_its_weights_is_refused(run, tiny_gpt2, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(tiny_gpt2, folder)
    weights = load_file(folder / "model.safetensors")
    weights["transformer.ln_f.weight"][3] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    for words in (["generate"], ["generate", "--num-beams", 2], ["forward"]):
        result = run(*words, "hi", "-m", folder)
        assert result.exit_code == UNSUITABLE
        assert "not finite: transformer.ln_f.weight" in result.stderr


def test_running_out_of_memory_is_one_line(run, tiny_gpt2, monkeypatch):
    from llmcli.decoding.loop import DecodingLoop

    def fail(decoder):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 GB")

    monkeypatch.setattr(DecodingLoop, "step", fail)
    result = run("generate", "hi", "-m", tiny_gpt2)
    assert (result.exit_code, result.stderr) == (
        6,
        "Error: out of memory: try a smaller --batch-size or a smaller model\n",
    )


def test_a_fault_in_llmcli_is_one_line_with_a_code_of_its_own(run, monkeypatch):
    from llmcli.tasks import tokenize

    def fail(*values, **more):
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr(tokenize, "load_vocabulary", fail)
    result = run("tokenize", "hi")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        70,
        "Error: a fault in llmcli: ZeroDivisionError: division by zero; LLMCLI_DEBUG=1 shows where",
    )


def test_a_masked_model_cannot_generate(run, tiny_bert):
    assert_one_line(run("generate", "hi", "-m", tiny_bert), UNSUITABLE, "masked language model")


def test_a_model_without_its_prediction_head_is_refused(run, tiny_bert, tmp_path):
    from transformers import AutoModel

    folder = tmp_path / "headless"
    shutil.copytree(tiny_bert, folder)
    AutoModel.from_pretrained(tiny_bert).save_pretrained(folder)
    telling = "without a prediction head"
    assert_one_line(run("forward", "the cat", "-m", folder), UNSUITABLE, telling)
    edit_json(folder / "config.json", architectures=["BertForMaskedLM"])
    assert_one_line(run("forward", "the cat", "-m", folder), UNSUITABLE, "lacks cls.predictions")


def test_code_that_comes_with_a_model_is_not_run(run, tiny_gpt2, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_gpt2, folder)
    edit_json(
        folder / "config.json",
        model_type="mine",
        auto_map={"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"},
    )
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    result = run("generate", "hi", "-m", folder)
    assert_one_line(result, UNSUITABLE, "set --trust-remote-code to run that")
    assert not (tmp_path / "ran").exists()


def test_no_model_name_at_all_is_no_model(run):
    assert_one_line(run("generate", "hi", "-m", ""), NOT_FOUND, "no model ''")


def test_a_model_that_does_not_go_from_left_to_right_is_refused(run, tiny_gpt2, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_gpt2, folder)
    for words in (["generate"], ["generate", "--show-code"], ["forward"]):
        edit_json(folder / "config.json", model_type="xlnet", architectures=["XLNetLMHeadModel"])
        assert_one_line(run(*words, "hi", "-m", folder), UNSUITABLE, "not a language model")
    edit_json(folder / "config.json", model_type="marian", is_encoder_decoder=True)
    for words in (["generate"], ["generate", "--show-code"], ["forward", "--show-code"]):
        assert_one_line(run(*words, "hi", "-m", folder), UNSUITABLE, "sequence-to-sequence")


@pytest.mark.parametrize(
    ("template", "telling"),
    [
        ("{{ raise_exception('no system role here') }}", "no system role here"),
        ("{% for %}", "refuses this"),
    ],
)
def test_a_chat_template_that_refuses_is_one_line(run, tiny_chat, tmp_path, template, telling):
    folder = tmp_path / "model"
    shutil.copytree(tiny_chat, folder)
    (folder / "chat_template.jinja").write_text(template)
    assert_one_line(run("generate", "hi", "-m", folder, "-s", "x"), UNSUITABLE, telling)


@pytest.mark.parametrize("name", ["empty.gguf", "model.bin"])
def test_a_file_that_is_no_model(run, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"nothing")
    assert_one_line(run("generate", "hi", "-m", path), UNSUITABLE, "file")


def test_a_text_too_long_for_the_model(run, tiny_gpt2):
    long = "cat " * 100
    assert_one_line(run("generate", long, "-m", tiny_gpt2), INPUT, "takes 64 with what it writes")
    assert_one_line(run("forward", long, "-m", tiny_gpt2), INPUT, "takes 64: shorten it")


def test_an_empty_text_has_nothing_to_look_at(run):
    assert_one_line(run("forward", ""), INPUT, "the text is empty")
