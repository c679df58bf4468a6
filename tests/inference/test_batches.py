"""The batch machine, driven by a task that needs no model."""

import threading
import time
from dataclasses import dataclass, field

import pytest

from llmcli.data.rows import Failure, Row
from llmcli.errors import InputError, ModelUnsuitable
from llmcli.inference.batches import process
from llmcli.spec import BatchOptions


@dataclass(frozen=True)
class Word:
    text: str

    @property
    def size(self):
        return len(self.text)


@dataclass(frozen=True)
class Words:
    row: Row
    units: list


@dataclass
class Result:
    row: Row
    text: str


@dataclass
class Upper:
    """Writes the words of a text in capitals; keeps the batches that it was given."""

    window_rows: int = 4
    budget: int = 12
    needs_text: bool = True
    copies: int = 1
    fits: int = 1000
    batches: list = field(default_factory=list)

    def prepare(self, rows):
        return [Words(row, [Word(word) for word in row.text.split()]) for row in rows]

    def run(self, units):
        self.batches.append([unit.text for unit in units])
        if len(units) * max(unit.size for unit in units) > self.fits:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        if any(unit.text == "bad" for unit in units):
            raise ModelUnsuitable("NaN")
        return [unit.text.upper() for unit in units]

    def finish(self, job, outputs):
        if outputs == ["REFUSE"]:
            raise InputError("refused")
        return [Result(job.row, " ".join(outputs))]


def rows(*texts):
    return [Row(number, text) for number, text in enumerate(texts, 1)]


def shown(results):
    return [one.error if isinstance(one, Failure) else one.text for one in results]


def test_a_scale_reads_more_tokens_in_a_pass_and_sorts_more_rows_together():
    texts = ("aaaa", "bb", "cccc", "dd", "eeee", "ff")
    plain, scaled = Upper(), Upper()
    expected = shown(process(plain, rows(*texts), BatchOptions()))
    assert shown(process(scaled, rows(*texts), BatchOptions(scale=2))) == expected
    assert plain.batches == [["aaaa", "cccc", "bb"], ["dd"], ["eeee", "ff"]]
    assert scaled.batches == [["aaaa", "cccc", "eeee", "bb", "dd", "ff"]]


TEXTS = ["a", "bbbb cc", "", "dddddd", "e ee eee", "f"]
UPPER = ["A", "BBBB CC", "the text is empty", "DDDDDD", "E EE EEE", "F"]


@pytest.mark.parametrize("size", [None, 1, 2, 100])
def test_results_come_in_order_whatever_the_batches(size):
    assert shown(process(Upper(), rows(*TEXTS), BatchOptions(batch_size=size))) == UPPER


def test_units_are_sorted_and_packed_to_the_budget_within_a_window():
    work = Upper()
    list(process(work, rows(*TEXTS), BatchOptions()))
    assert work.batches == [["dddddd", "bbbb"], ["cc", "a"], ["eee", "ee", "e", "f"]]


def test_a_long_text_ends_a_window(monkeypatch):
    monkeypatch.setattr("llmcli.inference.batches.WINDOW_CHARS", 5)
    work = Upper(window_rows=100)
    list(process(work, rows("aaaa", "bb", "c"), BatchOptions()))
    assert work.batches == [["aaaa", "bb"], ["c"]]


def test_rows_are_read_a_window_ahead_and_no_further():
    read = []

    def watched():
        for row in rows(*"abcdefgh"):
            read.append(row.number)
            yield row

    results = process(Upper(window_rows=2), watched(), BatchOptions())
    assert read == []
    next(results)
    assert read[:2] == [1, 2] and len(read) <= 4
    next(results)
    next(results)
    assert read[:4] == [1, 2, 3, 4] and len(read) <= 6


def test_results_come_before_the_next_row_does():
    more = threading.Event()

    def typed():
        yield Row(1, "a")
        assert more.wait(timeout=60)
        yield Row(2, "b")

    results = process(Upper(), typed(), BatchOptions(batch_size=1))
    assert next(results).text == "A"
    more.set()
    assert shown(results) == ["B"]


def test_rows_that_cannot_be_read_any_more_fail_after_the_results_of_the_others():
    def broken():
        yield from rows(*"abcd")
        raise InputError("the disk is gone")

    results = process(Upper(window_rows=2), broken(), BatchOptions())
    assert [next(results).text for _ in range(4)] == list("ABCD")
    with pytest.raises(InputError, match="the disk is gone"):
        next(results)


def test_no_thread_is_left_when_the_reader_has_enough():
    before = threading.active_count()
    results = process(Upper(window_rows=1), rows(*"abcdefgh"), BatchOptions())
    next(results)
    results.close()
    waited = time.monotonic() + 60
    while threading.active_count() > before and time.monotonic() < waited:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_what_does_not_fit_is_halved_and_later_batches_are_smaller():
    work = Upper(fits=4, window_rows=8, budget=8)
    texts = ["aa", "bb", "cc", "dd", "ee", "ff", "gg", "hh"]
    found = shown(process(work, rows(*texts), BatchOptions()))
    assert found == [text.upper() for text in texts]
    assert [len(batch) for batch in work.batches] == [4, 2, 2, 2, 2]


def test_a_row_that_does_not_fit_alone_fails_alone():
    found = shown(process(Upper(fits=4), rows("a", "bbbbb", "c"), BatchOptions()))
    assert found == ["A", "out of memory, even alone: 5 tokens", "C"]


def test_a_row_in_which_the_model_fails_fails_alone():
    found = list(process(Upper(), rows("a", "bad b", "c"), BatchOptions()))
    assert shown(found) == ["A", "NaN", "C"]
    assert isinstance(found[1].cause, ModelUnsuitable)


def test_a_row_that_cannot_be_put_together_fails_alone():
    assert shown(process(Upper(), rows("a", "refuse", "c"), BatchOptions())) == [
        "A",
        "refused",
        "C",
    ]


def test_a_row_that_could_not_be_read_keeps_its_place():
    broken = [Row(1, "a"), Row(2, "", error="not JSON"), Row(3, "c")]
    assert shown(process(Upper(), broken, BatchOptions())) == ["A", "not JSON", "C"]


@pytest.mark.parametrize("after", range(7))
def test_a_run_that_is_taken_up_makes_the_same_batches(after):
    whole, rest = Upper(), Upper()
    everything = shown(process(whole, rows(*TEXTS), BatchOptions()))
    found = shown(process(rest, rows(*TEXTS), BatchOptions(after=after)))
    assert found == everything[after:]
    assert all(batch in whole.batches for batch in rest.batches)
    if after >= 4:  # the first window is skipped as a whole
        assert len(rest.batches) < len(whole.batches)


def test_another_error_is_not_hidden():
    class Broken(Upper):
        def run(self, units):
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        list(process(Broken(), rows("a"), BatchOptions()))


def test_other_columns_count_for_a_window(monkeypatch):
    monkeypatch.setattr("llmcli.inference.batches.WINDOW_CHARS", 100)
    work = Upper(window_rows=100)
    wide = [Row(number, "a", characters=60) for number in range(1, 5)]
    list(process(work, wide, BatchOptions()))
    assert work.batches == [["a", "a"], ["a", "a"]]


def test_texts_that_are_held_several_times_make_smaller_windows(monkeypatch):
    monkeypatch.setattr("llmcli.inference.batches.WINDOW_CHARS", 8)
    work = Upper(window_rows=100, copies=4)
    list(process(work, rows("aa", "bb", "cc", "dd"), BatchOptions()))
    assert work.batches == [["aa", "bb"], ["cc", "dd"]]


def test_each_batch_says_how_far_the_window_is():
    told = []
    options = BatchOptions(batch_size=2, on_progress=lambda *share: told.append(share))
    texts = [Row(number, text, fraction_read=0.5) for number, text in enumerate(TEXTS, 1)]
    list(process(Upper(), texts, options))
    shares = [done for done, rows, _ in told if rows == 4]
    assert shares == sorted(shares) and shares[0] < shares[-1] == 4
    assert {fraction for _, _, fraction in told} == {0.5}
