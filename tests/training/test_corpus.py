import random
from dataclasses import replace

import numpy as np
import pytest

from llmcli.engines.known_ids import Table
from llmcli.errors import InputError
from llmcli.spec.training import Training
from llmcli.training.corpus import Blocks, encode_files
from llmcli.training.new_tokenizers import END_OF_TEXT, train_tokenizer

TEXT = Training((), "", columns=("text",))


def test_the_tokenizer_writes_any_text_back(bpe):
    for text in ("Once upon a time", "我明天要去看电影。", "\x00\x7f\u00e9\U0001f600 \n\t  x"):
        assert bpe.decode(bpe(text)["input_ids"]) == text


def test_the_tokenizer_has_the_size_asked_for_and_one_special_token(bpe):
    assert len(bpe) == 300
    assert bpe.all_special_tokens == [END_OF_TEXT]
    assert bpe.eos_token_id == bpe.bos_token_id == 0


def test_frequent_words_become_one_token(bpe):
    assert len(bpe(" cat")["input_ids"]) == 1


def test_a_vocabulary_too_small_for_the_bytes_is_refused():
    with pytest.raises(InputError, match="vocab_size 200"):
        train_tokenizer(["text"], vocab_size=200, max_length=8)


def table(tokenizer, rows=None):
    rows = rows or len(tokenizer)
    return Table("a model", rows, rows, tokenizer)


def test_documents_follow_one_another_with_the_end_token_between(bpe, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a cat"}\n{"text": "a dog"}\n')
    kept, held = encode_files(table(bpe), [str(path)], TEXT)
    assert bpe.decode(kept) == f"a cat{END_OF_TEXT}a dog{END_OF_TEXT}"
    assert kept.dtype == np.uint32 and len(held) == 0


def test_of_ten_documents_one_is_held_out(bpe, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f'{{"text": "{n} "}}\n' for n in range(30)))
    table = Table("a model", len(bpe), len(bpe), bpe)
    streams = encode_files(table, [str(path)], replace(TEXT, seed=5), held_out=0.1)
    kept, held = ([int(n) for n in bpe.decode(ids, True).split()] for ids in streams)
    assert [n // 10 for n in held] == [0, 1, 2] and sorted(kept + held) == list(range(30))


def test_the_end_of_a_txt_file_is_held_out(bpe, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("abcdefghij" * 100)
    kept, held = encode_files(
        Table("a model", len(bpe), len(bpe), bpe), [str(path)], TEXT, held_out=0.25
    )
    whole, _ = encode_files(table(bpe), [str(path)], TEXT)
    assert len(held) == int(len(whole) * 0.25)
    assert np.concatenate([kept, held]).tolist() == whole.tolist()


@pytest.mark.parametrize("model_type", ["bert", "gpt2", "marian"])
def test_the_same_text_gives_the_same_vocabulary(model_type):
    from llmcli.training.new_tokenizers import new_tokenizer

    draw = random.Random(0)
    words = [f"word{at}" for at in range(200)]
    texts = [" ".join(draw.choices(words, k=20)) for _ in range(200)]
    one, other = (new_tokenizer(model_type, texts, 300, 64)[0].get_vocab() for _ in range(2))
    assert one == other and len(one) > 100


def test_blocks_are_equal_pieces_and_the_rest_is_dropped():
    blocks = Blocks(np.arange(10, dtype=np.uint32), 4)
    assert len(blocks) == 2
    assert blocks[1]["input_ids"].tolist() == [4, 5, 6, 7]
    assert blocks[1]["labels"].tolist() == [4, 5, 6, 7]  # the loss leaves out the first


def test_a_token_without_a_vector_is_refused_where_it_is(bpe, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n{"text": "\\ud83d\\ude00"}\n')
    largest = max(bpe("a")["input_ids"])
    with pytest.raises(InputError, match=r"a.jsonl, line 2: the text has the token .* only"):
        encode_files(table(bpe, rows=largest + 1), [str(path)], TEXT)
