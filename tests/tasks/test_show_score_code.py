"""The scripts that `score --show-code` prints compute what `score` does."""

import json

import pytest

from tests.tasks.test_show_code import printed_by
from tests.tiny_models import STORY

EN = ["Once upon a time, 看 cat\n {x}"]
CASES = [
    ("tiny_gpt2", EN, []),
    ("tiny_gpt2", EN, ["--no-bos"]),
    ("tiny_gpt2", EN, ["--unit", "bits"]),
    ("tiny_gpt2", EN, ["--block-size", "8", "--stride", "3"]),
    ("tiny_gpt2", [STORY * 4], []),
    ("tiny_masked", ["the cat sat on"], []),
    ("tiny_masked", ["a dog ran"], ["--unit", "bits"]),
    ("tiny_marian", ["Le chat.", "--source", "The cat."], []),
]


@pytest.mark.parametrize(("model", "words", "flags"), CASES)
def test_the_script_prints_the_same_numbers(run, request, model, words, flags):
    words = ["score", *words, "-m", request.getfixturevalue(model), *flags]
    result = run(*words, "--show-code")
    lines = printed_by(result.stdout).splitlines()
    (record,) = json.loads(run(*words, "-q", "--json").stdout)
    tokens = [token for token in record["tokens"] if token["surprisal"] is not None]
    printed = [float(line.rpartition("\t")[2]) for line in lines[:-1]]
    assert printed == pytest.approx([token["surprisal"] for token in tokens], abs=2e-3)
    perplexity = record["perplexity"] or record["pseudo_perplexity"]
    sums = [record["surprisal"], record["mean_surprisal"], perplexity]
    assert [float(value) for value in lines[-1].split("\t")] == pytest.approx(sums, rel=1e-3)


def test_the_code_of_a_translator_names_the_languages(run):
    words = ["score", "Le chat noir.", "--source", "The black cat.", "-m", "marian-en-fr-zh"]
    words += ["-f", "English", "-t", "fr"]
    *_, last = printed_by(run(*words, "--show-code").stdout).splitlines()
    (record,) = json.loads(run(*words, "-q", "--json").stdout)
    assert float(last.split("\t")[0]) == pytest.approx(record["surprisal"], rel=0.02)  # bfloat16


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["-m", "bert-en", "--stride", "3"], "leave out --block-size and --stride"),
        (["--beside", "gpt2-stories"], "leave out --beside"),
        (["--source", "x"], "goes with an encoder-decoder model"),
        (["-m", "marian-en-fr-zh"], "goes with an encoder-decoder model"),
    ],
)
def test_what_a_script_cannot_do_is_one_line(run, flags, says):
    result = run("score", "hi", "--show-code", *flags)
    assert result.exit_code == 2 and says in result.stderr
