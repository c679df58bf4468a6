"""Numbers that are off, and how long a text may be."""

import json

import pytest


@pytest.mark.parametrize(
    "flags",
    [
        ("--top-k", "0"),
        ("--top-k", "-1", "--min-p", "0", "--top-p", "-1"),
        ("--seed", "-1"),
        ("--repetition-penalty", "0", "--no-repeat-ngram-size", "-1"),
        ("--num-beams", "0"),
    ],
)
def test_what_is_off_changes_nothing(run, tiny_gpt2, flags):
    words = ("generate", "-m", tiny_gpt2, "a cat", "-n", 8, "--json")
    assert run(*words, *flags).stdout == run(*words).stdout


def test_a_seed_of_minus_one_is_another_each_time(run, tiny_gpt2):
    words = ("generate", "-m", tiny_gpt2, "a", "-n", 2, "--json", "--temp", "1", "--seed", "-1")
    seeds = {json.loads(run(*words).stdout)[0]["seed"] for _ in range(2)}
    assert len(seeds) == 2


@pytest.mark.parametrize(("option", "value"), [("--num-return-sequences", 0), ("--limit", -1)])
def test_a_zero_that_means_nothing_gets_a_hint(run, option, value):
    result = run("generate", "a", option, value)
    assert result.exit_code == 2
    assert "leave the option out for its default" in result.stderr


@pytest.mark.parametrize("engine", ["torch", "ct2"])
def test_more_tokens_than_fit_are_as_many_as_fit(run, tiny_gpt2, engine):
    words = ("generate", "-m", tiny_gpt2, "--engine", engine, "a cat", "--json")
    capped, fits = run(*words, "-n", 500), run(*words, "-n", -1)
    (record,), (other,) = json.loads(capped.stdout), json.loads(fits.stdout)
    assert record["text"] == other["text"]
    assert "1 text ended early: fewer than --max-new-tokens fit" in capped.stderr
    assert record["capped"] == record["new_tokens"] == 64 - record["prompt_tokens"]
    assert "capped" not in other and "ended early" not in fits.stderr
    strict = run(*words, "-n", 500, "--strict")
    assert strict.exit_code == 3
    assert "takes 64 in all" in strict.stderr


def test_a_file_is_capped_row_by_row(run, tiny_gpt2, tmp_path):
    path = tmp_path / "prompts.txt"
    path.write_text("a\n" + "cat " * 20 + "\n")
    result = run("generate", "-m", tiny_gpt2, "-i", path, "-n", 50, "--format", "jsonl")
    first, second = map(json.loads, result.stdout.splitlines())
    assert "capped" not in first
    assert second["capped"] == 64 - second["prompt_tokens"]
    assert "1 text ended early" in result.stderr


def test_a_long_prompt_is_cut_to_leave_room_even_if_more_is_asked_for(run, tiny_gpt2):
    words = ("generate", "-m", tiny_gpt2, "cat " * 100, "-n", 500, "--on-overflow", "truncate")
    (record,) = json.loads(run(*words, "--json").stdout)
    assert (record["prompt_tokens"], record["capped"]) == (32, 32)
