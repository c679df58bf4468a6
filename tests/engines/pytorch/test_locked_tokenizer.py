"""A tokenizer of transformers, locked, serves several threads and stays what it is."""

import copy
from concurrent.futures import ThreadPoolExecutor

from transformers import AutoTokenizer

from llmcli.engines.pytorch.locked_tokenizer import locked


def test_threads_may_treat_special_tokens_in_different_ways(tiny_bert):
    tokenizer = locked(AutoTokenizer.from_pretrained(tiny_bert))
    lengths = {
        split: len(tokenizer("the [SEP] cat", split_special_tokens=split)["input_ids"])
        for split in (True, False)
    }
    assert lengths[True] > lengths[False]

    def encode(at):
        split = at % 2 == 0
        rows = tokenizer(["the [SEP] cat"] * 50, split_special_tokens=split)["input_ids"]
        return {len(row) for row in rows} == {lengths[split]}

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(encode, range(200)))


def test_a_locked_tokenizer_is_saved_and_copied_as_before(tiny_bert, tmp_path):
    plain, tokenizer = (AutoTokenizer.from_pretrained(tiny_bert) for _ in range(2))
    tokenizer = locked(tokenizer)
    assert isinstance(tokenizer, type(plain))
    tokenizer.save_pretrained(tmp_path / "locked")
    plain.save_pretrained(tmp_path / "plain")
    for path in (tmp_path / "plain").iterdir():
        assert (tmp_path / "locked" / path.name).read_bytes() == path.read_bytes()
    assert copy.deepcopy(tokenizer)("the cat") == plain("the cat")
