import json

import pytest


@pytest.fixture
def new_tokens(run, tiny_gpt2):
    def call(*words):
        result = run("generate", "a", "-m", tiny_gpt2, "--json", *words)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)[0]["new_tokens"]

    return call


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_flag_comes_before_the_environment_before_the_file_before_the_users_own(
    new_tokens, tmp_path, monkeypatch
):
    own = write(tmp_path / "xdg" / "llmcli" / "config.yaml", "max-new-tokens: 2")
    monkeypatch.setattr("llmcli.cli.config.user_config", lambda: own)
    assert new_tokens() == 2
    named = write(tmp_path / "a.yaml", "generate:\n  max_new_tokens: 3\n")
    assert new_tokens("--config", named) == 3
    monkeypatch.setenv("LLMCLI_GENERATE_MAX_NEW_TOKENS", "4")
    assert new_tokens("--config", named) == 4
    assert new_tokens("--config", named, "-n", 5) == 5


def test_a_commands_own_section_comes_before_the_top_of_the_file(new_tokens, tmp_path):
    path = write(tmp_path / "a.yaml", "max-new-tokens: 2\ngenerate:\n  max-new-tokens: 4\n")
    assert new_tokens("--config", path) == 4


@pytest.mark.parametrize(
    ("text", "telling"),
    [
        ("temprature: 1", "no command has an option 'temprature'"),
        ("generate:\n  epochs: 1", "generate has no option 'epochs'"),
        ("generate: 5", "is to hold settings"),
        ("- a\n- b", "holds no settings"),
        ("a: [", "is not YAML"),
        ("device: gpu", "use auto, cpu, cuda"),
        ("max-new-tokens: many", "not a valid integer"),
    ],
)
def test_a_mistaken_file_is_refused(run, tmp_path, text, telling):
    path = write(tmp_path / "a.yaml", text)
    result = run("generate", "a", "--config", path)
    assert result.exit_code in (2, 3)
    assert telling in result.stderr


def test_an_empty_file_changes_nothing(new_tokens, tmp_path):
    assert new_tokens("--config", write(tmp_path / "a.yaml", ""), "-n", 3) == 3
