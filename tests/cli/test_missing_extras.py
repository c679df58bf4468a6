"""Without an optional package everything else works, and its pip line is shown."""

import json
import shlex
import sys

import pytest

from llmcli.cli.main import COMMANDS
from llmcli.system.extras import PIP_NAMES

INPUT, UNSUITABLE = 3, 5


@pytest.fixture
def without(monkeypatch):
    """without(PACKAGE): as if it were not installed, until the test ends."""
    # transformers' trainer imports some of them, and pyarrow cannot be imported a second time
    import transformers.trainer  # noqa: F401

    def hide(package):
        for name in list(sys.modules):
            if name.partition(".")[0] == package:
                monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, package, None)

    return hide


@pytest.fixture
def stories(tmp_path):
    path = tmp_path / "stories.txt"
    path.write_text("the cat sat on the mat\nthe dog ran to the moon\n" * 20)
    return path


def last_line(result):
    return result.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("package", "words", "code", "user"),
    [
        ("pyarrow", "classify -i {folder}/a.parquet", INPUT, "a Parquet file"),
        ("pyarrow", "classify hi -o {folder}/b.parquet", INPUT, "a Parquet file"),
        ("gguf", "models show {folder}/a.gguf", UNSUITABLE, "{folder}/a.gguf"),
        (
            "peft",
            "finetune -m {gpt2} --lora --train {folder}/stories.txt -o {folder}/out --max-steps 1",
            INPUT,
            "a model with LoRA adapters",
        ),
        ("ctranslate2", "generate -m {gpt2} hi --engine ct2", INPUT, "the ct2 engine"),
        (
            "sacrebleu",
            "evaluate --task translation -m {gpt2} -i {folder}/stories.txt",
            INPUT,
            "scoring translations",
        ),
        (
            "sacrebleu",
            "compare --task translation a.jsonl b.jsonl",
            INPUT,
            "scoring translations",
        ),
    ],
)
def test_what_needs_an_extra_says_so_in_one_line(
    run, without, tmp_path, tiny_gpt2, stories, package, words, code, user
):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    (tmp_path / "a.gguf").write_bytes(b"GGUF\3\0\0\0" + bytes(64))
    without(package)
    places = {"folder": tmp_path, "gpt2": tiny_gpt2}
    result = run(*words.format(**places).split())
    pip = f"pip install '{PIP_NAMES[package]}'"
    expected = f"Error: {user.format(**places)} needs the {package} package: {pip}"
    assert (result.exit_code, last_line(result)) == (code, expected), result.stderr
    assert result.stdout == ""


def test_finetune_trains_without_matplotlib_and_says_that_there_is_no_curve(
    run, without, tmp_path, tiny_gpt2, stories
):
    without("matplotlib")
    out = tmp_path / "out"
    words = ["--train", stories, "--max-steps", "2", "--block-size", "16", "-o", out]
    result = run("finetune", "-m", tiny_gpt2, *words)
    assert result.exit_code == 0, result.stderr
    note = "no loss curve: loss.png needs the matplotlib package: pip install 'llmcli[plot]'"
    assert result.stderr.splitlines().count(note) == 1
    assert (out / "model.safetensors").exists() and not (out / "loss.png").exists()
    assert "loss.png" not in (out / "README.md").read_text()


def test_perplexity_without_nltk_leaves_the_baseline_out(run, without, tiny_gpt2, stories):
    words = ["evaluate", "--task", "causal-lm", "-m", tiny_gpt2, "-i", stories, "--json"]
    plain = json.loads(run(*words).stdout)
    without("nltk")
    result = run(*words, "--baseline", "ngram")
    assert (result.exit_code, json.loads(result.stdout)) == (0, plain)
    assert last_line(result) == (
        "[left out: the n-gram baseline needs the nltk package: pip install 'llmcli[ngrams]']"
    )


COMMAND_LINES = [
    ("gpt2", "generate 'Once upon' -n 3"),
    ("gpt2", "forward 'Once upon'"),
    ("gpt2", "score 'Once upon'"),
    ("gpt2", "explain 'Once upon' --section tokens,attention"),
    ("gpt2", "learn 'Once upon' --lang en"),
    ("gpt2", "generate 'Once upon' -n 3 --trace"),
    ("gpt2", "tokenize 'Once upon'"),
    ("classifier", "classify 'the cat'"),
    ("marian", "translate 'the cat'"),
    ("reader", "answer 'who ran ?' --context 'the dog ran .'"),
    ("masked", "fill 'the [MASK]'"),
    ("encoder", "embed 'the cat'"),
]


@pytest.mark.parametrize(
    ("kind", "words"), COMMAND_LINES, ids=[words for _, words in COMMAND_LINES]
)
def test_every_command_runs_on_torch_without_ctranslate2(
    run, without, request, monkeypatch, kind, words
):
    model = request.getfixturevalue(f"tiny_{kind}")
    arguments = [*shlex.split(words), "-m", model]
    expected = run(*arguments)
    assert expected.exit_code == 0, expected.stderr
    without("ctranslate2")
    monkeypatch.delenv("LLMCLI_ENGINE")
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (0, expected.stdout)
    assert "ctranslate2" not in result.stderr


def test_int8_without_ctranslate2_runs_on_torch_or_says_how_to_install_it(
    run, without, monkeypatch, tiny_gpt2
):
    from llmcli.engines import choose
    from llmcli.engines.pytorch import packing

    without("ctranslate2")
    monkeypatch.delenv("LLMCLI_ENGINE")
    monkeypatch.setattr(packing, "quantize", lambda model: None)  # on any processor
    words = ("generate", "hi", "-m", tiny_gpt2, "--dtype", "int8", "-n", "2")
    monkeypatch.setattr(choose, "has_int8_products", lambda: True)
    assert run(*words).exit_code == 0
    monkeypatch.setattr(choose, "has_int8_products", lambda: False)
    result = run(*words)
    assert result.exit_code == INPUT
    assert last_line(result).endswith("needs the ctranslate2 package: pip install 'ctranslate2'")


def test_the_verbose_note_says_why_torch_runs(run, without, monkeypatch, tiny_gpt2):
    without("ctranslate2")
    monkeypatch.delenv("LLMCLI_ENGINE")
    result = run("generate", "hi", "-m", tiny_gpt2, "-n", "2", "-v")
    assert "the ct2 engine needs the ctranslate2 package" in result.stderr


def test_no_command_is_forgotten_here():
    tested = {words.split()[0] for _, words in COMMAND_LINES}
    assert set(COMMANDS) - tested == {
        "models", "evaluate", "compare", "finetune", "bench", "tag", "chat",
    }  # fmt: skip
