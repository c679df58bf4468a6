"""Activations of another text, put into the pass of this one."""

import numpy as np
import pytest

from llmcli.errors import InputError
from llmcli.interpretability.ablation import attended
from llmcli.interpretability.patching import patch_from
from tests.interpretability.families import TARGET
from tests.interpretability.predictions import outcome, settings_of

TEXT = "the cat sat on the mat. the cat sat"
BART_OTHER = "the sat cat on the mat. the cat sat"
OTHER = "the dog sat on the mat. the cat sat"


def patched(folder, other, **settings):
    of = outcome(folder, TEXT, **settings)
    heads = [(each.site, each.heads) for each in attended(of.study)]
    return of, patch_from(of, other, heads)


@pytest.mark.parametrize("name", ["gpt2", "gemma2", "bert", "t5"])
def test_a_text_patched_into_itself_changes_nothing(name, family_folder):
    _, patch = patched(family_folder(name), TEXT, **settings_of(name))
    assert patch.differs == () and patch.is_same and patch.whole_error < 1e-6
    for part in (*patch.streams, *patch.heads):
        assert np.abs(part.difference - patch.here).max() < 1e-6
        assert np.isnan(part.share).all()


@pytest.mark.parametrize("name", ["bert", "distilbert"])
def test_a_patch_at_the_last_layer_is_the_other_text(name, family_folder):
    of, patch = patched(family_folder(name), OTHER, position=3)
    assert patch.differs == (2,) and not patch.is_same
    (stream,) = patch.streams
    assert stream.share.shape == (3, len(of.study.side.tokens))
    expected = np.zeros(len(of.study.side.tokens))
    expected[3] = 1
    assert stream.share[-1] == pytest.approx(expected, abs=1e-3)
    # Before the first layer, only the position with another token has an effect, and the whole one.
    first = np.zeros(len(of.study.side.tokens))
    first[2] = 1
    assert stream.share[0] == pytest.approx(first, abs=1e-3)


def test_the_differences_are_those_of_both_texts(family_folder):
    of, patch = patched(family_folder("bert"), OTHER, position=3)
    other = outcome(family_folder("bert"), OTHER, position=3)
    for value, scores in ((patch.here, of.baseline), (patch.there, other.baseline)):
        target, foil = of.target, int(other.baseline.argmax())
        foil = foil if foil != target else int(other.baseline.argsort(descending=True)[1])
        assert value == pytest.approx(float(scores[target] - scores[foil]), abs=1e-4)


def test_a_translator_is_patched_in_both_stacks(family_folder):
    of, patch = patched(family_folder("bart"), BART_OTHER, translation=TARGET)
    assert [stream.stack for stream in patch.streams] == ["encoder", "decoder"]
    assert {part.part for part in patch.heads} == {"encoder", "decoder", "cross"}
    assert patch.whole_error < 1e-4
    decoder = patch.streams[1]
    assert decoder.share[0] == pytest.approx(np.zeros(decoder.share.shape[1]), abs=1e-3)
    assert decoder.share[-1, of.position] == pytest.approx(1, abs=1e-3)


def test_another_number_of_tokens_is_refused_with_both():
    of = outcome("gpt2-stories", "The cat sat.")
    with pytest.raises(InputError, match="`patch_from` has 6 tokens, the text has 4"):
        patch_from(of, "The cat sat on it.", [])


def test_passes_that_would_take_hours_are_refused(monkeypatch):
    monkeypatch.setattr("llmcli.interpretability.patching.MOST_WORK", 1)
    of = outcome("gpt2-stories", "The cat sat.")
    with pytest.raises(InputError, match="`patch_from` would take 28 passes over 4 tokens"):
        patch_from(of, "The dog sat.", [])
