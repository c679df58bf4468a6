"""What is fastest is measured once a machine, and kept."""

import json

import pytest

from llmcli.errors import InputError, UsageError
from llmcli.system import calibration
from llmcli.system.calibration import BUDGET, VARIABLE, Contest, allow_measuring, choice, chosen
from llmcli.system.races import Disturbed, Watch


class Measurer:
    """A contest's measuring that counts its calls, with a clock of its own."""

    def __init__(self, takes=0.01, **seconds):
        self.seconds, self.takes, self.calls, self.passed = seconds, takes, 0, 0.0
        self.watch = Watch(lambda: self.passed)

    def __call__(self, watch):
        assert watch is self.watch
        self.calls += 1
        self.passed += self.takes
        if not self.seconds:
            raise Disturbed
        return self.seconds

    def contest(self, name="sums", default="plain", **more):
        return Contest(name, default, ("plain", "packed", "fused"), self, **more)

    def choice(self, **more):
        return choice(self.contest(**more), self.watch)


@pytest.fixture(autouse=True)
def measuring(monkeypatch):
    """Measuring as for users."""
    monkeypatch.delenv(VARIABLE)
    calibration.forget()
    yield
    calibration.forget()


def files(tmp_path):
    return list((tmp_path.parent / f"{tmp_path.name}-cache" / "calibration").glob("*"))


def reason():
    (made,) = chosen()
    return made.source, made.reason


def test_a_contest_is_measured_once_and_remembered_for_later_processes(tmp_path):
    measurer = Measurer(plain=0.003, packed=0.001)
    allow_measuring()
    assert measurer.choice() == "packed" == measurer.choice()
    assert reason() == ("measured", "")
    calibration.forget()  # another process, for a short text
    assert measurer.choice() == "packed"
    assert reason() == ("remembered", "")
    assert measurer.calls == 1
    assert str(chosen()[0]) == "sums: packed (remembered: packed 1.000 ms, plain 3.000 ms)"
    assert len(files(tmp_path)) == 1


def test_results_of_several_contests_are_kept_together(tmp_path):
    allow_measuring()
    Measurer(plain=0.003, packed=0.001).choice(name="a")
    Measurer(plain=0.003, fused=0.001).choice(name="b")
    calibration.forget()
    nothing = Measurer()
    assert (nothing.choice(name="a"), nothing.choice(name="b")) == ("packed", "fused")
    assert nothing.calls == 0
    assert len(files(tmp_path)) == 1


def test_nothing_is_measured_for_a_short_text_until_a_batch_begins():
    measurer = Measurer(plain=0.003, packed=0.001)
    assert measurer.choice() == "plain"
    assert reason() == ("fixed", "nothing is measured for a short text")
    allow_measuring()
    assert measurer.choice() == "packed"


def test_a_choice_stays_although_measuring_is_allowed_again():
    allow_measuring()
    disturbed = Measurer()
    assert disturbed.choice() == "plain"
    allow_measuring()
    assert Measurer(packed=0.001).choice() == "plain"


def test_a_disturbed_measurement_leaves_the_fixed_choice_and_is_not_remembered(tmp_path):
    allow_measuring()
    assert Measurer().choice(default=lambda: "fused") == "fused"
    assert reason() == ("fixed", "other programs disturbed the measuring")
    assert not files(tmp_path)
    calibration.forget()
    allow_measuring()
    assert Measurer(packed=0.001).choice() == "packed"


def test_the_default_stays_unless_another_is_clearly_faster():
    allow_measuring()
    assert Measurer(plain=0.100, packed=0.096).choice(name="a") == "plain"
    assert Measurer(plain=0.100, packed=0.094).choice(name="b") == "packed"
    assert Measurer(packed=0.096).choice(name="c") == "packed"  # the default does not work here


def test_the_contests_of_an_engine_share_a_budget():
    measurer = Measurer(takes=BUDGET, plain=0.003, packed=0.001)
    allow_measuring()
    assert measurer.choice(name="a") == "packed"
    assert measurer.choice(name="b") == "plain"
    assert chosen()[1].reason == "the next run measures it"
    assert measurer.choice(name="c", engine="ct2") == "packed"
    calibration.forget()
    allow_measuring()
    assert measurer.choice(name="b") == "packed"
    assert measurer.calls == 3


@pytest.mark.parametrize("threads", ["1", "2"])
def test_results_are_those_of_a_number_of_threads(monkeypatch, tmp_path, threads):
    allow_measuring()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    Measurer(plain=0.003, packed=0.001).choice()
    calibration.forget()
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    assert Measurer().choice() == ("packed" if threads == "1" else "plain")


def test_results_are_those_of_a_version_of_a_library(monkeypatch):
    allow_measuring()
    Measurer(plain=0.003, packed=0.001).choice()
    calibration.forget()
    monkeypatch.setattr(calibration, "_version", lambda name: f"{name} 99")
    assert Measurer().choice() == "plain"


def damage(content):
    yield from ("", "{", "[]", "{}", '{"machine": 1}', "\0")
    for contests in (1, {"sums": 1}, {"sums": {"candidate": "magic", "seconds": {}}}):
        yield json.dumps({**content, "contests": contests})
    for seconds in (1, {"packed": "fast"}, {"magic": 0.1}):
        contests = {"sums": {"candidate": "packed", "seconds": seconds}}
        yield json.dumps({**content, "contests": contests})
    yield json.dumps({**content, "machine": {"processor": "another"}})


def test_a_file_that_cannot_be_trusted_is_measured_again(tmp_path):
    allow_measuring()
    Measurer(plain=0.003, packed=0.001).choice()
    (file,) = files(tmp_path)
    whole = file.read_text()
    for text in damage(json.loads(whole)):
        file.write_text(text)
        calibration.forget()
        allow_measuring()
        assert Measurer(plain=0.003, packed=0.001).choice() == "packed"
        assert reason()[0] == "measured", text
        assert file.read_text() == whole


def test_a_cache_that_cannot_be_written_remembers_nothing(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LLMCLI_CACHE", str(tmp_path / "file" / "cache"))
    allow_measuring()
    assert Measurer(plain=0.003, packed=0.001).choice() == "plain"
    assert reason() == ("fixed", "the cache cannot be written")


def test_the_variable_forces_a_candidate_over_what_is_remembered(monkeypatch):
    measurer = Measurer(plain=0.003, packed=0.001)
    allow_measuring()
    measurer.choice()
    for setting, candidate, source in (
        ("sums=fused", "fused", "forced"),
        (" others = plain ; sums = plain ;", "plain", "forced"),
        ("fixed", "plain", "fixed"),
        ("others=plain", "packed", "remembered"),
    ):
        monkeypatch.setenv(VARIABLE, setting)
        calibration.forget()
        assert measurer.choice() == candidate
        assert chosen()[0].source == source


@pytest.mark.parametrize("setting", ["sums", "sums=magic", "plain;sums=plain"])
def test_a_wrong_variable_is_one_line(monkeypatch, setting):
    monkeypatch.setenv(VARIABLE, setting)
    with pytest.raises(UsageError, match=VARIABLE):
        Measurer().choice()


def test_a_resumed_run_keeps_its_choices_or_is_refused(monkeypatch):
    allow_measuring()
    assert Measurer(plain=0.003, packed=0.001).choice() == "packed"
    calibration.resume({"sums": "fused"})
    assert Measurer().choice() == "fused"
    assert reason() == ("resumed", "")
    monkeypatch.setenv(VARIABLE, "sums=plain")
    calibration.resume({"sums": "fused"})
    with pytest.raises(UsageError, match="sums by 'fused', and LLMCLI_CALIBRATION sets 'plain'"):
        Measurer().choice()
    monkeypatch.delenv(VARIABLE)
    calibration.resume({"sums": "magic"})
    with pytest.raises(InputError, match="sums by 'magic', and this machine can do plain, packed"):
        Measurer().choice()


def test_a_candidate_that_does_not_work_here_is_not_taken(monkeypatch):
    works = {"works": lambda candidate: candidate == "plain"}
    allow_measuring()
    assert Measurer(plain=0.003, packed=0.001).choice() == "packed"
    calibration.forget()  # and a file that was copied from another machine
    assert Measurer().choice(**works) == "plain"
    calibration.resume({"sums": "packed"})
    with pytest.raises(InputError, match="sums by 'packed', and this machine can do plain"):
        Measurer().choice(**works)
    calibration.forget()
    monkeypatch.setenv(VARIABLE, "sums=packed")
    with pytest.raises(UsageError, match="sums=packed, and this machine can do plain"):
        Measurer().choice(**works)
