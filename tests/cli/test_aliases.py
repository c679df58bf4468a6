"""Other spellings of flags and of the commands of `models`."""

import json

import pytest


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
    ],
)
def test_spellings_of_other_programs_are_accepted(run, tiny_gpt2, alias, flag):
    words = ("generate", "Once upon a time", "-m", tiny_gpt2, "--json")
    short = () if flag[0] == "-n" else ("-n", 8)
    result = run(*words, *short, *alias)
    assert result.exit_code == 0, result.output
    assert result.stdout == run(*words, *short, *flag).stdout


def test_models_has_the_commands_ls_and_remove(run, tmp_path, monkeypatch):
    assert run("models", "ls", "--json").stdout == run("models", "list", "--json").stdout
    assert (
        run("models", "remove", "gpt2-stories").stderr == run("models", "rm", "gpt2-stories").stderr
    )
    config = tmp_path / "config.yaml"
    config.write_text("models:\n  list: {format: jsonl}\n")
    monkeypatch.setattr("llmcli.cli.config.user_config", lambda: config)
    assert json.loads(run("models", "ls").stdout.splitlines()[0])["name"] == "bert-en"
