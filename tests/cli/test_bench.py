"""llmcli bench: each engine in a process of its own, beside the limits of the machine."""

import json
import time
from dataclasses import replace

import pytest

from llmcli.cli.bench import _choices
from llmcli.engines.stopwatch import Trial
from llmcli.engines.stopwatch import run as run_trial
from llmcli.errors import UsageError
from llmcli.spec import ModelSpec
from llmcli.spec.tasks import BenchOptions
from llmcli.system.machine import describe
from llmcli.system.measure import Machine, Rate
from llmcli.tasks import bench
from llmcli.tasks.bench import choices

SMALL = ("--prompt-tokens", "6", "-n", "4", "--batch-size", "2", "--repeats", "1", "-q")


@pytest.fixture
def machine(monkeypatch):
    """Spares the seconds of measuring this machine."""
    made = Machine(describe(), 10.0, (Rate("numpy", "float32", 50.0),))
    monkeypatch.setattr(bench, "measure", lambda with_torch: made)


def measured(run, *words):
    result = run("bench", *words, *SMALL, "--json")
    assert result.exit_code == 0, result.output
    (record,) = json.loads(result.stdout)
    return record


def test_a_causal_model_is_timed_beside_its_limits(run, tiny_gpt2):
    record = measured(run, "-m", tiny_gpt2, "--engine", "ct2")
    assert [(row["engine"], row["dtype"]) for row in record["rows"]] == [
        ("ct2", "float32"),
        ("ct2", "int8"),
    ]
    for row in record["rows"]:
        speeds = row["speeds"]
        assert row["error"] is None
        assert speeds.pop("chosen") == []
        assert all(value > 0 for value in speeds.values()) and speeds["memory"] > 1e7
    # two layers of 12 * 16^2 weights and 13 * 16 biases, a final norm; 300 rows of 16 of the output
    numbers = 2 * (12 * 16**2 + 13 * 16) + 2 * 16 + 300 * 16
    cache = 2 * 2 * 16 * (6 + 2) * 4
    limit = record["machine"]["bandwidth"] * 1e9 / (4 * numbers + cache)
    assert record["rows"][0]["decode_limit"] == pytest.approx(limit)


def test_an_encoder_is_timed(run, tiny_encoder, machine):
    record = measured(run, "-m", tiny_encoder, "--engine", "ct2", "--dtype", "float32")
    (row,) = record["rows"]
    assert row["speeds"]["decode"] is None and row["speeds"]["prefill"] > 0
    assert row["decode_limit"] is None


@pytest.mark.parametrize("kind", ["causal", "encoder"])
def test_torch_is_timed(kind, tiny_gpt2, tiny_encoder):
    """In this process, which has imported torch; the command starts one that would take 10 s."""
    model = ModelSpec(str(tiny_gpt2 if kind == "causal" else tiny_encoder), engine="torch")
    options = BenchOptions(prompt_tokens=6, new_tokens=4, batch_size=2, repeats=1)
    speeds = run_trial(Trial(model, options, kind), time.time())
    assert min(speeds.load, speeds.first, speeds.prefill, speeds.batch) > 0
    assert (speeds.decode is None) == (kind == "encoder")
    assert any(line.startswith("attention, float32: sdpa (fixed") for line in speeds.chosen)


def test_an_engine_that_cannot_run_it_says_why(run, bpe, tmp_path, machine):
    from tests.tiny_models import BLOOM, make_causal

    folder = make_causal(bpe, tmp_path / "bloom", **BLOOM)
    result = run("bench", "-m", folder, *SMALL, "--engine", "ct2", "--dtype", "float32")
    assert result.exit_code == 0 and "it does not run bloom" in result.stdout


def test_what_no_engine_does_is_wrong_use(run, tiny_gpt2):
    result = run("bench", "-m", tiny_gpt2, *SMALL, "--engine", "ct2", "--dtype", "bfloat16")
    assert result.exit_code == 2 and "--engine ct2 does not compute in bfloat16" in result.stderr


def test_what_is_compared_depends_on_the_processor(monkeypatch):
    spec = ModelSpec("gpt2-stories")
    for bfloat16, int8 in ((True, True), (True, False), (False, True)):
        monkeypatch.setattr(bench, "has_fast_bfloat16", lambda has=bfloat16: has)
        monkeypatch.setattr(bench, "has_int8_products", lambda has=int8: has)
        variants = choices(spec)
        assert (("torch", "bfloat16") in variants) == bfloat16
        assert (("torch", "int8") in variants) == int8
        assert {("torch", "float32"), ("ct2", "float32"), ("ct2", "int8")} < set(variants)
    assert ("torch", "bfloat16") in choices(replace(spec, dtype="bfloat16"))
    monkeypatch.setattr(bench, "has_int8_products", lambda: False)
    with pytest.raises(UsageError, match="`engine`=torch does not compute in int8"):
        choices(replace(spec, engine="torch", dtype="int8"))


def test_each_choice_is_shown_once():
    def row(*chosen):
        return {"speeds": {"chosen": chosen}}

    rows = [row("a: x (measured: x 1.000 ms)"), row("a: x (remembered)", "b: y (fixed)")]
    shown = _choices({"rows": [*rows, {"speeds": None}]})
    assert shown == ["a: x (measured: x 1.000 ms)\nb: y (fixed)"]
    assert _choices({"rows": [{"speeds": None}]}) == []
