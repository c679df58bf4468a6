"""Names that the user may have meant."""

import pytest

from llmcli.models.suggestions import did_you_mean, nearest_starter


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """A cache of the Hub with two models."""
    for name in ("models--my--sorter", "models--big--model-7b"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))


@pytest.mark.parametrize(
    ("name", "starter"),
    [
        ("bert-eng", "bert-en"),
        ("gpt2-story", "gpt2-stories"),
        ("GPT2-Stories", "gpt2-stories"),
        ("marian-fr-en-zh", "marian-en-fr-zh"),
        ("gpt2", None),
        ("gpt2-medium", None),
        ("bert-base-uncased", None),
        ("owner/bert-eng", None),
    ],
)
def test_a_name_near_a_starter_is_a_mistake(name, starter):
    assert nearest_starter(name) == starter


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("my/sortr", "my/sorter"),
        ("gtp2", "gpt2"),
        ("bert-base-uncasd", "bert-base-uncased"),
        ("distilgpt2", None),
        ("something/else-entirely", None),
    ],
)
def test_starters_cached_and_well_known_models_are_suggested(cache, name, near):
    assert did_you_mean(name) == (f"; did you mean {near}?" if near else "")


def test_a_folder_beside_is_suggested(cache, tmp_path, tiny_bert, monkeypatch):
    assert did_you_mean(str(tiny_bert.parent / "tiny-brt")) == f"; did you mean {tiny_bert}?"
    monkeypatch.chdir(tiny_bert.parent)
    assert did_you_mean("tiny-brt") == "; did you mean tiny-bert?"


@pytest.mark.parametrize(
    "words",
    [
        ["generate", "a", "-m", "gpt2-storys"],
        ["classify", "a", "-m", "bert-eng"],
        ["models", "show", "bert-eng"],
        ["models", "pull", "bert-eng"],
        ["models", "rm", "bert-eng"],
        ["tokenize", "a", "-m", "bert-eng", "--offline"],
    ],
)
def test_the_mistake_is_answered_without_a_connection_and_never_pulled(run, monkeypatch, words):
    def connects(*_, **__):
        raise AssertionError("the hub was asked")

    monkeypatch.setattr("llmcli.models.hub.pull", connects)
    result = run(*words)
    assert result.exit_code == 4
    assert "did you mean " in result.stderr
    assert "models pull" not in result.stderr


def test_names_of_ollama_are_told_apart(run):
    assert "ollama's names are not the Hub's" in run("models", "pull", "llama3.2:1b").stderr
