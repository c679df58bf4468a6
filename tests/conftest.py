"""Fixtures: the command line, and tiny real models made on the spot. No network anywhere."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ["LLMCLI_ENGINE"] = "torch"  # of fixtures that outlive a test, too

STORY = (
    "Once upon a time, there was a little cat. The cat sat on a mat and looked at the moon. "
    "One day the cat saw a dog. The dog said, hello cat! 我明天要去看电影。 They were friends.\n"
)


@pytest.fixture(autouse=True)
def _own_settings_stay_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A developer's own config file, variables and cache do not reach the tests.

    Models run on torch, the reference, unless a test says otherwise.
    """
    for name in list(os.environ):
        if name.startswith("LLMCLI_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    monkeypatch.setenv("LLMCLI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LLMCLI_ENGINE", "torch")


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
    from llmcli.training.new_tokenizers import train_tokenizer

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
    settings = {**LLAMA, "max_position_embeddings": 256}
    folder = make_causal(bpe, tmp_path_factory.mktemp("models") / "tiny-chat", **settings)
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


WORDS = ("the", "cat", "sat", "on", "mats")
MORE_WORDS = ("a", "dog", "ran", "who", "where", "is", "good", "bad", "this", "it", ".", "?")


def word_tokenizer(words: tuple[str, ...] = WORDS) -> Any:
    """Whole words, with BERT's special tokens around a text or a pair of them."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    entries = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    vocabulary = {word: at for at, word in enumerate(entries)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    names = {"unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "pad": "[PAD]", "mask": "[MASK]"}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **{f"{key}_token": value for key, value in names.items()},
    )


def make_bert(folder: Path, head: str, words: tuple[str, ...] = WORDS, **settings: Any) -> Path:
    """Save a random BERT over whole words, with a head: MaskedLM, SequenceClassification, ..."""
    import torch
    import transformers

    tokenizer = word_tokenizer(words)
    torch.manual_seed(0)
    shape = {
        "vocab_size": len(tokenizer),
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "max_position_embeddings": 16,
    }
    model_class = getattr(transformers, f"BertFor{head}" if head else "BertModel")
    model = model_class(transformers.BertConfig(**{**shape, **settings}))
    if words is not WORDS:
        for parameter in model.parameters():  # far from uniform: varied results, no near ties
            parameter.data.mul_(8.0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A masked BERT over whole words."""
    return make_bert(tmp_path_factory.mktemp("models") / "tiny-bert", "MaskedLM")


@pytest.fixture(scope="session")
def tiny_masked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A masked BERT with more words, sure of what it says."""
    folder = tmp_path_factory.mktemp("models") / "tiny-masked"
    return make_bert(folder, "MaskedLM", WORDS + MORE_WORDS)


def labels(names: dict[int, str]) -> dict[str, Any]:
    """What a configuration says of its labels."""
    return {"id2label": names, "label2id": {name: at for at, name in names.items()}}


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
def tiny_marian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Marian model for English to French, with SentencePiece tokenizers of its own."""
    folder = tmp_path_factory.mktemp("models") / "tiny-marian"
    return make_marian(folder, source_lang="en", target_lang="fr")


def make_marian(folder: Path, codes: tuple[str, ...] = (), **settings: Any) -> Path:
    """codes: tokens such as >>fra<<, of a model for several target languages."""
    import json

    import sentencepiece
    import torch
    from transformers import MarianConfig, MarianMTModel

    folder.mkdir()
    text = folder / "text"
    text.write_text(STORY * 3 + "Le chat est sur le tapis. Bonjour, mes amis !\n", "utf-8")
    for side in ("source", "target"):
        sentencepiece.SentencePieceTrainer.train(
            input=str(text),
            model_prefix=str(folder / side),
            vocab_size=90,
            character_coverage=1.0,
            hard_vocab_limit=False,
            minloglevel=2,
        )
        (folder / f"{side}.model").rename(folder / f"{side}.spm")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "source.spm"))
    pieces = [processor.id_to_piece(at) for at in range(3, processor.get_piece_size())]
    entries = ["</s>", "<unk>", *pieces, *codes, "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({word: at for at, word in enumerate(entries)}))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "MarianTokenizer", **settings})
    )
    pad = len(entries) - 1
    torch.manual_seed(3)
    config = MarianConfig(
        vocab_size=len(entries),
        d_model=16,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        max_position_embeddings=48,
        pad_token_id=pad,
        decoder_start_token_id=pad,
        eos_token_id=0,
        forced_eos_token_id=0,
    )
    model = MarianMTModel(config)
    for parameter in model.parameters():
        parameter.data.mul_(6.0)
    given = model.generation_config
    given.bad_words_ids, given.num_beams, given.max_length = [[pad]], 3, 12
    given.renormalize_logits = True
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def gpt2(tiny_gpt2: Path) -> Any:
    """The tiny GPT-2, loaded."""
    from llmcli.engines.pytorch.loading import load_causal
    from llmcli.spec import ModelSpec

    return load_causal(ModelSpec(str(tiny_gpt2)))
