"""Tiny models of random weights, made on the spot: a causal one, BERT and Marian."""

import json
import warnings
from pathlib import Path
from typing import Any

STORY = (
    "Once upon a time, there was a little cat. The cat sat on a mat and looked at the moon. "
    "One day the cat saw a dog. The dog said, hello cat! 我明天要去看电影。 They were friends.\n"
)


def make_causal(bpe: Any, folder: Path, **settings: Any) -> Path:
    """Save a random causal model of a given architecture over the BPE's vocabulary."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(1)
    ends = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), 0)
    fixed = {"vocab_size": len(bpe), "tie_word_embeddings": False, **ends}
    config = AutoConfig.for_model(**{**fixed, **settings})
    model = AutoModelForCausalLM.from_config(config)
    for parameter in model.parameters():  # far from uniform: varied texts, and no near ties
        parameter.data.mul_(3.0)
    model.save_pretrained(folder)
    bpe.save_pretrained(folder)
    return folder


GPT2 = {"model_type": "gpt2", "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64}


LLAMA = {
    "model_type": "llama",
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 64,
}


BLOOM = {"model_type": "bloom", "hidden_size": 16, "n_layer": 2, "n_head": 2}


MAMBA = {"model_type": "mamba", "hidden_size": 16, "num_hidden_layers": 2, "state_size": 4}


def metaspace_tokenizer() -> Any:
    """Whole words with their space in front, as SentencePiece vocabularies have them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<unk>", "\u2581the", "\u2581cat", "\u2581sat", "\u2581on"]
    words += [f"\u2581w{n}" for n in range(295)]
    vocabulary = {word: at for at, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


WORDS = ("the", "cat", "sat", "on", "mats")


MORE_WORDS = ("a", "dog", "ran", "who", "where", "is", "good", "bad", "this", "it", ".", "?")


def word_tokenizer(words: tuple[str, ...] = WORDS) -> Any:
    """Whole words, with BERT's special tokens around a text or a pair of them."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    entries = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    vocabulary = {word: at for at, word in enumerate(entries)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    names = {"unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "pad": "[PAD]", "mask": "[MASK]"}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **{f"{key}_token": value for key, value in names.items()},
    )


def make_bert(folder: Path, head: str, words: tuple[str, ...] = WORDS, **settings: Any) -> Path:
    """Save a random BERT over whole words, with a head: MaskedLM, SequenceClassification, ..."""
    import torch
    import transformers

    tokenizer = word_tokenizer(words)
    torch.manual_seed(0)
    shape = {
        "vocab_size": len(tokenizer),
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "max_position_embeddings": 16,
    }
    model_class = getattr(transformers, f"BertFor{head}" if head else "BertModel")
    model = model_class(transformers.BertConfig(**{**shape, **settings}))
    if words is not WORDS:
        for parameter in model.parameters():  # far from uniform: varied results, no near ties
            parameter.data.mul_(8.0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def labels(names: dict[int, str]) -> dict[str, Any]:
    """What a configuration says of its labels."""
    return {"id2label": names, "label2id": {name: at for at, name in names.items()}}


def train_sentencepieces(folder: Path) -> list[str]:
    """Write source.spm and target.spm, learnt from one short text; the pieces of the first."""
    import sentencepiece

    text = folder / "text"
    text.write_text(STORY * 3 + "Le chat est sur le tapis. Bonjour, mes amis !\n", "utf-8")
    for side in ("source", "target"):
        sentencepiece.SentencePieceTrainer.train(
            input=str(text),
            model_prefix=str(folder / side),
            vocab_size=90,
            character_coverage=1.0,
            hard_vocab_limit=False,
            minloglevel=2,
        )
        (folder / f"{side}.model").rename(folder / f"{side}.spm")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "source.spm"))
    return [processor.id_to_piece(at) for at in range(3, processor.get_piece_size())]


MARIAN = {
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "max_position_embeddings": 48,
    "eos_token_id": 0,
    "forced_eos_token_id": 0,
}


def make_marian(folder: Path, codes: tuple[str, ...] = (), **settings: Any) -> Path:
    """Save a random Marian model with SentencePiece tokenizers of its own.

    codes: tokens such as >>fra<<, for a model with several target languages. settings: of its
    tokenizer, such as source_lang.
    """
    import torch
    from transformers import MarianConfig, MarianMTModel

    folder.mkdir()
    entries = ["</s>", "<unk>", *train_sentencepieces(folder), *codes, "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({word: at for at, word in enumerate(entries)}))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "MarianTokenizer", **settings})
    )
    pad = len(entries) - 1
    torch.manual_seed(3)
    model = MarianMTModel(
        MarianConfig(
            vocab_size=len(entries), pad_token_id=pad, decoder_start_token_id=pad, **MARIAN
        )
    )
    for parameter in model.parameters():
        parameter.data.mul_(6.0)
    given = model.generation_config
    given.bad_words_ids, given.num_beams, given.max_length = [[pad]], 3, 12
    given.renormalize_logits = True
    model.save_pretrained(folder)
    return folder


def scaled(folder: Path, factor: float) -> Path:
    """Multiply all weights: models that have to learn start nearer to uniform predictions."""
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    state = {name: value * factor for name, value in load_file(path).items()}
    save_file(state, path, metadata={"format": "pt"})
    return folder


def make_tagger(folder: Path, tags: dict[str, str], rest: str = "O", **settings: Any) -> Path:
    """Save a BERT that gives each word the tag that is given for it, and `rest` to unknown words.

    Its states are the one-hot vectors of the tags, which no layer changes but for their scale.
    """
    import torch

    names = sorted({*tags.values(), rest})
    size = len(names)
    shape = {"hidden_size": size, "num_attention_heads": 1, "intermediate_size": size}
    numbered = labels(dict(enumerate(names)))
    make_bert(folder, "TokenClassification", tuple(tags), **{**shape, **numbered, **settings})
    from transformers import BertForTokenClassification

    model = BertForTokenClassification.from_pretrained(folder)
    for name, parameter in model.named_parameters():
        parameter.data.fill_(float("LayerNorm.weight" in name))
    words = model.bert.embeddings.word_embeddings.weight.data
    for at, tag in enumerate([*[rest] * 5, *tags.values()]):
        words[at, names.index(tag)] = 1.0
    model.classifier.weight.data.copy_(4 * torch.eye(size))
    model.save_pretrained(folder)
    return folder


LORA_TARGETS = r".*\.(query|value|c_attn|q_proj|v_proj)"


def make_adapters(
    base: Path, folder: Path, task_type: str, auto_class: str, **settings: Any
) -> Path:
    """Save random LoRA adapters for a model as peft does: without configuration and tokenizer."""
    import peft
    import torch
    import transformers

    heads = {name: settings.pop(name) for name in ("num_labels",) if name in settings}
    network = getattr(transformers, auto_class).from_pretrained(base, **heads)
    chosen = {"r": 4, "target_modules": LORA_TARGETS, **settings}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft uses deprecated names of transformers
        adapted = peft.get_peft_model(network, peft.LoraConfig(task_type=task_type, **chosen))
    torch.manual_seed(5)
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:  # zero in new adapters
            torch.nn.init.normal_(weight, std=0.5)
    adapted.save_pretrained(folder)
    return folder
