"""Classifiers that read the last end-of-text token: batches of texts that hold such tokens."""

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BartConfig,
    MT5Config,
    PreTrainedTokenizerFast,
    T5Config,
    UMT5Config,
)

from llmcli.data.rows import Failure, Row
from llmcli.spec import ModelSpec
from llmcli.spec.tasks import ClassifyOptions
from llmcli.tasks import classify as task

WORDS = ["<pad>", "</s>", "<unk>", "the", "cat", "sat", "a", "dog", "moon"]
TEXTS = ["the cat", "the </s> cat sat", "a </s> dog </s> sat", "moon", " </s>", "<pad> cat <pad>"]
SHAPE = {"vocab_size": len(WORDS), "d_model": 16, "num_labels": 3, "eos_token_id": 1}
T5 = {"d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2, "decoder_start_token_id": 0}
BART = {
    **{"encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2},
    **{"decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32},
    **{"max_position_embeddings": 64, "bos_token_id": 2, "decoder_start_token_id": 1},
}
CONFIGS = [T5Config(**SHAPE, **T5), MT5Config(**SHAPE, **T5), UMT5Config(**SHAPE, **T5)]
CONFIGS += [BartConfig(**SHAPE, **BART, pad_token_id=0)]


def make(folder, config, *, ends=True):
    words = Tokenizer(models.WordLevel({w: at for at, w in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if ends:
        special = [("</s>", 1)]
        words.post_processor = processors.TemplateProcessing(
            single="$A </s>", special_tokens=special
        )
    names = {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=words, **names).save_pretrained(folder)
    torch.manual_seed(0)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    return folder


def classified(folder, texts, *, allow_special=True):
    loaded = task.load(ModelSpec(str(folder), allow_special=allow_special), ClassifyOptions())
    rows = [Row(number, text) for number, text in enumerate(texts, 1)]
    return list(task.classify(loaded, rows, ClassifyOptions()))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
@pytest.mark.parametrize("ends_pad", [False, True])
def test_a_batch_gives_what_transformers_gives_for_each_text(config, tmp_path, ends_pad):
    folder = make(tmp_path / "model", config)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if ends_pad:  # padding is the end token, too
        model.config.pad_token_id = 1
        model.save_pretrained(folder)
    for result, text in zip(classified(folder, TEXTS), TEXTS, strict=True):
        with torch.no_grad():
            logits = model(**tokenizer(text, return_tensors="pt")).logits[0]
        scores = {score.label: score.score for score in result.scores}
        expected = logits.softmax(-1).tolist()
        assert [scores[f"LABEL_{at}"] for at in range(3)] == pytest.approx(expected, abs=1e-5)


def test_a_typed_end_is_text_unless_it_is_allowed(tmp_path):
    folder = make(tmp_path / "model", CONFIGS[0])
    results = classified(folder, TEXTS, allow_special=False)
    assert not any(isinstance(result, Failure) for result in results)


def test_a_text_without_an_end_is_refused_alone(tmp_path):
    folder = make(tmp_path / "model", CONFIGS[0], ends=False)
    first, second = classified(folder, ["the cat", "the cat </s>"])
    assert isinstance(first, Failure) and "no end-of-text token" in first.error
    assert second.label
