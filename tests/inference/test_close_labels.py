"""Labels that bfloat16 could change are computed again in float32, row by row."""

from dataclasses import replace

import numpy as np
import pytest

from llmcli.arrays import sigmoid, softmax
from llmcli.data.rows import Row
from llmcli.engines.base import Outputs
from llmcli.engines.choose import Purpose, load
from llmcli.inference.close_labels import ERROR, is_close_sigmoid, is_close_softmax
from llmcli.inference.encoding import input_limit
from llmcli.spec import BatchOptions, ModelSpec
from llmcli.spec.tasks import ClassifyOptions
from llmcli.tasks.classify import classify


def flips(activation, is_close, cuts):
    """How often errors change a label that is not called close, how often one that is, and calls.

    cuts: whether scores above one half count too.
    """
    draw = np.random.default_rng(5)
    missed = right = calls = 0
    for _ in range(3000):
        windows, labels = draw.integers(1, 5), draw.integers(2, 6)
        logits = draw.normal(size=(windows, labels)) * draw.choice([0.2, 1, 4])
        wrong = logits + draw.choice([-ERROR, ERROR], size=logits.shape)
        sizes = draw.integers(1, 50, windows)
        true, seen = (np.average(activation(x), axis=0, weights=sizes) for x in (logits, wrong))
        changed = true.argmax() != seen.argmax() or (cuts and ((true > 0.5) != (seen > 0.5)).any())
        close = is_close(activation(wrong), sizes)
        missed, right, calls = missed + (changed and not close), right + changed, calls + close
    return missed, right, calls


def test_no_error_of_logits_changes_a_label_that_is_not_close():
    missed, changed, calls = flips(softmax, is_close_softmax, cuts=False)
    assert (missed, changed > 50, calls < 1500) == (0, True, True)
    missed, changed, calls = flips(sigmoid, is_close_sigmoid, cuts=True)
    assert (missed, changed > 50, calls < 2000) == (0, True, True)


def test_many_unlikely_labels_are_close_by_their_ratio():
    probabilities = np.full((1, 20), 0.04)
    probabilities[0, :2] = 0.16, 0.12  # logits that differ by 0.29
    assert not is_close_softmax(probabilities, [9])
    probabilities[0, :2] = 0.147, 0.133  # by 0.10
    assert is_close_softmax(probabilities, [9])


class Fixed:
    """An engine whose logits are those of a list, window by window, the rows of a batch in turn."""

    name = "torch"
    schedules = False
    streams = 1

    def __init__(self, logits):
        self.logits, self.asked = logits, 0

    def forward(self, inputs, positions=None):
        """As many rows of the list as the batch has, from where the batch before ended."""
        count = len(inputs["input_ids"])
        rows = [self.logits[(self.asked + at) % len(self.logits)] for at in range(count)]
        self.asked += count
        return Outputs(logits=np.array(rows, np.float32))


def labels(model, in_half, exact, text, **options):
    loaded = load(ModelSpec(str(model), engine="torch"), Purpose(("classifier",)))
    engines = Fixed(in_half), Fixed(exact)
    loaded = replace(loaded, engine=engines[0], exact=engines[1], exact_error=ERROR)
    batch = BatchOptions(batch_size=1, on_overflow="window")
    (result,) = classify(loaded, [Row(1, text)], ClassifyOptions(**options), batch)
    return result, engines


@pytest.mark.parametrize("windows", [1, 2])
def test_the_windows_of_a_long_text_are_decided_together(tiny_classifier, windows):
    loaded = load(ModelSpec(str(tiny_classifier), engine="torch"), Purpose(("classifier",)))
    names = list(loaded.config.id2label.values())
    text = "cat " * (3 if windows == 1 else 2 * (input_limit(loaded) - 2))  # windows of one size
    rest = [-9.0] * (len(names) - 2)
    # Two windows for opposite labels: neither is close, their mean is.
    sure = [[2.0, -2.0, *rest], [-2.0, 2.0, *rest]]
    near = [[0.02, 0.0, *rest]]
    in_half = near if windows == 1 else sure
    result, engines = labels(tiny_classifier, in_half, [[0.0, 0.01, *rest]], text)
    assert (result.label, engines[0].asked, engines[1].asked) == (names[1], windows, windows)
    clear = [[2.0, -2.0, *rest]]
    result, engines = labels(tiny_classifier, clear, [[0.0, 9.0, *rest]], text)
    assert (result.label, engines[1].asked) == (names[0], 0)


@pytest.mark.parametrize("multi_label", [False, True])
def test_zero_shot_labels_are_compared_with_one_another(tiny_nli, multi_label):
    options = {"labels": ("good", "bad"), "hypothesis_template": "{}", "multi_label": multi_label}
    # Within each pair of text and label, entailment is far from contradiction.
    in_half, exact = [[-1, 0, 2.0], [-1, 0, 2.05]], [[-1, 0, 2.05], [-1, 0, 2.0]]
    result, engines = labels(tiny_nli, in_half, exact, "the cat", **options)
    assert (result.label, engines[1].asked) == ("good", 2)
    result, engines = labels(tiny_nli, [[-1, 0, 2.0], [-1, 0, 3.0]], exact, "the cat", **options)
    assert (result.label, engines[1].asked) == ("bad", 0)


class Known:
    """An engine whose logits are those of the number of tokens of each row."""

    name = "torch"
    schedules = False

    def __init__(self, logits):
        self.logits, self.sizes = logits, []

    def forward(self, inputs, positions=None):
        """Logits by the lengths of the rows."""
        sizes = inputs["attention_mask"].sum(1).tolist()
        self.sizes += sizes
        return Outputs(logits=np.array([self.logits(size) for size in sizes], np.float32))


def classified(model, rounded, exact, sizes, batch_size=2):
    """Labels of texts of some sizes, and the sizes that each engine read, in that order."""
    loaded = load(ModelSpec(str(model), engine="torch"), Purpose(("classifier",)))
    first, second = list(loaded.config.id2label.values())[:2]
    others = [-99.0] * (len(loaded.config.id2label) - 2)
    engines = [Known(lambda size, side=side: [side(size), 0, *others]) for side in (rounded, exact)]
    loaded = replace(loaded, engine=engines[0], exact=engines[1], exact_error=ERROR)
    texts = ["cat " * (size - 2) for size in sizes]
    rows = [Row(at + 1, text) for at, text in enumerate(texts)]
    batch = BatchOptions(batch_size=batch_size)
    results = classify(loaded, rows, ClassifyOptions(), batch)
    labels = [{first: 1, second: 0}[result.label] for result in results]
    return labels, engines[0].sizes, engines[1].sizes


def test_a_window_of_unsure_texts_is_computed_in_float32_from_its_second_batch(tiny_classifier):
    sizes = [10, 9, 8, 7, 6, 5]
    unsure = classified(tiny_classifier, lambda size: 0.01, lambda size: -0.01, sizes)
    assert unsure == ([0] * 6, [10, 9], [8, 7, 6, 5, 10, 9])
    sure = classified(tiny_classifier, lambda size: 3.0, lambda size: 3.0, sizes)
    assert sure == ([1] * 6, sizes, [])
    late = classified(tiny_classifier, lambda s: 3.0 if s > 6 else 0.01, lambda s: -0.01, sizes)
    assert late == ([1, 1, 1, 1, 0, 0], sizes, [6, 5])


def test_larger_errors_than_known_make_more_texts_close(tiny_classifier):
    # The text of 5 tokens is off by 0.3, so a lead of 0.7 is not sure, and one of 3 is.
    rounded = {7: 3.0, 6: 0.7, 5: 0.01}.__getitem__
    exact = {7: -1.0, 6: -0.1, 5: 0.31}.__getitem__
    labels, first, second = classified(tiny_classifier, rounded, exact, [7, 6, 5], batch_size=3)
    assert (labels, first, second) == ([1, 0, 1], [7, 6, 5], [5, 6])
