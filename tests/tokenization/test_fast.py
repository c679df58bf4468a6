"""One tokenizer serves several threads."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from llmcli.models.checkpoint import STARTERS, Checkpoint
from llmcli.tokenization.load import load_tokenizer


def test_threads_may_treat_special_tokens_in_different_ways(tiny_bert: Path) -> None:
    tokenizer = load_tokenizer(Checkpoint("tiny", tiny_bert, "local"))
    text = "the [SEP] cat"
    sep, lengths = tokenizer.sep_token_id, {}
    for split in (True, False):
        lengths[split] = len(tokenizer(text, split_special_tokens=split)["input_ids"])
    assert lengths[True] > lengths[False] == 5

    def encode(at: int) -> bool:
        split = at % 2 == 0
        rows = tokenizer([text] * 50, split_special_tokens=split)["input_ids"]
        return all(len(row) == lengths[split] and (sep in row[:-1]) != split for row in rows)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(encode, range(200)))


def test_a_marian_tokenizer_decodes_in_several_threads() -> None:
    folder = STARTERS / "marian-en-fr-zh"
    tokenizer = load_tokenizer(Checkpoint("marian", folder, "starter"))
    texts = ["The cat sat on the mat.", "Good morning!", "I am happy.", "Where is he?"]
    rows = [tokenizer(text)["input_ids"] for text in texts]
    expected = [tokenizer.decode(ids, skip_special_tokens=True) for ids in rows]

    def decode(at: int) -> bool:
        ids = tokenizer(texts[at % 4])["input_ids"]
        decoded = tokenizer.decode(ids, skip_special_tokens=True)
        return bool(decoded == expected[at % 4] and ids == rows[at % 4])

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(decode, range(200)))
