"""N-grams of the stories, against nltk's through evaluation/ngrams.py."""

import gzip

import numpy as np

from llmcli.evaluation.ngrams import Ngrams
from llmcli.interpretability.tour.ngrams import STORIES, Trigrams, read_stories
from llmcli.models.hub import resolve
from llmcli.spec import ModelSpec
from llmcli.system.hashes import hash_file

TEXTS = [[1, 2, 3, 1, 2, 4], [1, 2, 3, 2, 2, 3, 4], [4, 4, 1, 2], [2], []]


def test_the_probabilities_are_those_of_kneser_ney():
    own, nltk = Trigrams(TEXTS, 6), Ngrams(TEXTS, 6)
    for text in [*TEXTS, [5, 5, 5], [3, 4, 1, 2]]:
        for at, token in enumerate(text):
            expected = nltk.probability(token, text[max(0, at - 2) : at])
            assert np.isclose(own.estimate(token, text[:at]).probability, expected)


def test_probabilities_add_up_to_one_after_any_tokens():
    model = Trigrams(TEXTS, 6)
    for before in ([], [1], [1, 2], [5, 5], [9, 1, 2]):
        chances = [model.estimate(token, before).probability for token in range(6)]
        assert np.isclose(sum(chances), 1) and min(chances) > 0


def test_the_counts_are_those_of_the_texts():
    estimate = Trigrams(TEXTS, 6).estimate(3, [1, 2])
    assert (estimate.together, estimate.context) == (2, 3)


def test_one_text_of_one_token_gives_every_token_a_probability():
    model = Trigrams([[3]], 4)
    assert [model.estimate(token, [3]).probability for token in range(4)] == [0.25] * 4


def test_the_stories_are_some_hundreds_and_say_how_they_were_made():
    stories = read_stories()
    assert 300 <= len(stories) <= 600
    assert all(story and not story.startswith("#") for story in stories)
    assert STORIES.stat().st_size <= 200_000
    with gzip.open(STORIES, "rt", encoding="utf-8") as file:
        header = [line for line in file if line.startswith("#")]
    assert header[0].startswith(f"# {len(stories)} stories")
    assert "seed 19" in header[2] and "recipes/learn_stories.py" in header[1]
    assert hash_file(resolve(ModelSpec("gpt2-stories")).path / "model.safetensors") in header[3]
