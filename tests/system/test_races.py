"""Ways to compute the same thing are timed fairly, or not at all."""

import math

import pytest

from llmcli.system import races
from llmcli.system.races import MOST, Disturbed, Watch, race


class FakeTime:
    """Time that passes while work is done, some of which others may take."""

    def __init__(self, own=1.0, stolen=0.0):
        self.passed, self._own, self._stolen = 0.0, own, stolen
        self.watch = Watch(
            lambda: self.passed,
            lambda: self.passed * self._own,
            lambda: self.passed * self._stolen,
        )

    def work(self, *seconds, result=0):
        """Work that takes these seconds, the last of them again and again."""
        left = list(seconds)

        def go():
            self.passed += left.pop(0) if len(left) > 1 else left[0]
            if isinstance(result, Exception):
                raise result
            return result

        return go


def test_the_least_time_counts_and_the_first_run_does_not():
    time = FakeTime()
    works = {"a": time.work(0.009, 0.002, 0.0025, 0.002), "b": time.work(0.001, 0.003)}
    assert race(works, time.watch) == pytest.approx({"a": 0.002, "b": 0.003})


def test_candidates_that_fail_or_differ_are_left_out():
    time = FakeTime()
    works = {
        "right": time.work(0.002, result=1.0),
        "absent": time.work(0.001, result=NotImplementedError("no such operator")),
        "failing": time.work(0.001, result=RuntimeError("unsupported")),
        "wrong": time.work(0.001, result=1.1),
        "close": time.work(0.001, result=1.0000001),
    }
    assert set(race(works, time.watch, math.isclose)) == {"right"}
    loose = race(works, time.watch, lambda a, b: math.isclose(a, b, rel_tol=1e-6))
    assert loose == pytest.approx({"right": 0.002, "close": 0.001})


def test_the_first_candidate_has_to_work():
    time = FakeTime()
    with pytest.raises(RuntimeError, match="unsupported"):
        race({"a": time.work(1, result=RuntimeError("unsupported"))}, time.watch)


def test_a_hopeless_candidate_runs_once():
    time = FakeTime()
    assert race({"a": time.work(0.004), "b": time.work(0.05)}, time.watch) == pytest.approx(
        {"a": 0.004, "b": 0.05}
    )
    assert time.passed < 0.004 * (1 + MOST) + 0.05 + 1e-9


def test_a_race_ends_when_its_time_is_over():
    time = FakeTime()
    slow = {"a": time.work(0.05), "b": time.work(0.05), "c": time.work(0.05)}
    assert set(race(slow, time.watch)) == {"a", "b"}
    assert time.passed == pytest.approx(2 * 0.05 + 2 * 2 * 0.05)


@pytest.mark.parametrize(
    "time",
    [FakeTime(own=0.6), FakeTime(stolen=0.2)],
    ids=["a neighbour has the core", "another virtual machine has it"],
)
def test_a_disturbed_race_is_thrown_away(time):
    with pytest.raises(Disturbed):
        race({"a": time.work(0.002), "b": time.work(0.003)}, time.watch)


def test_times_that_disagree_are_thrown_away():
    time = FakeTime()
    with pytest.raises(Disturbed):
        race({"a": time.work(0.01, 0.002, 0.02), "b": time.work(0.05)}, time.watch)


def test_the_system_says_what_other_virtual_machines_took(tmp_path, monkeypatch):
    stat = tmp_path / "stat"
    monkeypatch.setattr(races, "STAT", stat)
    assert races.stolen_time() == 0.0
    stat.write_text("cpu  10 20 30 40 50 60 70 250 90 0\ncpu0 1 1\n")
    assert races.stolen_time() == 2.5
    stat.write_text("cpu  10 20 30 40\n")  # of an old kernel
    assert races.stolen_time() == 0.0
