"""Small tokenizers of the classes of transformers, in folders that can be edited."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.tiny_models import STORY

Edit = Callable[[Path], None]
CONFIG, FILE = "tokenizer_config.json", "tokenizer.json"
KINDS = ["Bert", "DistilBert", "Roberta", "GPT2", "GPTNeoX", "Qwen2", "Llama"]


def byte_level(words: list[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """The vocabulary of a BPE over bytes, beginning with some words of its own, and its merges."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, initial_alphabet=letters, special_tokens=words)
    tokenizer.train_from_iterator([STORY] * 3, trainer)
    return vocabulary_of(tokenizer)


def vocabulary_of(tokenizer: Any) -> tuple[dict[str, int], list[tuple[str, str]]]:
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


def metaspace() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A BPE as Llama's: with a sign for spaces, and the bytes of what it does not know."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    words = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=340, special_tokens=words)
    tokenizer.train_from_iterator([STORY] * 3, trainer)
    return vocabulary_of(tokenizer)


PIECES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *"abcdefghimnoprstuwyé.,!?'我明",
    "cat",
    "CAT",
]
PIECES += ["the", "##e", "##s", "##t", "##a", "##n", "##o", "eleve", "élève", "time", "little", "I"]


def make(kind: str, folder: Path, **settings: Any) -> Path:
    """Save a small tokenizer of one of transformers' classes."""
    import transformers

    cls = getattr(transformers, f"{kind}Tokenizer")
    if kind in ("Bert", "DistilBert"):
        tokenizer = cls(vocab={word: at for at, word in enumerate(PIECES)}, **settings)
    else:
        words = ["<s>", "</s>", "<unk>", "<pad>", "<mask>"] if kind == "Roberta" else []
        vocab, merges = metaspace() if kind == "Llama" else byte_level([*words, "<|endoftext|>"])
        tokenizer = cls(vocab=vocab, merges=merges, **settings)
    tokenizer.save_pretrained(folder)
    models = {"GPTNeoX": "gpt_neox", "Qwen2": "qwen2"}
    config = {"model_type": models.get(kind, kind.lower())}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def change(path: Path, **changes: Any) -> None:
    """Edit a JSON object in a file, which begins empty."""
    value = json.loads(path.read_text()) if path.is_file() else {}
    value |= changes
    path.write_text(json.dumps({key: one for key, one in value.items() if one != "gone"}))


def edited(name: str, **changes: Any) -> Edit:
    return lambda folder: change(folder / name, **changes)
