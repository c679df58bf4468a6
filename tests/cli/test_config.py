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
        ("generate: 5", "must contain settings"),
        ("- a\n- b", "contains no settings"),
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


def test_a_key_above_commands_of_a_group_reaches_them(run, tmp_path, monkeypatch):
    own = write(tmp_path / "c.yaml", "quiet: true\nmodels:\n  format: jsonl\n  list: {limit: 3}\n")
    monkeypatch.setattr("llmcli.cli.config.user_config", lambda: own)
    assert "list has no option 'limit'" in run("models", "list").stderr
    own.write_text("models:\n  format: jsonl\n")
    assert json.loads(run("models", "list").stdout.splitlines()[0])["name"] == "bert-en"


def test_an_option_that_may_be_repeated_takes_one_value_or_a_list(run, tiny_gpt2, tmp_path):
    words = ["generate", "Once upon a time", "-m", tiny_gpt2, "-n", 20]
    expected = run(*words, "--stop", "a", "--stop", "e").stdout
    path = write(tmp_path / "a.yaml", "stop: [a, e]")
    assert run(*words, "--config", path).stdout == expected
    path.write_text("stop: a")
    assert run(*words, "--config", path).stdout == run(*words, "--stop", "a").stdout
    path.write_text("temperature: [1, 2]")
    assert "temperature must be one value" in run(*words, "--config", path).stderr


def test_help_is_there_even_if_the_users_file_is_wrong(run, tmp_path, monkeypatch):
    own = write(tmp_path / "c.yaml", "modle: gpt2")
    monkeypatch.setattr("llmcli.cli.config.user_config", lambda: own)
    assert run("generate", "-h").exit_code == 0
    assert "no command has an option 'modle'" in run("models", "list").stderr


def test_an_empty_file_changes_nothing(new_tokens, tmp_path):
    assert new_tokens("--config", write(tmp_path / "a.yaml", ""), "-n", 3) == 3


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("labels: [good, bad]", ["good", "bad"]),
        ("labels: good,bad", ["good", "bad"]),
        ("labels:\n  - a good, kind dog\n  - bad", ["a good, kind dog", "bad"]),
        ("labels: [1, 2.5]", ["1", "2.5"]),
    ],
)
def test_a_list_of_words_is_a_yaml_list_or_has_commas(run, tiny_nli, tmp_path, text, labels):
    path = write(tmp_path / "a.yaml", text)
    result = run("classify", "the cat", "-m", tiny_nli, "--config", path, "--json")
    assert result.exit_code == 0, result.output
    scores = json.loads(result.stdout)[0]["scores"]
    assert {score["label"] for score in scores} == set(labels)


def test_a_word_that_yaml_takes_for_false_is_refused(run, tmp_path):
    path = write(tmp_path / "a.yaml", "to-lang: no")  # Norwegian
    result = run("translate", "a", "--config", path)
    assert (result.exit_code, "put quotes around the word" in result.stderr) == (3, True)


def test_a_mapping_of_labels_is_a_yaml_mapping(run, tiny_classifier, tmp_path):
    data = write(tmp_path / "a.csv", "text,label\nthe cat,0\na dog,1\n")
    path = write(tmp_path / "a.yaml", "label-map:\n  0: sad\n  1: glad\n")
    words = ("-m", tiny_classifier, "-i", data, "--config", path, "--json")
    result = run("evaluate", *words)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)[0]["rows"] == 2
