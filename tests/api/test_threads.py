"""Threads that share a model get what they would get alone."""

import string
import threading

import pytest

import llmcli

REPEATS = 2


def in_threads(calls):
    """The results of each call, all of them running at the same time, several times each."""
    together = threading.Barrier(len(calls))
    results = [None] * len(calls)
    errors = []

    def run(at, call):
        try:
            together.wait()
            results[at] = [call() for _ in range(REPEATS)]
        except Exception as error:  # noqa: BLE001  to be raised in the test
            errors.append(error)

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def assert_threads_change_nothing(calls):
    alone = [[call()] * REPEATS for call in calls]
    assert len({str(results[0]) for results in alone}) == len(calls)  # or a mix-up goes unseen
    assert in_threads(calls) == alone


SENTENCES = {
    ("en", "fr"): ["The cat is black.", "I am tired.", "Where is the station?"],
    ("fr", "en"): ["Le chat est noir.", "Je suis fatigué.", "Où est la gare ?"],
    ("en", "zh"): ["The cat is black.", "I like music.", "What time is it?"],
    ("zh", "en"): ["我喜欢音乐。", "现在几点了？", "我累了。"],
}


def translating(model, source, target, texts):
    def call():
        results = llmcli.translate(texts, from_lang=source, to_lang=target, model=model)
        return [(result.translation, round(result.score, 5)) for result in results]

    return call


@pytest.mark.parametrize("engine", ["ct2", "torch"])
def test_four_pairs_of_languages_are_translated_at_once(engine):
    with llmcli.load("marian-en-fr-zh", engine=engine) as model:
        assert_threads_change_nothing(
            [translating(model, *pair, texts) for pair, texts in SENTENCES.items()]
        )


@pytest.fixture(scope="module")
def tiny_nllb(tmp_path_factory):
    """A random M2M100 with NLLB's tokenizer, which is told the source language by an attribute."""
    import torch
    from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer

    torch.manual_seed(1)
    vocabulary = ["<s>", "<pad>", "</s>", "<unk>", "\u2581", *string.ascii_letters, ".", ","]
    tokenizer = NllbTokenizer(vocab={piece: at for at, piece in enumerate(vocabulary)}, merges=[])
    config = M2M100Config(
        vocab_size=len(tokenizer),
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_position_embeddings=64,
        max_length=20,
    )
    model = M2M100ForConditionalGeneration(config)
    for parameter in model.parameters():
        parameter.data.mul_(4.0)
    folder = tmp_path_factory.mktemp("nllb")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def test_a_multilingual_model_keeps_the_source_languages_apart(tiny_nllb):
    text = ["the same text for all", "and another one"]
    with llmcli.load(tiny_nllb) as model:
        calls = [translating(model, source, "fr", text) for source in ("en", "de", "zh", "ar")]
        assert_threads_change_nothing(calls)


@pytest.mark.parametrize("engine", ["ct2", "torch"])
def test_four_threads_classify_and_answer_with_one_model(engine):
    reviews = ["A wonderful film!", "I hated it.", "It was fine [SEP] I think.", "Boring " * 40]

    def classifying(at):
        texts = reviews[at:] + reviews[:at]
        return lambda: [result.scores for result in llmcli.classify(texts, model=model)]

    with llmcli.load("bert-en", engine=engine) as model:
        assert_threads_change_nothing([classifying(at) for at in range(4)])


def test_tasks_of_one_model_run_beside_each_other():
    context = "Emma is a novel by Jane Austen."
    with llmcli.load("bert-en") as model:
        assert_threads_change_nothing(
            [
                lambda: llmcli.classify("I loved it.", model=model),
                lambda: llmcli.answer("Who wrote Emma?", context, model=model),
                lambda: llmcli.fill("The [MASK] sat [MASK].", model=model),
                lambda: llmcli.embed("a dog", model=model).to_dict(),
            ]
        )


@pytest.mark.parametrize("engine", ["ct2", "torch"])
def test_texts_are_generated_at_once(engine):
    def generating(prompt, **settings):
        options = llmcli.Decoding(max_new_tokens=12, **settings)
        return lambda: llmcli.generate(prompt, model=model, options=options).text

    with llmcli.load("gpt2-stories", engine=engine) as model:
        sampled = {"temperature": 1.0, "seed": 3} if engine == "torch" else {}
        assert_threads_change_nothing(
            [
                generating("Once upon a time"),
                generating("One day"),
                generating("The dog", **sampled),
                generating("The cat", **sampled),
            ]
        )
