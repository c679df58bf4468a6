"""Each number of the tour against transformers, numpy, or another command of this program."""

import math

import numpy as np
import pytest
import torch

import llmcli
from llmcli.interpretability.tour.step import STEPS
from llmcli.interpretability.tour.steps.masks import gap_of
from tests.interpretability.tour.tours import ENGLISH, article_tour, reference, softmax


@pytest.fixture(scope="module")
def numbers():
    return lambda name: article_tour().step(name).numbers


@pytest.fixture(scope="module")
def forward():
    return llmcli.forward(ENGLISH, top=6)


def test_the_tokens_of_a_text_that_the_model_cannot_read_and_of_its_translation(numbers):
    tokens = numbers("tokens")
    ids = [id for piece in tokens.pieces for id in piece.ids]
    assert ids == [token.id for token in llmcli.tokenize("我明天要去看电影。").tokens]
    assert [piece.text for piece in tokens.pieces] == list("我明天要去看电影。")
    assert tokens.count == 27 and tokens.unknown == 1.0
    options = llmcli.TranslateOptions(to_lang="en")
    assert (
        tokens.translation == llmcli.translate(tokens.text, options=options).translation == ENGLISH
    )
    assert "".join(piece.text for piece in tokens.translated) == ENGLISH


def test_the_vector_of_a_token_is_the_sum_of_two_rows_and_its_neighbours_are_the_nearest(numbers):
    model, ids, outputs = reference()
    embedded = numbers("embedding")
    assert (embedded.token, ids[embedded.position]) == (" tomorrow", embedded.id)
    words = model.transformer.wte.weight.detach().double().numpy()
    places = model.transformer.wpe.weight.detach().double().numpy()
    added = words[embedded.id] + places[embedded.position]
    np.testing.assert_allclose(embedded.vector, added, atol=1e-6)
    np.testing.assert_allclose(
        embedded.vector, outputs.hidden_states[0][0, embedded.position], atol=1e-6
    )
    lengths = np.linalg.norm(words, axis=1)
    cosines = words @ words[embedded.id] / lengths / lengths[embedded.id]
    cosines[embedded.id] = -1
    shown = [neighbour.cosine for neighbour in embedded.neighbours]
    np.testing.assert_allclose(shown, np.sort(cosines)[::-1][:5], atol=1e-6)
    (nearest,) = llmcli.tokenize(" later").tokens
    assert embedded.neighbours[0].token == " later" and cosines.argmax() == nearest.id


def test_attention_by_hand_equals_the_weights_of_transformers(numbers):
    head = numbers("head")
    _, _, outputs = reference()
    own = outputs.attentions[head.layer][0, head.head, -1].numpy()
    np.testing.assert_allclose([key.weight for key in head.keys], own, atol=1e-6)
    products = np.array([key.product for key in head.keys])
    by_hand = softmax(products / math.sqrt(head.size))
    np.testing.assert_allclose(by_hand, own, atol=1e-5)
    exponentials = [key.exponential for key in head.keys]
    assert max(exponentials) == 1 and math.isclose(sum(exponentials), head.total)
    np.testing.assert_allclose(head.output, head.model_output, atol=1e-5)


def test_each_head_looks_where_transformers_says(numbers):
    heads = numbers("heads")
    _, _, outputs = reference()
    last = np.stack([weights[0, :, -1].numpy() for weights in outputs.attentions])  # (L, H, T)
    assert [look.position for look in heads.looks] == last.argmax(-1).ravel().tolist()
    np.testing.assert_allclose([look.weight for look in heads.looks], last.max(-1).ravel(), 1e-4)
    assert (last.argmax(-1) == 0).sum() == heads.favourite_count
    assert sum(heads.kinds.values()) == len(heads.looks) == 24


def test_the_mask_hides_later_tokens_and_leaves_the_ratios_of_the_others(numbers):
    masks = numbers("masks")
    _, _, outputs = reference()
    masked = np.array(masks.masked, float)  # NaN where a token is hidden
    assert np.isnan(masked[np.triu_indices(9, 1)]).all()
    own = outputs.attentions[masks.layer][0, masks.head].numpy()
    np.testing.assert_allclose(np.nan_to_num(masked), own, atol=1e-6)
    unmasked = np.array(masks.unmasked)
    np.testing.assert_allclose(unmasked.sum(1), 1)
    assert (unmasked > 0).all()
    before = np.tril(unmasked)
    np.testing.assert_allclose(before / before.sum(1, keepdims=True), own, atol=1e-5)


def test_encoder_and_decoder_fill_a_gap_as_fill_and_forward_do(numbers):
    masks = numbers("masks")
    assert (masks.sentence, masks.word) == ("I'll go to the [MASK] tomorrow.", "movies")
    (gap,) = llmcli.fill(masks.sentence, options=llmcli.FillOptions(top=5)).gaps
    assert [guess.token for guess in masks.encoder] == [each.word for each in gap.candidates]
    chances = [each.probability for each in gap.candidates]
    np.testing.assert_allclose([guess.probability for guess in masks.encoder], chances, 1e-4)
    best = llmcli.forward("I'll go to the", top=5).positions[-1].best
    assert [guess.token for guess in masks.decoder] == [each.token for each in best]


@pytest.mark.parametrize(
    ("text", "word"), [("Hello", "Hello"), ("Good morning", "morning"), ("a dog's bowl.", "dog's")]
)
def test_the_gap_is_a_long_word_inside_the_text(text, word):
    start, end = gap_of(text)
    assert text[start:end] == word


def test_each_layer_is_read_with_the_models_own_end(numbers):
    model, _, outputs = reference()
    layers = numbers("layers").layers
    assert len(layers) == 7
    for layer in layers[:-1]:  # the last hidden state of transformers is normalised already
        with torch.no_grad():
            state = model.transformer.ln_f(outputs.hidden_states[layer.layer][0, -1])
            chances = model.lm_head(state).softmax(-1)
        assert layer.probability == pytest.approx(float(chances.max()), abs=1e-5)
    last = outputs.logits[0, -1].softmax(-1)
    assert layers[-1].probability == pytest.approx(float(last.max()), abs=1e-5)


def test_probabilities_are_those_of_forward_and_temperature_divides_the_logits(numbers, forward):
    sampling = numbers("sampling")
    best = forward.positions[-1].best
    assert [each.token for each in sampling.candidates] == [each.token for each in best]
    chances = [each.probability for each in sampling.candidates]
    np.testing.assert_allclose(chances, [each.probability for each in best], 1e-4)
    _, _, outputs = reference()
    logits = np.sort(outputs.logits[0, -1].numpy())[::-1]
    np.testing.assert_allclose([c.low for c in sampling.candidates], softmax(logits * 2)[:6], 1e-4)
    np.testing.assert_allclose([c.high for c in sampling.candidates], softmax(logits / 2)[:6], 1e-4)
    kept = int((softmax(logits).cumsum() < 0.9).sum()) + 1
    assert sampling.top_p_count == kept and len(sampling.top_k) == 3
    assert sampling.argmax == forward.predicted_text


def test_continuations_are_those_of_generate(numbers):
    sampling = numbers("sampling")
    greedy = llmcli.generate(ENGLISH, options=llmcli.Decoding(max_new_tokens=16))
    assert sampling.greedy == greedy.text
    for seed, text in zip((1, 2), sampling.drawn, strict=True):
        options = llmcli.Decoding(max_new_tokens=16, temperature=0.8, seed=seed)
        assert text == llmcli.generate(ENGLISH, options=options).text


def test_the_loss_is_the_mean_surprisal_of_forward_and_its_exponential_the_perplexity(
    numbers, forward
):
    loss = numbers("loss")
    own = [position.nats for position in forward.positions[:-1]]
    np.testing.assert_allclose([each.nats for each in loss.tokens], own, atol=1e-4)
    assert loss.mean_nats == pytest.approx(forward.mean_nats, abs=1e-5)
    assert loss.perplexity == pytest.approx(math.exp(loss.mean_nats))
    assert loss.perplexity == pytest.approx(forward.perplexity, rel=1e-4)


def test_the_loss_is_that_of_score_without_a_token_before_the_text(numbers):
    scored = llmcli.score(ENGLISH, options=llmcli.ScoreOptions(bos=False))
    assert numbers("loss").mean_nats == pytest.approx(scored.mean_surprisal, abs=1e-5)
    assert "--no-bos" in article_tour().step("loss").commands[0]


def test_ngrams_are_compared_on_the_same_tokens(numbers):
    ngrams, loss = numbers("ngrams"), numbers("loss")
    assert [each.token for each in ngrams.tokens] == [each.token for each in loss.tokens]
    assert ngrams.model_mean == pytest.approx(loss.mean_nats)
    after_go_to = next(each for each in ngrams.tokens if each.token == " the")
    assert 0 < after_go_to.together <= after_go_to.context
    assert ngrams.unseen == sum(each.together == 0 for each in ngrams.tokens)


def test_cross_attention_joins_the_words_that_belong_together(numbers):
    translated = numbers("translation")
    assert (translated.source, translated.target) == ("我明天要去看电影。", ENGLISH)
    weights = np.array(translated.weights)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)
    for target, source in ((" movies", "电影"), (" tomorrow", "明天")):
        row = translated.target_tokens.index(target)
        assert translated.source_tokens[weights[row].argmax()] == source


def test_all_checks_hold_and_every_step_has_a_question_and_a_command():
    tour = article_tour()
    assert [step.name for step in tour.steps] == list(STEPS)
    checks = [check for step in tour.steps for check in step.checks]
    assert len(checks) >= 7
    assert [check for check in checks if not check.holds] == []
    for step in tour.steps:
        assert all(command.startswith("llmcli ") for command in step.commands), step.name
        assert step.commands and step.question.accepted
