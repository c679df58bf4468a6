"""A tokenizer beside that of transformers for the same folder."""

import json
from pathlib import Path
from typing import Any

from llmcli.models.checkpoint import Checkpoint
from llmcli.tokenization.load import load_tokenizer
from tests.tiny_models import STORY

TEXTS = [
    "",
    " ",
    " \t\n  \n\r\n ",
    "Once upon a time, there was a little CAT.",
    "  two  spaces , and a mark !  Isn't it , I 'm sure ? ",
    "我明天要去看电影。",
    "Les élèves étaient à Noël; e\u0301le\u0301ve, \ufb01ne \u2162 ＡＢＣ",
    "😀👩‍👩‍👧 flag 🇫🇷",
    "nul \x00 bell \x07 \u200b zero \u00ad soft \ufeff bom \ufffd",
    "<s> </s><unk></s> <pad> <mask>  and <|endoftext|><|endoftext|> <|padding|> <|im_start|>",
    "a [CLS]b [SEP] c[MASK] [UNK][PAD] [mask] <extra> <EXTRA>",
    ">>fra<< hello cat",
    ">>fra<<",
    ">>zzz<< hello",
    ">> a << b",
    "<</s>",
    "</s</s>>",
    "x" * 300,
    "123 4567 3.14 http://a.b/c?d=e&f=g @me #tag",
    "\u0130stanbul \u1e9e \u03a3\u03c2 \u05d0\u05d1 \u0e01\u0e33 \ud55c\uae00",
    STORY * 5,
]


def checkpoint(folder: Path) -> Checkpoint:
    return Checkpoint(folder.name, folder, "local")


def reference(folder: Path) -> Any:
    """That of transformers; of Marian, as the torch engine has it: with codes that it knows."""
    from llmcli.engines.pytorch.from_pretrained import read_tokenizer_folder

    return read_tokenizer_folder(folder)


def assert_equal(folder: Path) -> Any:
    """Compare everything that llmcli asks of a tokenizer; returns the light one."""
    theirs, ours = reference(folder), load_tokenizer(checkpoint(folder))
    for name in ("bos", "eos", "unk", "sep", "pad", "cls", "mask"):
        for key in (f"{name}_token", f"{name}_token_id"):
            assert getattr(ours, key) == getattr(theirs, key), key
    for key in ("is_fast", "model_max_length", "all_special_ids", "chat_template"):
        assert getattr(ours, key) == getattr(theirs, key), key
    for key in ("supported_language_codes", "source_lang", "target_lang"):
        assert getattr(ours, key, None) == getattr(theirs, key, None), key
    assert len(ours) == len(theirs)
    assert ours.get_added_vocab() == theirs.get_added_vocab()
    if theirs.is_fast and len(theirs) < 5000:
        assert parts_of(ours) == parts_of(theirs)
    own = [*theirs.get_added_vocab(), *theirs.all_special_tokens]
    texts = [*TEXTS, *(f"a{token} {token}b{token}" for token in own)]
    assert_encode_alike(ours, theirs, texts, {"verbose": False})
    for split in (True, False):
        how = {"add_special_tokens": not split, "split_special_tokens": split, "verbose": False}
        assert_encode_alike(ours, theirs, texts, how)
    assert_decode_alike(ours, theirs, texts)
    return ours


def parts_of(tokenizer: Any) -> dict[str, Any]:
    """All that a backend is made of, but what transformers sets anew at each call."""
    parts: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    for key in ("continuing_subword_prefix", "end_of_word_suffix"):
        parts["model"][key] = parts["model"].get(key) or ""
    return {**parts, "truncation": None, "padding": None}


def assert_encode_alike(ours: Any, theirs: Any, texts: list[str], how: dict[str, Any]) -> None:
    for text in texts:
        assert dict(ours(text, **how)) == dict(theirs(text, **how)), text
        pair = {**how, "return_special_tokens_mask": True}
        assert dict(ours(text, "the cat", **pair)) == dict(theirs(text, "the cat", **pair)), text
    how |= {
        "return_special_tokens_mask": True,
        "return_offsets_mapping": theirs.is_fast,
        "return_attention_mask": False,
        "truncation": False,
        "padding": False,
    }
    for pairs in (None, texts[::-1]):
        left, right = ours(texts, pairs, **how), theirs(texts, pairs, **how)
        assert dict(left) == dict(right)
        if theirs.is_fast:
            assert all(left.sequence_ids(at) == right.sequence_ids(at) for at in range(len(texts)))


def assert_decode_alike(ours: Any, theirs: Any, texts: list[str]) -> None:
    for text in texts:
        ids = theirs(text, verbose=False)["input_ids"]
        tokens = theirs.convert_ids_to_tokens(ids)
        assert ours.convert_ids_to_tokens(ids) == tokens
        assert ours.convert_tokens_to_ids(tokens) == theirs.convert_tokens_to_ids(tokens)
        assert ours.convert_tokens_to_string(tokens) == theirs.convert_tokens_to_string(tokens)
        for skip in (True, False):
            found = ours.decode(ids, skip_special_tokens=skip)
            assert found == theirs.decode(ids, skip_special_tokens=skip)
    for at in range(min(len(theirs), 400)):
        assert ours.convert_ids_to_tokens(at) == theirs.convert_ids_to_tokens(at)
        assert ours.decode(at) == theirs.decode(at) == ours.decode([at])
    for token in ("cat", "no such token", "</s>"):
        assert ours.convert_tokens_to_ids(token) == theirs.convert_tokens_to_ids(token)
