"""Tiny models of random weights of many families, each with a tokenizer, made on the spot."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.tiny_models import (
    BLOOM,
    GPT2,
    LLAMA,
    MAMBA,
    MORE_WORDS,
    STORY,
    WORDS,
    make_causal,
    make_marian,
    train_sentencepieces,
    word_tokenizer,
)

TEXT = "the cat sat on the mat. the cat sat"
"""A text with repeated words, which every tokenizer below can read."""
TARGET = "Le chat est sur le tapis."

Kind = Literal["causal", "masked", "seq2seq"]


@dataclass(frozen=True)
class Family:
    """One family of models: how a tiny model of it is made, and of what kind it is.

    make: saves a model and its tokenizer in a folder; the first argument is the fixture `bpe`.
    has_interface: whether its modelling file calls transformers' attention interface.
    needs: what has to be said of its text, as ExplainOptions has it.
    """

    name: str
    kind: Kind
    make: Callable[[Any, Path], Path]
    has_interface: bool = True
    needs: dict[str, Any] = field(default_factory=dict)


SHAPE = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
}
CAUSAL: dict[str, dict[str, Any]] = {
    "gpt2": GPT2,
    "llama": LLAMA,
    "qwen3": {**LLAMA, "model_type": "qwen3", "head_dim": 8},
    "gemma2": {
        **LLAMA,
        "model_type": "gemma2",
        "head_dim": 8,
        "query_pre_attn_scalar": 8,
        "attn_logit_softcapping": 2.0,
        "final_logit_softcapping": 5.0,
        "sliding_window": 4,
    },
    "gpt_neox": {**SHAPE, "model_type": "gpt_neox"},
    "opt": {
        "model_type": "opt",
        "hidden_size": 16,
        "word_embed_proj_dim": 16,
        "ffn_dim": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 64,
    },
    "bloom": BLOOM,
    "falcon": {
        "model_type": "falcon",
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    },
    "mpt": {"model_type": "mpt", "d_model": 16, "n_layers": 2, "n_heads": 2, "max_seq_len": 64},
    "mamba": MAMBA,
}


def causal(model_type: str, **choices: Any) -> Family:
    """A causal family over the byte-level BPE."""
    settings = CAUSAL[model_type]
    return Family(
        model_type, "causal", lambda bpe, folder: make_causal(bpe, folder, **settings), **choices
    )


def save(model: Any, tokenizer: Any, folder: Path, factor: float) -> Path:
    """Save a model, with its weights scaled so that its predictions are far from uniform."""
    for parameter in model.parameters():
        parameter.data.mul_(factor)
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


def make_bert(bpe: Any, folder: Path) -> Path:
    """A masked BERT of two layers over whole words."""
    import torch
    from transformers import BertConfig, BertForMaskedLM

    tokenizer = word_tokenizer(WORDS + MORE_WORDS + ("mat",))
    torch.manual_seed(0)
    model = BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), **SHAPE))
    return save(model, tokenizer, folder, 4.0)


def make_deberta(bpe: Any, folder: Path) -> Path:
    """A masked DeBERTa-v2, whose attention has its own code for relative positions."""
    import torch
    from transformers import DebertaV2Config, DebertaV2ForMaskedLM

    tokenizer = word_tokenizer(WORDS + MORE_WORDS + ("mat",))
    torch.manual_seed(0)
    positions = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]}
    config = DebertaV2Config(vocab_size=len(tokenizer), **SHAPE, **positions)
    return save(DebertaV2ForMaskedLM(config), tokenizer, folder, 4.0)


def make_distilbert(bpe: Any, folder: Path) -> Path:
    """A masked DistilBERT over whole words; it has no token types."""
    import torch
    from transformers import DistilBertConfig, DistilBertForMaskedLM

    tokenizer = word_tokenizer(WORDS + MORE_WORDS + ("mat",))
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    torch.manual_seed(0)
    shape = {"dim": 16, "hidden_dim": 32, "n_layers": 2, "n_heads": 2}
    config = DistilBertConfig(vocab_size=len(tokenizer), max_position_embeddings=64, **shape)
    return save(DistilBertForMaskedLM(config), tokenizer, folder, 4.0)


def bytes_between_ends() -> Any:
    """A byte-level BPE with <s> and </s> around a text, as RoBERTa and BART have it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([STORY] * 3, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    names = {"bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>", "pad": "<pad>"}
    names |= {"unk": "<unk>", "mask": "<mask>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_input_names=["input_ids", "attention_mask"],
        model_max_length=62,
        **{f"{key}_token": value for key, value in names.items()},
    )


def make_roberta(bpe: Any, folder: Path) -> Path:
    """A masked RoBERTa, whose positions begin after the padding index."""
    import torch
    from transformers import RobertaConfig, RobertaForMaskedLM

    tokenizer = bytes_between_ends()
    torch.manual_seed(0)
    ends = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
    config = RobertaConfig(vocab_size=len(tokenizer), type_vocab_size=1, **SHAPE, **ends)
    return save(RobertaForMaskedLM(config), tokenizer, folder, 4.0)


BART = {
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "max_position_embeddings": 64,
}


def make_bart(bpe: Any, folder: Path) -> Path:
    """A BART over bytes."""
    import torch
    from transformers import BartConfig, BartForConditionalGeneration

    tokenizer = bytes_between_ends()
    torch.manual_seed(0)
    ends = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
    config = BartConfig(vocab_size=len(tokenizer), **BART, **ends, forced_eos_token_id=2)
    return save(BartForConditionalGeneration(config), tokenizer, folder, 4.0)


def make_t5(bpe: Any, folder: Path) -> Path:
    """A T5 over bytes, with </s> after a text; a bias of positions is added to its scores."""
    import torch
    from tokenizers import processors
    from transformers import T5Config, T5ForConditionalGeneration

    tokenizer = bytes_between_ends()
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 2)]
    )
    torch.manual_seed(0)
    shape = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
    ends = {"pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    config = T5Config(vocab_size=len(tokenizer), **shape, **ends, relative_attention_num_buckets=8)
    return save(T5ForConditionalGeneration(config), tokenizer, folder, 1.0)


def make_m2m100(bpe: Any, folder: Path) -> Path:
    """An M2M100 from English to French: the language stands before a text."""
    import torch
    from transformers import M2M100Config, M2M100ForConditionalGeneration, M2M100Tokenizer

    folder.mkdir()
    entries = ["<s>", "<pad>", "</s>", "<unk>", *train_sentencepieces(folder)]
    (folder / "vocab.json").write_text(json.dumps({word: at for at, word in enumerate(entries)}))
    (folder / "source.spm").rename(folder / "sentencepiece.bpe.model")
    (folder / "target.spm").unlink()
    files = str(folder / "vocab.json"), str(folder / "sentencepiece.bpe.model")
    tokenizer = M2M100Tokenizer(*files, src_lang="en", tgt_lang="fr")
    largest = max(tokenizer.lang_token_to_id.values())  # the languages stand behind the pieces
    torch.manual_seed(0)
    ends = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
    config = M2M100Config(vocab_size=largest + 1, **BART, **ends)
    return save(M2M100ForConditionalGeneration(config), tokenizer, folder, 4.0)


def marian(bpe: Any, folder: Path) -> Path:
    """A Marian model from English to French."""
    return make_marian(folder, source_lang="en", target_lang="fr")


LANGUAGES = {"from_lang": "en", "to_lang": "fr"}
FAMILIES = (
    causal("gpt2"),
    causal("llama"),
    causal("qwen3"),
    causal("gemma2"),
    causal("gpt_neox"),
    causal("opt"),
    Family("bert", "masked", make_bert),
    Family("distilbert", "masked", make_distilbert),
    Family("roberta", "masked", make_roberta),
    Family("t5", "seq2seq", make_t5, needs=LANGUAGES),
    Family("bart", "seq2seq", make_bart),
    Family("marian", "seq2seq", marian),
    Family("m2m100", "seq2seq", make_m2m100, needs=LANGUAGES),
)
"""The families whose attention the probe records."""

WITHOUT_INTERFACE = (
    causal("bloom", has_interface=False),
    causal("falcon", has_interface=False),
    causal("mpt", has_interface=False),
    Family("deberta_v2", "masked", make_deberta, has_interface=False),
)
"""Families that give their weights alone, by `output_attentions`."""

WITHOUT_ATTENTION = (causal("mamba", has_interface=False),)
