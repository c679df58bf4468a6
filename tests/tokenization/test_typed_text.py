"""Typed special tokens are text: no id of a special token, nothing lost, the right offsets."""

import sys
from pathlib import Path

import pytest

from llmcli.models.checkpoint import Checkpoint
from llmcli.tokenization.load import load_tokenizer
from llmcli.tokenization.typed_text import (
    CUT,
    encode_typed,
    escaped,
    special_tokens,
    typed_specials,
)

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "benchmarks"))
import tag_equality  # noqa: E402

TEXTS = [*tag_equality.sentences(60, 7), "<s>10</s> 12 euros <mask> <pad> / [SEP] [CLS] [MASK]"]
MAKERS = [tag_equality.word_pieces, tag_equality.byte_pieces, tag_equality.sentence_pieces]


@pytest.fixture(scope="module", params=MAKERS, ids=lambda make: make.__name__)
def tokenizer(request):
    return request.param(TEXTS * 4)


@pytest.fixture(scope="module")
def specials(tokenizer):
    return {*tokenizer.all_special_ids} - {tokenizer.unk_token_id}


def test_no_typed_token_is_special(tokenizer, specials):
    for token in tokenizer.all_special_tokens:
        ids = encode_typed(tokenizer, f"a {token} b{token}", add_special_tokens=False)["input_ids"]
        assert not specials & {*ids}, token


def test_offsets_are_those_of_the_text(tokenizer):
    text = f"a {tokenizer.mask_token} b"
    encoding = encode_typed(tokenizer, text, add_special_tokens=False, return_offsets_mapping=True)
    covered = "".join(
        text[start:end].strip() for start, end in dict.fromkeys(encoding["offset_mapping"])
    )
    assert covered.startswith("a") and covered.endswith("b")
    assert {start for start, _ in encoding["offset_mapping"]} >= {0, 2, len(text) - 1}
    assert max(end for _, end in encoding["offset_mapping"]) == len(text)


def test_pairs_and_batches(tokenizer, specials):
    token = tokenizer.sep_token
    both = encode_typed(
        tokenizer, ["a", f"a{token}"], [f"b{token}c", "b"], return_offsets_mapping=True
    )
    plain = encode_typed(tokenizer, ["a"], ["b"])["input_ids"][0]
    count = sum(token in specials for token in plain)
    for ids in both["input_ids"]:
        assert sum(token in specials for token in ids) == count
    assert max(end for _, end in both["offset_mapping"][0]) == len(token) + 2


def test_controls_stay_tokens_beside_typed_ones(tokenizer, specials):
    token, mask = tokenizer.sep_token, tokenizer.mask_token
    text = f"{mask}{escaped(tokenizer, f'a{token}b{mask}')}{token}"
    ids = encode_typed(tokenizer, text, has_controls=True, add_special_tokens=False)["input_ids"]
    found = [token for token in ids if token in specials]
    assert found == [tokenizer.mask_token_id, tokenizer.sep_token_id]
    plain = encode_typed(tokenizer, "a", add_special_tokens=False)["input_ids"]
    assert len(ids) > len(plain) + len(found) + 2  # the typed ones have tokens of their own


def test_texts_without_special_tokens_are_those_of_transformers(tokenizer):
    for text in tag_equality.sentences(20, 3):
        assert encode_typed(tokenizer, text)["input_ids"] == tokenizer(text)["input_ids"]


def test_allow_special_reads_them(tokenizer):
    tokenizer.allow_special = True
    try:
        text = f"a{tokenizer.sep_token}"
        assert (
            tokenizer.sep_token_id
            in encode_typed(tokenizer, text, add_special_tokens=False)["input_ids"]
        )
        assert escaped(tokenizer, text) == text
    finally:
        tokenizer.allow_special = False


def test_the_light_tokenizer_does_the_same(tmp_path):
    tokenizer = tag_equality.byte_pieces(TEXTS)
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "roberta"}')
    light = load_tokenizer(Checkpoint("tiny", tmp_path, "local"))
    text = "<s>10</s> 12 euros <mask>"
    for settings in ({}, {"has_controls": True}):
        for written in (text, f"<mask>{escaped(light, text)}</s>"):
            theirs = encode_typed(tokenizer, written, **settings)["input_ids"]
            assert encode_typed(light, written, **settings)["input_ids"] == theirs


def test_whole_words_are_cut_too():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["[UNK]", "[SEP]", "a", "[", "SEP]", "b"]
    backend = Tokenizer(models.WordLevel({w: at for at, w in enumerate(words)}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, unk_token="[UNK]", sep_token="[SEP]"
    )
    assert special_tokens(tokenizer).pieces.pattern.count("SEP") == 1
    assert encode_typed(tokenizer, "a [SEP] b")["input_ids"] == [2, 3, 4, 5]
    assert typed_specials(tokenizer, "a [SEP][SEP]") == ["[SEP]"]
    assert escaped(tokenizer, {"x": ["[SEP]", 3]}) == {"x": [f"[{CUT}SEP]", 3]}
