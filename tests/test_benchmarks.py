"""What the benchmarks share: they must measure the child, and tell what went wrong."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import claims  # noqa: E402
import common  # noqa: E402
import old_new  # noqa: E402

ABOUT = {
    **{"cpu": "A", "cores": 2, "instructions": ["avx2"], "memory": None, "commit": None},
    **{"python": "3", "versions": {"llmcli": "0"}, "omp_num_threads": None},
}


def side(*seconds, peak=100.0):
    return common.Side([common.Run(one, peak, "") for one in seconds])


def test_a_whole_process_is_measured_and_not_the_one_that_starts_it():
    ballast = b"1" * 300_000_000  # in this process
    small = common.run_once(common.script("import time; time.sleep(0.3); print('x')"))
    assert small.stdout == "x\n" and 0.3 < small.seconds < 30
    assert small.peak < 100
    large = common.run_once(common.script("x = b'1' * 200_000_000"))
    assert 190 < large.peak - small.peak < 230
    del ballast


def test_a_command_that_fails_says_why_and_the_others_go_on(capsys):
    fails = common.script("import sys; print('long', file=sys.stderr); sys.exit('no such flag')")
    sides = common.measure({"a": common.script("print(1)"), "b": fails}, 2)
    assert len(sides["a"].runs) == 2
    assert sides["b"].error == "no such flag" and sides["b"].runs == []
    row = common.row("a claim", "b", sides["a"], sides["b"], needed=2)
    assert row["ratio"] is None and row["holds"] is None and "no such flag" in row["outputs"]


def test_a_usage_error_may_be_what_is_measured():
    command = common.script("import sys; sys.exit(2)")
    assert common.run_once(command, 2).seconds > 0
    with pytest.raises(common.ProcessFailed, match="exit status 2"):
        common.run_once(command)


def test_sides_take_turns_in_an_order_that_turns_around(tmp_path):
    log = tmp_path / "log"
    code = "import sys; open(sys.argv[1], 'a').write(sys.argv[2])"
    common.measure({name: common.script(code, log, name) for name in "ab"}, 3)
    assert log.read_text() == "abbaabba"  # a warm-up and three rounds


def test_a_ratio_is_that_of_the_medians_and_must_reach_what_is_needed():
    ours, theirs = side(1.0, 2.0, 9.0), side(6.0, 8.0, 7.0)
    row = common.row("", "", ours, theirs, needed=3.5)
    assert (row["ours"], row["theirs"], row["ratio"], row["holds"]) == (2.0, 7.0, 3.5, True)
    assert common.row("", "", ours, theirs, needed=3.6)["holds"] is False
    rate = common.row("", "", ours, theirs, amount=14, unit="tokens")
    assert (rate["ours"], rate["theirs"], rate["unit"]) == (7.0, 2.0, "tokens/s")
    assert rate["ratio"] == 3.5  # faster is more, whatever is told


def test_wrong_outputs_and_more_memory_are_no_result():
    fast, slow = side(1.0, peak=200), side(9.0, peak=100)
    wrong = common.row("", "", fast, slow, needed=2, check=lambda: common.Check("differ", False))
    assert wrong["holds"] is False
    assert common.row("", "", fast, slow, needed=2)["holds"] is True
    assert common.row("", "", fast, slow, needed=2, memory=True)["holds"] is False


def test_a_difference_is_taken_round_by_round_and_noise_is_no_result():
    found = common.less(side(5.0, 7.0, peak=300), side(1.0, 2.0))
    assert found.seconds == [4.0, 5.0] and found.peak == 300
    lost = common.row("", "", common.less(side(1.0), side(2.0)), side(1.0), needed=1)
    assert lost["ratio"] is None and lost["holds"] is False and "noise" in lost["outputs"]


def test_texts_are_compared_one_by_one():
    assert common.same_texts(["a\n", "b"], ["a", "b"]).good is True
    check = common.same_texts(["a", "x"], ["a", "b"], 0.5)
    assert check == common.Check("1 of 2 texts the same", True)
    assert common.same_texts(["a", "x"], ["a", "b"], 0.99).good is False
    assert common.same_texts(["a"], ["a", "b"]).good is False
    assert common.same_words("a b c", "a b d") == common.Check("texts part at word 2", False)


def test_new_rows_take_the_place_of_those_of_the_same_script_only(tmp_path):
    def rows(script, claim):
        about = {"script": script, "date": "2026-01-01", "quick": False, "machine": ABOUT}
        return [{**common.row(claim, "p", side(1.0), side(2.0), needed=1), **about}]

    for number, (script, claim) in enumerate([("x", "old"), ("y", "kept"), ("x", "a | new")]):
        source = tmp_path / f"{number}.json"
        source.write_text(json.dumps(rows(script, claim)))
        common.merge(tmp_path, [source])
    claims = [one["claim"] for one in json.loads((tmp_path / "results.json").read_text())]
    assert claims == ["kept", "a | new"]
    text = (tmp_path / "results.md").read_text()
    assert "| a \\| new | p | 1 s | 2 s | 2.00 (2.00-2.00) | 1 | yes | none |" in text
    assert text.count("A, 2 cores, avx2") == 1


def test_a_claim_is_judged_by_what_this_kind_of_machine_needs():
    (claim,) = (each for each in claims.CLAIMS if each.name == "classify, auto")
    row = common.row(
        "classify, 4 reviews, m, whole process", "transformers pipeline", side(1), side(5)
    )
    other = common.row(
        "embed, 4 reviews, m, whole process", "transformers pipeline", side(1), side(9)
    )
    (here,) = claims.judged(claim, [row, other], has_amx=False)
    (there,) = claims.judged(claim, [row, other], has_amx=True)
    assert (here["needed"], here["holds"], there["needed"], there["holds"]) == (4, True, 6, False)
    said, holds = claims.line(claim, there, "")
    assert not holds and "too slow" in said
    greedy = common.row(
        "classify, 4 reviews, m, whole process", "pipeline", side(1, peak=9), side(9, peak=8)
    )
    said, holds = claims.line(claim, claims.judged(claim, [greedy], has_amx=True)[0], "")
    assert not holds and "more memory" in said


def test_a_claim_that_was_not_measured_does_not_hold():
    for row, why in (
        (None, "stopped after 3 minutes"),
        (common.row("", "", common.Side(error="no such peer"), side(1)), ""),
    ):
        said, holds = claims.line(claims.CLAIMS[0], row, why)
        assert not holds and "not run" in said and (why or "no such peer") in said


def test_each_claim_names_a_script_that_is_run():
    for claim in claims.CLAIMS:
        assert set(claim.script.split("|")) <= set(claims.SCRIPTS), claim.name


def test_two_trees_run_the_same_command_with_a_cache_each(tmp_path):
    command = old_new.Command(("generate", "a", "-n", 3), ".jsonl", "text")
    words = old_new.of_tree(tmp_path, tmp_path / "cache", command, tmp_path / "out.jsonl")
    assert words[:3] == ["env", f"PYTHONPATH={tmp_path}", f"LLMCLI_CACHE={tmp_path / 'cache'}"]
    assert words[4:] == [
        "-m",
        "llmcli",
        "generate",
        "a",
        "-n",
        "3",
        "-o",
        str(tmp_path / "out.jsonl"),
        "-q",
    ]


def test_texts_of_two_trees_must_be_the_same_in_float32(tmp_path):
    paths = [
        common.write_rows(tmp_path / f"{at}.jsonl", texts)
        for at, texts in enumerate((["a", "b"], ["a", "c"]))
    ]
    outputs = [("", path) for path in paths]
    exact = old_new.same(old_new.Command((), ".jsonl", "text"), *outputs)
    rounded = old_new.same(old_new.Command((), ".jsonl", "text", is_exact=False), *outputs)
    assert (exact.good, rounded.good) == (False, None)
    assert exact.told == rounded.told == "1 of 2 texts the same"
