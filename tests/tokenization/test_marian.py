"""The tokenizer of Marian is compared with that of transformers."""

import json
from pathlib import Path
from typing import Any

import pytest

from llmcli.tokenization.load import load_tokenizer
from tests.tiny_models import make_marian
from tests.tokenization.comparison import assert_equal, checkpoint, reference

MARIAN_RULES = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}


@pytest.mark.parametrize(
    "settings",
    [
        {"source_lang": "en", "target_lang": "mul", "model_max_length": 48},
        {"clean_up_tokenization_spaces": True, "extra_special_tokens": ["<a>", "<a>b", ">>fra<<"]},
        {"added_tokens_decoder": {"0": {**MARIAN_RULES, "content": "</s>", "special": True}}},
        {"split_special_tokens": True, "pad_token": "<new>"},
    ],
)
def test_a_marian_with_languages_comes_out_equal(settings: dict[str, Any], tmp_path: Path) -> None:
    folder = make_marian(tmp_path / "marian", (">>fra<<", ">>deu<<"), **settings)
    ours = assert_equal(folder)
    assert ours.supported_language_codes == [">>fra<<", ">>deu<<"]
    with pytest.raises(ValueError, match="no character offsets"):
        ours("a", return_offsets_mapping=True)


def test_a_marian_with_a_hole_in_its_vocabulary_comes_out_equal(tmp_path: Path) -> None:
    from sentencepiece import SentencePieceTrainer

    folder = make_marian(tmp_path / "marian")
    (tmp_path / "text").write_text("mes amis sont sur le tapis avec le chat\n" * 9)
    prefix = str(folder / "target")
    SentencePieceTrainer.train(
        input=str(tmp_path / "text"), model_prefix=prefix, vocab_size=20, minloglevel=2
    )
    (folder / "target.model").rename(folder / "target.spm")
    words = json.loads((folder / "vocab.json").read_text())
    kept = {word: at for word, at in words.items() if at != 10}
    (folder / "vocab.json").write_text(json.dumps(kept))
    theirs, ours = reference(folder), load_tokenizer(checkpoint(folder))
    before = theirs.convert_ids_to_tokens(10)
    assert ours.decode([10, 11]) == theirs.decode([10, 11])  # theirs changes to the source for good
    assert ours.convert_ids_to_tokens(10) == theirs.convert_ids_to_tokens(10) != before


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (">>fra<< hello cat", ">>fra<<"),
        (">>fra<<hello cat", ">>fra<<"),
        (">>zzz<< hello cat", ""),
        (">>> print(cat << 3) cat", ""),
        (">> my answer << cat", ""),
        ("cat >>fra<< hello cat", ""),
    ],
)
def test_only_codes_of_the_vocabulary_are_codes(text: str, code: str, tmp_path: Path) -> None:
    from sentencepiece import SentencePieceProcessor

    folder = make_marian(tmp_path / "marian", (">>fra<<",))
    known = json.loads((folder / "vocab.json").read_text())
    pieces = SentencePieceProcessor(model_file=str(folder / "source.spm")).encode(
        text.removeprefix(code), out_type=str
    )
    expected = [*([code] if code else []), *(p if p in known else "<unk>" for p in pieces)]
    for tokenizer in (load_tokenizer(checkpoint(folder)), reference(folder)):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokenizer.convert_ids_to_tokens(ids) == expected
