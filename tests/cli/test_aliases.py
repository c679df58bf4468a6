"""Other spellings of flags and of the commands of `models`."""

import json

import pytest

from llmcli.cli.aliases import expanded, speller


@pytest.mark.parametrize(
    ("alias", "flag"),
    [
        (("--temp", 0), ("--temperature", 0)),
        (("--max-new-tokens", 3), ("-n", 3)),
        (("--max-tokens", 3), ("-n", 3)),
        (("--max_new_tokens", 3), ("-n", 3)),
        (("--n-predict", 3), ("-n", 3)),
        (("--repeat-penalty", 3), ("--repetition-penalty", 3)),
        (("--repeat_penalty", 3), ("--repetition-penalty", 3)),
        (("--beam-size", 2), ("--num-beams", 2)),
        (("--num_predict", 3), ("-n", 3)),
        (("--dtype", "bf16"), ("--dtype", "bfloat16")),
        (("--torch_dtype", "torch.float16"), ("--dtype", "float16")),
        (("--do-sample", "--seed", 1), ("--temperature", 1, "--seed", 1)),
        (("--do_sample", "--top_k", 5, "--seed", 1), ("--top-k", 5, "--seed", 1)),
    ],
)
def test_spellings_of_other_programs_are_accepted(run, tiny_gpt2, alias, flag):
    words = ("generate", "Once upon a time", "-m", tiny_gpt2, "--json")
    short = () if flag[0] == "-n" else ("-n", 8)
    result = run(*words, *short, *alias)
    assert result.exit_code == 0, result.output
    assert text_of(result) == text_of(run(*words, *short, *flag))


def text_of(result):
    (record,) = json.loads(result.stdout)
    return record["text"]


def test_a_prompt_may_be_named_by_a_flag(run, tiny_gpt2):
    words = ("generate", "-m", tiny_gpt2, "--json", "-n", 4)
    expected = text_of(run(*words, "Once upon a time"))
    assert text_of(run(*words, "-p", "Once upon a time")) == expected
    assert text_of(run(*words, "--prompt", "Once upon a time")) == expected
    result = run(*words, "-p", "Once", "upon a time")
    assert (result.exit_code, "not both" in result.stderr) == (2, True)


def test_do_sample_contradicts_temperature_0(run, tiny_gpt2):
    result = run("generate", "a", "-m", tiny_gpt2, "--do-sample", "--temp", 0)
    assert (result.exit_code, "contradict" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "same"),
    [
        (["version"], ["--version"]),
        (["help"], ["--help"]),
        (["help", "models", "rm"], ["models", "rm", "--help"]),
        (["help", "qa"], ["answer", "--help"]),
        (["ls", "--json"], ["models", "list", "--json"]),
        (["show", "gpt2-stories"], ["models", "show", "gpt2-stories"]),
        (["rm", "bert-en", "-y"], ["models", "rm", "bert-en", "-y"]),
        (["train", "--check"], ["finetune", "--check"]),
        (["eval", "--task", "x"], ["evaluate", "--task", "x"]),
        (["fill_mask", "-h"], ["fill", "-h"]),
    ],
)
def test_a_command_of_another_program_is_the_same_with_all_that_follows(run, words, same):
    result, expected = run(*words), run(*same)
    assert result.output.splitlines() == expected.output.splitlines()
    assert result.exit_code == expected.exit_code


def test_an_alias_reaches_only_a_flag_of_the_command_itself():
    spelled = speller(["output", "top", "model"])
    assert [spelled("output-dir"), spelled("output_file"), spelled("top_k")] == [
        *("output-dir", "output", "top")
    ]
    assert speller(["train", "output"])("output-dir") == "output"
    assert speller(["top-k", "top"])("top-k") == "top-k"


def test_flags_of_several_letters_with_one_dash_are_no_clusters():
    line = ["generate", "-sys", "Be brief.", "-ngl", "9"]
    assert expanded(line) == ["generate", "--system-prompt", "Be brief.", "--n-gpu-layers", "9"]


def test_an_option_of_llm_is_not_taken_for_a_file(run, tiny_gpt2, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("generate", "Hi", "-m", tiny_gpt2, "-o", "top_k", 5)
    assert (result.exit_code, list(tmp_path.glob("top*"))) == (2, [])
    assert "--top-k sets that option" in result.stderr


def test_models_has_the_commands_ls_and_remove(run, tmp_path, monkeypatch):
    assert run("models", "ls", "--json").stdout == run("models", "list", "--json").stdout
    assert (
        run("models", "remove", "gpt2-stories").stderr == run("models", "rm", "gpt2-stories").stderr
    )
    config = tmp_path / "config.yaml"
    config.write_text("models:\n  list: {format: jsonl}\n")
    monkeypatch.setattr("llmcli.cli.config.user_config", lambda: config)
    assert json.loads(run("models", "ls").stdout.splitlines()[0])["name"] == "bert-en"
