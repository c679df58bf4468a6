"""Weights of a conversion that are read when they are written."""

import numpy as np
import pytest
from ctranslate2.specs import common_spec
from ctranslate2.specs.model_spec import NumpyVariable

from llmcli.engines.ct2.stored import Quantized, Stored, quantize


def stored(values, key, reads=None):
    def read():
        if reads is not None:
            reads.append(key)
        return values

    return Stored(values.shape, read, key)


def test_a_weight_is_read_when_it_is_written_and_not_before():
    values, reads = np.arange(6, dtype=np.float32).reshape(2, 3), []
    weight = stored(values.T, "a", reads)
    assert (weight.shape, weight.num_bytes(), weight.is_scalar(), reads) == ((3, 2), 24, False, [])
    assert bytes(weight.to_bytes()) == values.T.tobytes()
    assert reads == ["a"]


def test_weights_are_equal_by_their_key_or_by_their_numbers():
    values, reads = np.ones((2, 2), np.float32), []
    assert stored(values, "a", reads).equal(stored(values, "a", reads)) and not reads
    assert stored(values, "a").equal(stored(values.copy(), "b"))
    assert not stored(values, "a").equal(stored(values * 2, "b"))
    assert not stored(values, "a").equal(stored(np.ones((4, 1), np.float32), "b"))


def test_int8_is_that_of_ctranslate2():
    values = np.random.default_rng(0).normal(size=(2500, 8)).astype(np.float32)  # several blocks
    values[3] = 0
    ours, theirs = common_spec.LinearSpec(), common_spec.LinearSpec()
    ours.weight, theirs.weight = stored(values, "a"), values.copy()
    ours.bias = theirs.bias = np.zeros(2500, np.float32)
    for spec in (ours, theirs):
        spec.validate()
    quantize(ours)
    theirs.optimize("int8")
    assert isinstance(ours.weight, Quantized) and isinstance(theirs.weight, NumpyVariable)
    assert (ours.weight.dtype, ours.weight.num_bytes()) == ("int8", 20_000)
    assert bytes(ours.weight.to_bytes()) == theirs.weight.to_bytes()
    assert ours.weight_scale.to_bytes() == theirs.weight_scale.to_bytes()
    assert ours.bias.to_bytes() == theirs.bias.to_bytes()


def test_weights_stay_in_float32():
    with pytest.raises(NotImplementedError, match="float16"):
        stored(np.ones((1, 1), np.float32), "a").to("float16")
