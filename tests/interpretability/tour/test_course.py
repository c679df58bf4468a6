"""Which text the steps look into, and what is done for texts in several languages."""

import pytest

from llmcli.errors import InputError, ModelUnsuitable, UsageError
from llmcli.spec import ModelSpec
from llmcli.tasks.learn import learn, load
from llmcli.training.new_tokenizers import train_tokenizer
from tests.interpretability.tour.tours import ENGLISH
from tests.tiny_models import BLOOM, LLAMA, make_causal


@pytest.fixture(scope="module")
def chinese(tmp_path_factory):
    """A Llama whose vocabulary has Chinese characters."""
    texts = ["我明天要去看电影。", "他昨天看书。", "我们去学校，他要看天。"] * 3
    tokenizer = train_tokenizer(texts, vocab_size=330, max_length=64)
    return make_causal(tokenizer, tmp_path_factory.mktemp("models") / "chinese", **LLAMA)


@pytest.fixture(scope="module")
def starter():
    return load(None)


def test_an_english_text_is_read_as_it_is_and_translated_to_chinese(starter):
    course = learn(starter, "The black cat sleeps.").course
    assert (course.unknown, course.translation, course.read) == (None, None, course.text)
    assert course.english.origin == "own" and course.is_default
    study, origin = course.translated
    assert origin == "own"
    assert any("\u4e00" <= character <= "\u9fff" for character in study.side.text)


def test_a_language_that_the_translator_does_not_know_leaves_the_article_as_the_example(starter):
    course = learn(starter, "Ich habe heute leider gar keine Zeit für dich.").course
    study, origin = course.translated
    assert origin == "article" and study.side.text == ENGLISH
    assert (course.english.text, course.english.origin) == (ENGLISH, "article")


def test_a_text_that_nobody_reads_is_refused_in_one_line(starter):
    with pytest.raises(InputError, match="Cyrillic script; marian-en-fr-zh translates from"):
        learn(starter, "Завтра я пойду в кино.")


def test_an_empty_text_is_refused(starter):
    with pytest.raises(InputError, match="the text is empty"):
        learn(starter, "")


def test_a_text_longer_than_the_context_is_refused(starter):
    with pytest.raises(InputError, match="tokens, gpt2-stories takes 512"):
        learn(starter, "one " * 600)


def test_a_model_that_reads_chinese_gets_the_sentence_itself(chinese):
    tour = learn(load(ModelSpec(str(chinese))), None)
    assert tour.read_text == tour.text == "我明天要去看电影。"
    assert tour.course.english.text == ENGLISH  # for the model that reads English alone
    assert "-m " in tour.step("tokens").commands[0]
    assert tour.step("tokens").numbers.translation is None
    assert tour.step("embedding").numbers.position_vector is None  # positions are rotations
    assert tour.step("masks").numbers.origin == "translated"
    names = ("embedding", "head", "heads", "layers", "loss")
    assert [
        check.name for name in names for check in tour.step(name).checks if not check.holds
    ] == []
    assert tour.step("ngrams").numbers.unseen == tour.step("tokens").numbers.count - 1


def test_a_model_whose_queries_cannot_be_had_is_refused(bpe, tmp_path):
    bloom = make_causal(bpe, tmp_path / "bloom", **BLOOM)
    with pytest.raises(ModelUnsuitable, match="no queries, keys and values; learn needs another"):
        learn(load(ModelSpec(str(bloom))), "One day.")


def test_a_text_of_one_token_has_nothing_to_predict_but_can_be_looked_into(starter):
    tour = learn(starter, "One")
    for name in ("tokens", "embedding", "head", "heads", "masks", "layers", "loss"):
        assert all(check.holds for check in tour.step(name).checks), name
    assert tour.step("loss").numbers.tokens == tour.step("ngrams").numbers.tokens == ()


def test_a_masked_model_is_refused():
    with pytest.raises(ModelUnsuitable):
        load(ModelSpec("bert-en"))


def test_another_engine_is_refused():
    with pytest.raises(UsageError, match="`engine` ct2"):
        load(ModelSpec(engine="ct2"))
