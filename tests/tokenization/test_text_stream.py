import random

import pytest
from transformers.convert_slow_tokenizer import bytes_to_unicode

from llmcli.tokenization.text_stream import (
    TextStream,
    byte_of_character,
    is_byte_level,
    readable,
    token_bytes,
    token_namer,
)

ARTICLE = "我明天要去看电影。"


def pieces_of(tokenizer, ids, stop=(), is_cut=False):
    stream = TextStream(tokenizer, stop)
    pieces = [stream.push(token) for token in ids]
    return [*pieces, stream.flush(is_cut=is_cut)], stream


def test_the_byte_table_is_that_of_gpt2():
    assert byte_of_character() == {char: byte for byte, char in bytes_to_unicode().items()}


def test_tokens_of_byte_level_bpe_spell_the_bytes_of_the_text(bpe):
    text = f"Once {ARTICLE}\n\tcafé"
    tokens = bpe.convert_ids_to_tokens(bpe(text)["input_ids"])
    assert b"".join(token_bytes(token, byte_level=True) for token in tokens) == text.encode()


@pytest.mark.parametrize(
    ("piece", "expected"),
    [("<0xE6>", b"\xe6"), ("\u2581cat", b" cat"), ("##ing", b"##ing"), ("<0x>", b"<0x>")],
)
def test_tokens_of_other_vocabularies_spell_their_text(piece, expected):
    assert token_bytes(piece, byte_level=False) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b" a", " a"), (b"\n", "\\n"), (b"\xe7\x9c", "<E7 9C>"), ("看".encode(), "看")],
)
def test_partial_characters_are_shown_as_their_bytes(data, expected):
    assert readable(data) == expected


def test_a_vocabulary_knows_whether_it_is_byte_level(bpe, tiny_bert):
    from transformers import AutoTokenizer

    assert is_byte_level(bpe)
    assert not is_byte_level(AutoTokenizer.from_pretrained(tiny_bert))


def test_a_namer_names_every_token_of_a_text(bpe):
    name = token_namer(bpe)
    assert [name(token) for token in bpe("看")["input_ids"]] == ["<E7>", "<9C>", "<8B>"]


def test_streamed_chinese_never_shows_half_a_character(bpe):
    ids = bpe(ARTICLE)["input_ids"]
    pieces, _ = pieces_of(bpe, ids)
    assert len(ids) > len(ARTICLE)
    assert "".join(pieces) == ARTICLE
    assert not any("\ufffd" in piece for piece in pieces)
    assert "我" in pieces  # it comes as soon as it is whole


@pytest.mark.parametrize("seed", range(30))
def test_streamed_text_equals_decoded_text_for_any_tokens(bpe, seed):
    ids = random.Random(seed).choices(range(len(bpe)), k=60)
    pieces, _ = pieces_of(bpe, ids)
    assert "".join(pieces) == bpe.decode(ids, skip_special_tokens=True)


def test_words_of_a_wordpiece_vocabulary_keep_their_spaces(tiny_bert):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    ids = tokenizer("the cat sat", add_special_tokens=False)["input_ids"]
    pieces, _ = pieces_of(tokenizer, ids)
    assert "".join(pieces) == "the cat sat"


def test_the_space_before_the_first_word_is_kept_after_a_prompt():
    from tests.tiny_models import metaspace_tokenizer

    tokenizer = metaspace_tokenizer()
    prompt, new = [1, 2], [3, 4]
    assert tokenizer.decode(new) == "sat on"  # alone, the space is dropped
    stream = TextStream(tokenizer, after=prompt)
    assert [stream.push(token) for token in new] == [" sat", " on"]
    alone = TextStream(tokenizer)
    assert [alone.push(token) for token in new] == ["sat", " on"]


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        (("cat",), "Once a "),
        (("t sat",), "Once a ca"),
        (("dog", "sat"), "Once a cat "),
        (("sat on", "cat"), "Once a "),
        (("nothing",), "Once a cat sat on"),
        (("on it",), "Once a cat sat on"),
    ],
)
def test_text_ends_before_the_first_stop_string(bpe, stop, expected):
    pieces, stream = pieces_of(bpe, bpe("Once a cat sat on")["input_ids"], stop)
    assert "".join(pieces) == expected
    assert stream.stopped is (expected != "Once a cat sat on")


def test_what_may_begin_a_stop_string_is_held_back(bpe):
    stream = TextStream(bpe, ("\n\nEND",))
    shown = "".join(stream.push(token) for token in bpe("a\n\nE")["input_ids"])
    assert shown == "a"
    assert stream.flush() == "\n\nE"


def test_nothing_comes_after_a_stop_string(bpe):
    pieces, stream = pieces_of(bpe, bpe("a cat sat")["input_ids"], (" cat",))
    assert "".join(pieces) == "a"
    assert stream.push(5) == ""


@pytest.fixture(scope="module")
def words():
    """Whole words with their spaces, and special tokens between which a model may write."""
    from tests.tiny_models import metaspace_tokenizer

    tokenizer = metaspace_tokenizer()
    tokenizer.add_special_tokens({"eos_token": "</s>", "additional_special_tokens": ["<|im_end|>"]})
    return tokenizer


THE, CAT, SAT, ON, END, TURN = 1, 2, 3, 4, 300, 301


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([THE, TURN, CAT, SAT], "the cat sat"),
        ([THE, TURN, END, TURN, CAT], "the cat"),
        ([TURN, THE, CAT, END], "the cat"),
        ([THE, *[TURN] * 40, CAT], "the cat"),
    ],
)
def test_a_token_that_spells_nothing_leaves_the_spaces(words, ids, expected):
    pieces, _ = pieces_of(words, ids)
    assert "".join(pieces) == expected == words.decode(ids, skip_special_tokens=True)


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        (("</s>",), "the cat"),
        (("<|im_end|>",), "the"),
        (("<|im_end|>", "</s>"), "the"),
        (("cat</s>",), "the "),  # text before the token
        (("</s> sat",), "the cat"),  # text after it
        (("</s> on",), "the cat sat on"),
        (("<|im",), "the"),
    ],
)
def test_a_stop_string_may_name_a_special_token(words, stop, expected):
    pieces, stream = pieces_of(words, [THE, TURN, CAT, END, SAT, ON], stop)
    assert "".join(pieces) == expected
    assert stream.stopped is (not expected.endswith("on"))


def test_a_special_token_in_the_middle_of_a_character_stops_too(bpe):
    ids = [*bpe("a")["input_ids"], *bpe("看")["input_ids"][:2], bpe.eos_token_id]
    pieces, stream = pieces_of(bpe, ids, (bpe.eos_token,))
    assert stream.stopped and "".join(pieces) == bpe.decode(ids, skip_special_tokens=True)


@pytest.mark.parametrize("size", range(1, 9))
def test_a_text_that_is_cut_ends_with_a_whole_character(bpe, size):
    ids = bpe("a看电影")["input_ids"][:size]
    pieces, _ = pieces_of(bpe, ids, is_cut=True)
    assert "".join(pieces) == bytes.decode("a看电影".encode()[:size], errors="ignore")
    whole, _ = pieces_of(bpe, ids)
    assert "".join(whole) == bpe.decode(ids)


@pytest.mark.parametrize("is_cut", [True, False])
def test_ids_that_are_decoded_at_once_give_the_text_of_ids_that_come_one_by_one(bpe, is_cut):
    ids = bpe.encode(" the cat — 明天 🙂 sat")
    for count in range(len(ids) + 1):
        one_by_one, at_once = (TextStream(bpe, after=ids[:2]) for _ in range(2))
        at_once.append(ids[2:count])
        pushed = "".join([*map(one_by_one.push, ids[2:count]), one_by_one.flush(is_cut=is_cut)])
        assert at_once.flush(is_cut=is_cut) == pushed
