"""BLEU and chrF: by hand, and against sacrebleu."""

import math

import numpy as np
import pytest
import sacrebleu

from llmcli.evaluation.metrics.bleu import Translations, bleu_and_chrf

FRENCH = ["Le chat est sur le tapis .", "Il fait beau aujourd'hui !", "Bonjour", "Oui, merci."]


REFERENCES = ["Le chat est assis sur le tapis.", "Il fait beau aujourd'hui.", "Salut", "Oui !"]


def test_translations_equal_sacrebleu():
    made = Translations(FRENCH, [[one] for one in REFERENCES], "13a")
    rows = np.array([0, 1, 3, 3])  # a row may be drawn twice
    reference = sacrebleu.BLEU()
    chrf = sacrebleu.CHRF()
    some, right = [FRENCH[at] for at in rows], [[REFERENCES[at] for at in rows]]
    assert made.scores(rows) == pytest.approx(
        (reference.corpus_score(some, right).score, chrf.corpus_score(some, right).score)
    )
    assert made.signatures["bleu"] == str(reference.get_signature())
    assert made.signatures["chrf"] == str(chrf.get_signature())
    assert bleu_and_chrf(FRENCH, REFERENCES) == made.scores(np.arange(4))


def test_bleu_by_hand():
    # 5 words for 6; of 5, 4, 3, 2 n-grams 5, 3, 2, 1 are in the reference
    precisions = math.prod([5 / 5, 3 / 4, 2 / 3, 1 / 2]) ** (1 / 4)
    bleu, _ = bleu_and_chrf(["the cat sat on mat"], ["the cat sat on the mat"])
    assert bleu == pytest.approx(100 * precisions * math.exp(1 - 6 / 5))


def test_several_references_equal_sacrebleu():
    made = Translations(FRENCH[:2], [REFERENCES[:1], ["Il fait beau.", FRENCH[1]]], "13a")
    streams = [[REFERENCES[0], "Il fait beau."], [None, FRENCH[1]]]
    expected = sacrebleu.BLEU().corpus_score(FRENCH[:2], streams).score
    assert made.scores(np.arange(2))[0] == pytest.approx(expected)
