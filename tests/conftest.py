"""Fixtures: the command line, and tiny real models made on the spot. No network anywhere."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

STORY = (
    "Once upon a time, there was a little cat. The cat sat on a mat and looked at the moon. "
    "One day the cat saw a dog. The dog said, hello cat! 我明天要去看电影。 They were friends.\n"
)


@pytest.fixture(autouse=True)
def _own_settings_stay_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A developer's own config file and variables do not reach the tests."""
    for name in list(os.environ):
        if name.startswith("LLMCLI_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))


@pytest.fixture
def run() -> Callable[..., Result]:
    """Run a command in this process: run("generate", "hi", input="")."""
    from llmcli.cli.main import main

    def invoke(*args: Any, input: str | bytes | None = None) -> Result:
        return CliRunner().invoke(main, [str(arg) for arg in args], input=input)

    return invoke


@pytest.fixture(scope="session")
def bpe() -> Any:
    """A byte-level BPE of 300 entries, learnt from one short story."""
    from llmcli.core.corpus import train_tokenizer

    return train_tokenizer([STORY] * 3, vocab_size=300, max_length=64)


def make_causal(bpe: Any, folder: Path, **settings: Any) -> Path:
    """Save a random causal model of a given architecture over the BPE's vocabulary."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(1)
    ends = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), 0)
    fixed = {"vocab_size": len(bpe), "tie_word_embeddings": False, **ends}
    config = AutoConfig.for_model(**{**fixed, **settings})
    model = AutoModelForCausalLM.from_config(config)
    for parameter in model.parameters():  # far from uniform: varied texts, and no near ties
        parameter.data.mul_(3.0)
    model.save_pretrained(folder)
    bpe.save_pretrained(folder)
    return folder


GPT2 = {"model_type": "gpt2", "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64}
LLAMA = {
    "model_type": "llama",
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 64,
}
BLOOM = {"model_type": "bloom", "hidden_size": 16, "n_layer": 2, "n_head": 2}
MAMBA = {"model_type": "mamba", "hidden_size": 16, "num_hidden_layers": 2, "state_size": 4}


@pytest.fixture(scope="session")
def tiny_gpt2(bpe: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_causal(bpe, tmp_path_factory.mktemp("models") / "tiny-gpt2", **GPT2)


@pytest.fixture(scope="session")
def tiny_chat(bpe: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama with a chat template."""
    folder = make_causal(bpe, tmp_path_factory.mktemp("models") / "tiny-chat", **LLAMA)
    template = (
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    (folder / "chat_template.jinja").write_text(template)
    return folder


def metaspace_tokenizer() -> Any:
    """Whole words with their space in front, as SentencePiece vocabularies have them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<unk>", "\u2581the", "\u2581cat", "\u2581sat", "\u2581on"]
    words += [f"\u2581w{n}" for n in range(295)]
    vocabulary = {word: at for at, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


@pytest.fixture(scope="session")
def tiny_words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama over a SentencePiece-like vocabulary."""
    folder = tmp_path_factory.mktemp("models") / "tiny-words"
    return make_causal(metaspace_tokenizer(), folder, **LLAMA)


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A masked BERT over whole words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "on", "mats"]
    vocabulary = {word: at for at, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "tiny-bert"
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=16,
    )
    BertForMaskedLM(config).save_pretrained(folder)
    names = {"unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "pad": "[PAD]", "mask": "[MASK]"}
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **{f"{key}_token": value for key, value in names.items()}
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def gpt2(tiny_gpt2: Path) -> Any:
    """The tiny GPT-2, loaded."""
    from llmcli.core.loading import load_causal
    from llmcli.spec import ModelSpec

    return load_causal(ModelSpec(str(tiny_gpt2)))
