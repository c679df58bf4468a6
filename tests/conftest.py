"""Fixtures: the command line, and tiny real models made on the spot. No network anywhere."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from llmcli.system import calibration
from tests.browser import Browser, run_browser
from tests.tiny_models import (
    GPT2,
    LLAMA,
    MORE_WORDS,
    STORY,
    WORDS,
    labels,
    make_bert,
    make_causal,
    make_marian,
    metaspace_tokenizer,
    scaled,
)

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores: two threads each are slower
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.update(
    LLMCLI_ENGINE="torch", LLMCLI_CALIBRATION="fixed"
)  # of fixtures that outlive a test, too


@pytest.fixture(autouse=True)
def _own_settings_stay_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A developer's own config file, variables and cache do not reach the tests.

    Models run on torch, the reference, and nothing is measured, unless a test says otherwise.
    """
    for name in list(os.environ):
        if name.startswith("LLMCLI_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    monkeypatch.setenv("LLMCLI_CACHE", f"{tmp_path}-cache")  # tests list what is in their folder
    monkeypatch.setenv("LLMCLI_ENGINE", "torch")
    monkeypatch.setenv("LLMCLI_CALIBRATION", "fixed")
    calibration.forget()


@pytest.fixture
def run() -> Callable[..., Result]:
    """Run a command in this process: run("generate", "hi", input="")."""
    from llmcli.cli.main import main

    def invoke(*args: Any, input: str | bytes | None = None) -> Result:
        return CliRunner().invoke(main, [str(arg) for arg in args], input=input)

    return invoke


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium that opens pages; without one on this machine, the test is skipped."""
    with run_browser() as started:
        yield started


@pytest.fixture(scope="session")
def bpe() -> Any:
    """A byte-level BPE of 300 entries, learnt from one short story."""
    from llmcli.training.new_tokenizers import train_tokenizer

    return train_tokenizer([STORY] * 3, vocab_size=300, max_length=64)


@pytest.fixture(scope="session")
def tiny_gpt2(bpe: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_causal(bpe, tmp_path_factory.mktemp("models") / "tiny-gpt2", **GPT2)


@pytest.fixture(scope="session")
def tiny_chat(bpe: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama with a chat template."""
    settings = {**LLAMA, "max_position_embeddings": 256}
    folder = make_causal(bpe, tmp_path_factory.mktemp("models") / "tiny-chat", **settings)
    template = (
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    (folder / "chat_template.jinja").write_text(template)
    return folder


@pytest.fixture(scope="session")
def tiny_words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama over a SentencePiece-like vocabulary."""
    folder = tmp_path_factory.mktemp("models") / "tiny-words"
    return make_causal(metaspace_tokenizer(), folder, **LLAMA)


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A masked BERT over whole words."""
    return make_bert(tmp_path_factory.mktemp("models") / "tiny-bert", "MaskedLM")


@pytest.fixture(scope="session")
def tiny_masked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A masked BERT with more words, sure of what it says."""
    folder = tmp_path_factory.mktemp("models") / "tiny-masked"
    return make_bert(folder, "MaskedLM", WORDS + MORE_WORDS)


@pytest.fixture(scope="session")
def tiny_classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT that tells three labels apart."""
    folder = tmp_path_factory.mktemp("models") / "tiny-classifier"
    names = {0: "sad", 1: "glad", 2: "mad"}
    return make_bert(folder, "SequenceClassification", WORDS + MORE_WORDS, **labels(names))


@pytest.fixture(scope="session")
def tiny_nli(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT that tells what follows from a text."""
    folder = tmp_path_factory.mktemp("models") / "tiny-nli"
    names = {0: "contradiction", 1: "neutral", 2: "entailment"}
    return make_bert(folder, "SequenceClassification", WORDS + MORE_WORDS, **labels(names))


@pytest.fixture(scope="session")
def tiny_reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT that marks where an answer begins and ends."""
    folder = tmp_path_factory.mktemp("models") / "tiny-reader"
    return make_bert(folder, "QuestionAnswering", WORDS + MORE_WORDS, max_position_embeddings=24)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT without a head."""
    return make_bert(tmp_path_factory.mktemp("models") / "tiny-encoder", "", WORDS + MORE_WORDS)


@pytest.fixture(scope="session")
def learner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT without a head that is wide enough to learn from a few steps."""
    shape = {"hidden_size": 32, "intermediate_size": 64, "max_position_embeddings": 32}
    folder = tmp_path_factory.mktemp("models") / "learner"
    return scaled(make_bert(folder, "", WORDS + MORE_WORDS, **shape), 1 / 8)


@pytest.fixture(scope="session")
def tiny_marian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Marian model for English to French, with SentencePiece tokenizers of its own."""
    folder = tmp_path_factory.mktemp("models") / "tiny-marian"
    return make_marian(folder, source_lang="en", target_lang="fr")


@pytest.fixture(scope="session")
def gpt2(tiny_gpt2: Path) -> Any:
    """The tiny GPT-2, loaded."""
    from llmcli.engines.pytorch.loading import load
    from llmcli.spec import ModelSpec

    return load(ModelSpec(str(tiny_gpt2)), ("causal",))
