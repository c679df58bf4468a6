"""The printed scripts are run, and print what llmcli prints."""

import contextlib
import io

import pytest


def printed_by(code):
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(compile(code, "<show-code>", "exec"), {})
    return shown.getvalue()


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["-n", "5"],
        ["--num-beams", "3", "-n", "12"],
        ["--num-beams", "3", "--num-return-sequences", "2", "-n", "12"],
        ["--repetition-penalty", "1.4", "--no-repeat-ngram-size", "2"],
        ["--stop", ".", "--stop", "a"],
        ["--stop", "nowhere"],
    ],
    ids=str,
)
def test_the_generate_script_prints_the_same_text(run, tiny_gpt2, flags):
    words = ["generate", "Once upon\n a 看 'time'", "-m", tiny_gpt2, *flags]
    code = run(*words, "--show-code").stdout
    assert printed_by(code) == run(*words, "-q").stdout
    assert len(code.splitlines()) < 30


@pytest.mark.parametrize("flags", [[], ["--num-beams", "2"]], ids=str)
def test_the_script_keeps_the_spaces_of_other_vocabularies(run, tiny_words, flags):
    words = ["generate", "the cat", "-m", tiny_words, "-n", "6", *flags]
    shown = run(*words, "-q").stdout
    assert shown.startswith("the cat ")
    assert printed_by(run(*words, "--show-code").stdout) == shown


def test_the_chat_script_prints_the_same_text(run, tiny_chat):
    words = ["generate", "hello cat", "-m", tiny_chat, "-s", "be a dog", "-n", "8"]
    assert printed_by(run(*words, "--show-code").stdout) == run(*words, "-q").stdout


def test_a_sampling_script_runs_with_the_same_settings(run, tiny_gpt2):
    words = ["generate", "hi", "-m", tiny_gpt2, "--temperature", "0.7", "--top-k", "3"]
    words += ["--seed", "0"]
    code = run(*words, "--min-p", "0.1", "--top-p", "0.9", "-n", "4", "--show-code").stdout
    assert "torch.manual_seed(0)" in code
    for setting in ("do_sample=True", "temperature=0.7", "top_k=3", "top_p=0.9", "min_p=0.1"):
        assert setting in code
    assert printed_by(code).startswith("hi")


@pytest.mark.parametrize("model", ["tiny_gpt2", "tiny_bert"])
def test_the_forward_script_prints_the_same_text(run, request, model):
    words = ["forward", "the cat 看", "-m", request.getfixturevalue(model)]
    shown = run(*words, "-o", "-", "--format", "json")
    assert shown.exit_code == 0
    import json

    expected = json.loads(shown.stdout)[0]["predicted_text"]
    assert printed_by(run(*words, "--show-code").stdout) == f"{expected}\n"


def test_a_hub_model_is_named_and_not_downloaded(run):
    result = run("generate", "hi", "-m", "gpt2", "--revision", "v1", "--offline", "--show-code")
    assert "from_pretrained('gpt2', revision='v1')" in result.stdout
