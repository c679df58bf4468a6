"""What share of a text a vocabulary does not have, counted by hand."""

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from llmcli.models.checkpoint import STARTERS, Checkpoint
from llmcli.tokenization.load import load_tokenizer
from llmcli.tokenization.unknown import UnknownShare
from tests.tiny_models import word_tokenizer


def starter(name):
    return UnknownShare(load_tokenizer(Checkpoint(name, STARTERS / name, "starter")))


@pytest.fixture(scope="module")
def bert():
    return starter("bert-en")


@pytest.fixture(scope="module")
def stories():
    return starter("gpt2-stories")


@pytest.fixture(scope="module")
def marian():
    return starter("marian-en-fr-zh")


READABLE = [
    "The cat sat on the mat.",
    "Où êtes-vous allée hier après-midi ?",
    "Tôi sẽ đi xem phim vào ngày mai.",
    "— “hello” … ‘yes’",
    "for (i = 0; i < 10; i++) { x += 1; }",
    "https://example.com/a?b=c&d=e 12345 67.89%",
    "I love it 😀",
    "我用 Python 写代码, it works",  # 13 of 18 characters are known
    "",
    " ",
]


@pytest.mark.parametrize("text", READABLE)
def test_texts_that_can_be_read_have_no_share(bert, stories, marian, text):
    assert [share.of(text) for share in (bert, stories, marian)] == [None, None, None]


@pytest.mark.parametrize(
    ("text", "by_bert", "by_stories", "by_marian"),
    [
        ("看电影去", 1.0, 1.0, None),  # marian-en-fr-zh reads Chinese
        ("나는 내일 영화를 보러 갈 거예요.", 0.93, 0.93, 0.93),  # 14 letters, and a full stop
        ("Αύριο θα πάω σινεμά.", 0.94, 0.94, 0.94),  # 16 and a full stop
        ("Привет, как дела?", 0.67, 0.87, 0.87),  # к, а, к are tokens of bert-en: 10 or 13 of 15
        ("สวัสดี", 1.0, 1.0, 1.0),  # with vowel signs, which are no letters
        ("😀🎉", 1.0, 1.0, 1.0),
    ],
)
def test_texts_in_another_script_have_the_share_of_its_characters(
    bert, stories, marian, text, by_bert, by_stories, by_marian
):
    assert [share.of(text) for share in (bert, stories, marian)] == [by_bert, by_stories, by_marian]


def test_the_worst_of_several_texts_counts(bert):
    assert bert.of("What?", "看电影") == bert.of("看电影", None) == 1.0


def test_a_gap_is_no_part_of_the_text(bert):
    assert bert.of("我[MASK]欢电影") == bert.of("我<mask>欢电影") == 1.0


def test_a_word_is_unknown_as_a_whole_where_a_letter_of_it_is():
    words = {"[UNK]": 0, "e": 1, "##t": 2, "##e": 3, "cat": 4, "看": 5}
    tokenizer = Tokenizer(models.WordPiece(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    share = UnknownShare(PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]"))
    assert share.of("été cat") is None  # 3 of 6
    assert share.of("étété cat") == 0.62  # 5 of 8, though most letters are known
    assert share.of("看 cat") is None


def test_a_word_that_word_pieces_do_not_split_is_unknown(bert):
    assert bert.of("x" * 101) == 1.0
    assert bert.of("x" * 100) is None


def test_unknown_words_count_by_their_letters():
    share = UnknownShare(word_tokenizer())
    assert share.of("the zzz") is None  # 3 of 6: no more than half
    assert share.of("the zzzz") == 0.57  # 4 of 7


def test_a_long_text_is_judged_by_its_ends(bert):
    assert bert.of("看" * 11_000 + " the cat sat" * 900 + "看" * 11_000) == 1.0


CHINESE = "我明天要去看电影你好吗"


def byte_level(tokenizer):
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return UnknownShare(PreTrainedTokenizerFast(tokenizer_object=tokenizer))


def alphabet():
    return {letter: at for at, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}


def test_bytes_alone_are_how_such_a_vocabulary_spells_everything():
    assert byte_level(Tokenizer(models.BPE(alphabet(), []))).of(CHINESE) is None


def test_a_byte_level_vocabulary_that_has_the_script_reads_it():
    from tokenizers.trainers import BpeTrainer

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = BpeTrainer(vocab_size=290, initial_alphabet=list(alphabet()), show_progress=False)
    tokenizer.train_from_iterator([CHINESE] * 3, trainer)
    share = byte_level(tokenizer)
    assert share.of(CHINESE) is None  # 34 merges: some letters are whole, others are in bytes
    assert share.of("Привет") == 1.0


def fallback(*words):
    """A BPE that spells in bytes what it does not have, as that of Llama."""
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581", *words]
    vocabulary = {piece: at for at, piece in enumerate(pieces)}
    model = models.BPE(vocabulary, [], unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(split=False)
    return UnknownShare(PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>"))


def test_letters_that_fall_back_to_bytes_are_unknown():
    share = fallback(*"abcdefghijklmnopqrstuvwxyz")
    assert share.of(f"cat {CHINESE}") == 0.79  # 11 of 14
    assert share.of("cat") is None
    assert fallback(*"abc", *CHINESE).of(CHINESE + "的是不了在") is None
