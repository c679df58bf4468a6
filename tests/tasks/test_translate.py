"""Translations: against transformers' own generate, sentence by sentence."""

import pytest
import torch
from transformers import T5Config, T5ForConditionalGeneration

from llmcli.data.rows import Failure, Row
from llmcli.engines.pytorch.loading import load
from llmcli.errors import ModelUnsuitable, UsageError
from llmcli.spec import BatchOptions, ModelSpec
from llmcli.spec.tasks import TranslateOptions
from llmcli.tasks import translate as task
from llmcli.tasks.translate import translate
from tests.tiny_models import make_marian

SENTENCES = ["The cat sat on a mat.", "hello cat!", "One day the cat saw a dog.", "moon", "They"]


def rows(*texts):
    return [Row(number, text) for number, text in enumerate(texts, 1)]


def load_translator(folder):
    return load(ModelSpec(str(folder)), ("seq2seq",))


@pytest.fixture(scope="module")
def marian(tiny_marian):
    return load_translator(tiny_marian)


def reference(loaded, text, **settings):
    """The texts that generate gives, and their scores."""
    inputs = loaded.tokenizer(text, return_tensors="pt")
    settings = {"output_scores": True, "return_dict_in_generate": True, **settings}
    with torch.no_grad():
        out = loaded.network.generate(**inputs, **settings)
    texts = loaded.tokenizer.batch_decode(out.sequences, skip_special_tokens=True)
    return [text.strip() for text in texts], getattr(out, "sequences_scores", None)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"num_beams": 1},
        {"num_beams": 5, "num_return_sequences": 4},
        {"num_beams": 2, "max_new_tokens": 5},
        {"length_penalty": 2.0, "num_return_sequences": 2},
        {"length_penalty": -1.0},
        {"repetition_penalty": 1.5},
        {"no_repeat_ngram_size": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("size", [None, 1, 3])
def test_translations_equal_those_of_generate(marian, settings, size):
    spec = TranslateOptions(**settings, split_sentences=False)
    found = list(translate(marian, rows(*SENTENCES), spec, BatchOptions(batch_size=size)))
    for number, text in enumerate(SENTENCES, 1):
        mine = [one for one in found if one.row.number == number]
        texts, scores = reference(marian, text, **settings)
        assert [one.translation for one in mine] == texts
        if scores is not None:
            assert [one.score for one in mine] == pytest.approx(scores.tolist(), abs=1e-4)


@pytest.mark.parametrize(
    "rule",
    [
        {"early_stopping": True},
        {"early_stopping": "never", "length_penalty": 1.5},
        {"min_length": 8},
        {"forced_bos_token_id": 7},
        {"bad_words_ids": [[64], [5, 6], [9]]},
        {"suppress_tokens": [5, 6, 7], "begin_suppress_tokens": [8]},
        {"forced_eos_token_id": None, "renormalize_logits": False},
        {"encoder_repetition_penalty": 2.5},
        {"encoder_no_repeat_ngram_size": 1},
        {"exponential_decay_length_penalty": (2, 1.4)},
        {"sequence_bias": [[[5], -9.0], [[6, 7], 4.0]]},
        {"min_new_tokens": 5, "min_length": 9},
    ],
    ids=str,
)
def test_the_checkpoints_own_settings_are_heeded(tiny_marian, rule):
    loaded = load_translator(tiny_marian)
    for name, value in rule.items():
        setattr(loaded.network.generation_config, name, value)
    found = translate(loaded, rows(*SENTENCES), TranslateOptions(split_sentences=False))
    for result, text in zip(found, SENTENCES, strict=True):
        texts, scores = reference(loaded, text)
        assert result.translation == texts[0]
        assert result.score == pytest.approx(scores[0].item(), abs=1e-4)


def test_a_text_is_translated_sentence_by_sentence_and_put_together_again(marian):
    text = "\n  The cat. The dog!\n\n- One day\n- moon.\n***\n"
    (result,) = translate(marian, rows(text), TranslateOptions())
    one, two, three, four = (
        reference(marian, part)[0][0] for part in ("The cat.", "The dog!", "One day", "moon.")
    )
    assert result.translation == f"\n  {one} {two}\n\n- {three}\n- {four}\n***\n"
    assert [sentence.source for sentence in result.sentences][:2] == ["The cat.", "The dog!"]


def test_several_translations_are_the_best_ways_to_choose_among_sentences(marian):
    spec = TranslateOptions(num_beams=4, num_return_sequences=4)
    found = list(translate(marian, rows("The cat. The dog!"), spec))
    first, one = reference(marian, "The cat.", num_beams=4, num_return_sequences=4)
    second, other = reference(marian, "The dog!", num_beams=4, num_return_sequences=4)
    ways = [
        ((one[a] + other[b]).item() / 2, f"{first[a]} {second[b]}")
        for a in range(4)
        for b in range(4)
    ]
    best = sorted(ways, reverse=True)[:4]
    assert [result.score for result in found] == pytest.approx([score for score, _ in best])
    assert [result.translation for result in found] == [text for _, text in best]
    assert [result.index for result in found] == [0, 1, 2, 3]


def test_a_blank_line_stays_blank_and_an_empty_field_fails(marian):
    blank, empty = translate(
        marian, [Row(1, " "), Row(2, "", fields={"text": ""})], TranslateOptions()
    )
    assert (blank.translation, blank.score, blank.sentences) == (" ", None, ())
    assert isinstance(empty, Failure) and empty.error == "the text is empty"


def test_a_sentence_that_is_too_long_is_cut_or_refused(marian):
    long = "the cat sat on a mat and looked at the moon, " * 6
    (refused,) = translate(
        marian, rows(long), TranslateOptions(), BatchOptions(on_overflow="error")
    )
    assert "the model takes 48" in refused.error
    for how in ("split", "window"):
        (result,) = translate(marian, rows(long), TranslateOptions(), BatchOptions(on_overflow=how))
        assert result.overflow == how
        sources = [sentence.source for sentence in result.sentences]
        assert " ".join(sources) == long.strip()
        assert all(len(marian.tokenizer(one)["input_ids"]) <= 48 for one in sources)
    (cut,) = translate(marian, rows(long), TranslateOptions(), BatchOptions(on_overflow="truncate"))
    assert len(cut.sentences) == 1 and cut.overflow == "truncate"


def test_languages_that_the_model_does_not_know_are_refused(marian):
    with pytest.raises(ModelUnsuitable, match="translates from en to fr: not from or to de"):
        next(translate(marian, rows("cat"), TranslateOptions(to_lang="de")))
    (result,) = translate(marian, rows("cat"), TranslateOptions(from_lang="en-US", to_lang="fr"))
    assert (result.from_lang, result.to_lang) == ("en-US", "fr")


def test_a_model_of_several_languages_is_told_which(tmp_path):
    folder = make_marian(
        tmp_path / "many",
        (">>fra<<", ">>cmn_Hans<<"),
        source_lang="eng",
        target_lang="mul",
        additional_special_tokens=[">>fra<<", ">>cmn_Hans<<"],
    )
    loaded = load_translator(folder)
    (result,) = translate(loaded, rows("cat"), TranslateOptions(to_lang="zh"))
    assert result.translation == reference(loaded, ">>cmn_Hans<< cat")[0][0]
    with pytest.raises(UsageError, match="choose one with `to_lang`"):
        next(translate(loaded, rows("cat"), TranslateOptions()))
    with pytest.raises(ModelUnsuitable, match="does not know de"):
        next(translate(loaded, rows("cat"), TranslateOptions(to_lang="de")))


@pytest.fixture
def t5(bpe, tmp_path):
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(bpe),
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=2,
        num_heads=2,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=1,
    )
    model = T5ForConditionalGeneration(config)
    model.generation_config.num_beams, model.generation_config.max_length = 3, 10
    model.save_pretrained(tmp_path)
    bpe.save_pretrained(tmp_path)
    return load_translator(tmp_path)


def test_t5_is_told_in_words(t5):
    spec = TranslateOptions(from_lang="en", to_lang="zh-Hans")
    (result,) = translate(t5, rows("the cat"), spec)
    assert result.translation == reference(t5, "translate English to Chinese: the cat")[0][0]
    with pytest.raises(UsageError, match="give them with `from_lang` and `to_lang`"):
        next(translate(t5, rows("cat"), TranslateOptions()))


def test_t5s_own_words_come_first(t5):
    own = {"translation_en_to_fr": {"prefix": "say in French: "}}
    t5.network.config.task_specific_params = own
    (result,) = translate(t5, rows("the cat"), TranslateOptions(from_lang="en", to_lang="fr"))
    assert result.translation == reference(t5, "say in French: the cat")[0][0]


def test_more_tokens_than_the_model_can_write_are_refused_if_strict(marian):
    strict = TranslateOptions(max_new_tokens=100, strict=True)
    with pytest.raises(UsageError, match="`max_new_tokens` 100 is more than the 47"):
        next(translate(marian, rows("cat"), strict))


def test_else_they_are_as_many_as_it_can_write(marian, tiny_marian):
    (most,) = translate(marian, rows("cat"), TranslateOptions(max_new_tokens=47))
    (more,) = translate(marian, rows("cat"), TranslateOptions(max_new_tokens=100))
    assert more == most
    notes = []
    task.load(ModelSpec(str(tiny_marian)), TranslateOptions(max_new_tokens=100), note=notes.append)
    assert "`max_new_tokens` is 47, not 100" in notes[-1]
