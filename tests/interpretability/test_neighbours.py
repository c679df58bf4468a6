"""Nearest tokens and the plane equal those of NumPy and scikit-learn."""

import numpy as np
import pytest
import torch

from llmcli.interpretability import neighbours
from llmcli.interpretability.neighbours import nearest, plane, usable_entries
from llmcli.interpretability.sections.embeddings import build
from tests.interpretability.predictions import settings_of, study_of


def test_the_nearest_are_those_of_the_whole_table_whatever_the_blocks(monkeypatch):
    table = torch.randn(50, 6, generator=torch.Generator().manual_seed(0))
    allowed = np.arange(50) % 7 != 0
    unit = table.double().numpy() / np.linalg.norm(table.double().numpy(), axis=1, keepdims=True)
    for rows in (8192, 4):
        monkeypatch.setattr(neighbours, "ROWS", rows)
        result = nearest(table, [3, 7], allowed, 5)
        for place, token in enumerate((3, 7)):
            cosines = unit @ unit[token]
            cosines[~allowed] = -2
            cosines[token] = -2
            order = np.argsort(-cosines)[:5]
            assert result.ids[place].tolist() == order.tolist()
            assert result.similarity[place] == pytest.approx(cosines[order], abs=1e-6)
        assert (result.searched, result.left_out) == (allowed.sum(), 50 - allowed.sum())


class Vocabulary:
    all_special_tokens = ("[CLS]",)

    def get_vocab(self):
        names = ("[CLS]", "[unused7]", "<extra_id_3>", "cat", "zero", "[unusual]")
        return {name: at for at, name in enumerate(names)}


def test_entries_that_stand_for_no_text_are_left_out():
    table = torch.ones(8, 2)  # two rows more than there are tokens
    table[4] = 0
    assert usable_entries(Vocabulary(), table).nonzero()[0].tolist() == [3, 5]


def test_the_plane_is_that_of_a_principal_component_analysis():
    from sklearn.decomposition import PCA

    vectors = np.random.default_rng(0).normal(size=(9, 5)).astype(np.float32)
    coordinates, shares = plane(vectors)
    analysis = PCA(2)
    expected = analysis.fit_transform(vectors.astype(np.float64))
    assert np.abs(coordinates) == pytest.approx(np.abs(expected), abs=1e-5)
    assert shares == pytest.approx(analysis.explained_variance_ratio_, abs=1e-6)
    for axis in coordinates.T:
        assert axis[np.abs(axis).argmax()] > 0
    assert plane(vectors + 1)[0] == pytest.approx(coordinates, abs=1e-4)


def test_too_few_vectors_have_axes_of_zeros():
    coordinates, shares = plane(np.ones((1, 3), np.float32))
    assert coordinates.tolist() == [[0, 0]] and shares.tolist() == [0, 0]
    coordinates, shares = plane(np.array([[0, 0], [3, 4]], np.float32))
    assert coordinates == pytest.approx(np.array([[2.5, 0], [-2.5, 0]])) and shares[1] == 0


def test_tokens_of_the_starter_have_neighbours_that_are_used_alike():
    study = study_of("gpt2-stories", "The cat ran to the house. The cat sat.")
    result = build(study, study.options)
    (side,) = result.tokens
    assert len(side.ids) == len(set(side.ids)) < len(study.side.tokens)
    nearest_of = dict(zip(side.names, side.neighbour_names, strict=True))
    assert nearest_of[" cat"][0] == " dog" and " yard" in nearest_of[" house"]
    assert result.checks[0].name == "embeddings.cosine" and result.checks[0].holds


def test_an_encoder_decoder_has_tokens_of_both_sides(family_folder):
    study = study_of(family_folder("bart"), "the cat", **settings_of("bart"))
    result = build(study, study.options)
    assert [side.side for side in result.tokens] == ["source", "target"]
    special = set(study.loaded.tokenizer.all_special_ids)
    assert not special & {token for side in result.tokens for token in side.ids}
