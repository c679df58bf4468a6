"""Tokenizers learnt from training text, of the kind that an architecture is used with."""

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
    """Learn a tokenizer of `size` entries; returns what it is, in words, too.

    BERT's kind is an uncased WordPiece, Marian's a SentencePiece unigram, all others' a byte-level
    BPE. languages: codes that a Marian model is told by tokens of their own. Raises InputError
    for too little text.
    """
    if model_type in ("bert", "distilbert", "electra", "mobilebert", "squeezebert"):
        return _wordpiece(texts, size, max_length), "WordPiece"
    if model_type == "marian":
        return _sentencepiece(texts, size, max_length, languages), "SentencePiece unigram"
    return train_tokenizer(texts, size, max_length), "byte-level BPE"


def _wordpiece(texts: Iterable[str], size: int, max_length: int) -> Any:
    """Source: Devlin et al. 2019, section 3; Wu et al. 2016."""
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertTokenizer

    learnt = BertWordPieceTokenizer(lowercase=True)
    learnt.train_from_iterator(texts, vocab_size=size, min_frequency=2, show_progress=False)
    # The library numbers the same entries otherwise each time: sort them, special ones first.
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    entries = special + sorted(set(learnt.get_vocab()) - set(special))
    vocabulary = {entry: at for at, entry in enumerate(entries)}
    return BertTokenizer(vocab=vocabulary, do_lower_case=True, model_max_length=max_length)


def _sentencepiece(
    texts: Iterable[str], size: int, max_length: int, languages: Iterable[str]
) -> Any:
    """One vocabulary for both sides. Source: Kudo 2018; Junczys-Dowmunt et al. 2018."""
    import sentencepiece
    from transformers import MarianTokenizer

    own = [f">>{code}<<" for code in languages]
    with TemporaryDirectory() as folder:
        model, vocabulary = Path(folder, "joint.spm"), Path(folder, "vocab.json")
        try:
            with model.open("wb") as file:
                sentencepiece.SentencePieceTrainer.train(
                    sentence_iterator=(text for text in texts if text.strip()),
                    model_writer=file,
                    vocab_size=size - len(own) - 1,  # and the padding
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
            raise InputError(f"no vocabulary can be learnt from the text: {reason}") from None
        pieces = sentencepiece.SentencePieceProcessor(model_file=str(model))
        names = [pieces.id_to_piece(at) for at in range(len(pieces))] + own + ["<pad>"]
        vocabulary.write_text(json.dumps({name: at for at, name in enumerate(names)}))
        return MarianTokenizer(
            source_spm=str(model),
            target_spm=str(model),
            vocab=str(vocabulary),
            model_max_length=max_length,
            source_lang="en",
            target_lang="mul" if own else "en",
        )


END_OF_TEXT = "<|endoftext|>"


def train_tokenizer(texts: Iterable[str], vocab_size: int, max_length: int) -> Any:
    """Learn a byte-level BPE of `vocab_size` entries, GPT-2's kind.

    Its first 257 entries are END_OF_TEXT and the bytes, so that any text can be written.
    Fewer entries come out where the text does not yield that many merges.
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
