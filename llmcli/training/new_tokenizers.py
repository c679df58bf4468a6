"""Trains new tokenizers, of the type each model architecture is normally used with."""

import json
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from llmcli.errors import InputError


def new_tokenizer(
    model_type: str,
    texts: Iterable[str],
    size: int,
    max_length: int,
    languages: Iterable[str] = (),
) -> tuple[Any, str]:
    """Train a tokenizer with up to `size` entries; return it and the name of its type.

    BERT-like models get an uncased WordPiece tokenizer, Marian a SentencePiece unigram tokenizer,
    all others byte-level BPE. max_length: the model's context length, in tokens.
    languages: codes of the target languages, each a special token of a Marian tokenizer.
    Raises InputError if the text is too small for a vocabulary.
    """
    if model_type in ("bert", "distilbert", "electra", "mobilebert", "squeezebert"):
        return _wordpiece(texts, size, max_length), "WordPiece"
    if model_type == "marian":
        return _sentencepiece(texts, size, max_length, languages), "SentencePiece unigram"
    return train_tokenizer(texts, size, max_length), "byte-level BPE"


def _wordpiece(texts: Iterable[str], size: int, max_length: int) -> Any:
    """Train an uncased WordPiece tokenizer.

    Source: Devlin et al. 2019, section 3; Wu et al. 2016.
    """
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertTokenizer

    wordpiece = BertWordPieceTokenizer(lowercase=True)
    wordpiece.train_from_iterator(texts, vocab_size=size, min_frequency=2, show_progress=False)
    # The library assigns ids in a different order on each run. Sorting makes them reproducible;
    # special tokens come first.
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    entries = special + sorted(set(wordpiece.get_vocab()) - set(special))
    vocabulary = {entry: index for index, entry in enumerate(entries)}
    return BertTokenizer(vocab=vocabulary, do_lower_case=True, model_max_length=max_length)


def _sentencepiece(
    texts: Iterable[str], size: int, max_length: int, languages: Iterable[str]
) -> Any:
    """Train a unigram vocabulary of source and target (Kudo 2018; Junczys-Dowmunt et al. 2018)."""
    import sentencepiece
    from transformers import MarianTokenizer

    codes = [f">>{code}<<" for code in languages]
    with TemporaryDirectory() as folder:
        model, vocabulary = Path(folder, "joint.spm"), Path(folder, "vocab.json")
        try:
            with model.open("wb") as file:
                sentencepiece.SentencePieceTrainer.train(
                    sentence_iterator=(text for text in texts if text.strip()),
                    model_writer=file,
                    vocab_size=size - len(codes) - 1,  # 1 for <pad>
                    character_coverage=0.9999,
                    hard_vocab_limit=False,
                    bos_id=-1,
                    eos_id=0,
                    unk_id=1,
                    pad_id=-1,
                    minloglevel=2,
                )
        except RuntimeError as error:
            reason = str(error).splitlines()[-1][:200]
            raise InputError(f"cannot learn a vocabulary from the text: {reason}") from None
        pieces = sentencepiece.SentencePieceProcessor(model_file=str(model))
        learned = map(pieces.id_to_piece, range(len(pieces)))
        entries = [*learned, *codes, "<pad>"]
        vocabulary.write_text(json.dumps({entry: index for index, entry in enumerate(entries)}))
        return MarianTokenizer(
            source_spm=str(model),
            target_spm=str(model),
            vocab=str(vocabulary),
            model_max_length=max_length,
            source_lang="en",
            target_lang="mul" if codes else "en",
        )


END_OF_TEXT = "<|endoftext|>"


def train_tokenizer(texts: Iterable[str], vocab_size: int, max_length: int) -> Any:
    """Train a byte-level BPE tokenizer, as used by GPT-2, with up to `vocab_size` entries.

    The first 257 entries are END_OF_TEXT and the 256 bytes, so any text can be encoded.
    The vocabulary is smaller if the text does not yield enough merges.
    Raises InputError if `vocab_size` is below 257.
    Source: Radford et al. 2019, section 2.2; Sennrich et al. 2016.
    """
    if vocab_size < 257:
        raise InputError(f"vocab_size {vocab_size}: byte-level BPE needs 257 or more")
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        unk_token=END_OF_TEXT,
        model_max_length=max_length,
        clean_up_tokenization_spaces=False,
    )
