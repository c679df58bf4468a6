"""The printed scripts are run, and print what llmcli prints."""

import contextlib
import io
import json
import shutil

import numpy as np
import pytest


def printed_by(code):
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(compile(code, "<show-code>", "exec"), {})
    return shown.getvalue()


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["-n", "5"],
        ["--num-beams", "3", "-n", "12"],
        ["--num-beams", "3", "--num-return-sequences", "2", "-n", "12"],
        ["--repetition-penalty", "1.4", "--no-repeat-ngram-size", "2"],
        ["--stop", ".", "--stop", "a"],
        ["--stop", "nowhere"],
    ],
    ids=str,
)
def test_the_generate_script_prints_the_same_text(run, tiny_gpt2, flags):
    words = ["generate", "Once upon\n a 看 'time'", "-m", tiny_gpt2, *flags]
    code = run(*words, "--show-code").stdout
    assert printed_by(code) == run(*words, "-q").stdout
    assert len(code.splitlines()) < 30


@pytest.mark.parametrize("flags", [[], ["--num-beams", "2"]], ids=str)
def test_the_script_keeps_the_spaces_of_other_vocabularies(run, tiny_words, flags):
    words = ["generate", "the cat", "-m", tiny_words, "-n", "6", *flags]
    shown = run(*words, "-q").stdout
    assert shown.startswith("the cat ")
    assert printed_by(run(*words, "--show-code").stdout) == shown


def test_the_chat_script_prints_the_same_text(run, tiny_chat):
    words = ["generate", "hello cat", "-m", tiny_chat, "-s", "be a dog", "-n", "8"]
    assert printed_by(run(*words, "--show-code").stdout) == run(*words, "-q").stdout


def test_a_sampling_script_runs_with_the_same_settings(run, tiny_gpt2):
    words = ["generate", "hi", "-m", tiny_gpt2, "--temperature", "0.7", "--top-k", "3"]
    words += ["--seed", "0"]
    code = run(*words, "--min-p", "0.1", "--top-p", "0.9", "-n", "4", "--show-code").stdout
    assert "torch.manual_seed(0)" in code
    for setting in ("do_sample=True", "temperature=0.7", "top_k=3", "top_p=0.9", "min_p=0.1"):
        assert setting in code
    assert printed_by(code).startswith("hi")


@pytest.mark.parametrize("model", ["tiny_gpt2", "tiny_bert"])
def test_the_forward_script_prints_the_same_text(run, request, model):
    words = ["forward", "the cat 看", "-m", request.getfixturevalue(model)]
    shown = run(*words, "-o", "-", "--format", "json")
    assert shown.exit_code == 0
    expected = json.loads(shown.stdout)[0]["predicted_text"]
    assert printed_by(run(*words, "--show-code").stdout) == f"{expected}\n"


def test_a_hub_model_is_named_and_not_downloaded(run):
    result = run("generate", "hi", "-m", "gpt2", "--revision", "v1", "--offline", "--show-code")
    assert "from_pretrained('gpt2', revision='v1')" in result.stdout


def lines(run, words):
    """What a script prints, a list of fields a line."""
    code = run(*words, "--show-code").stdout
    assert len(code.splitlines()) < 50
    return [line.split("\t") for line in printed_by(code).splitlines()]


def record(run, words):
    (found,) = json.loads(run(*words, "--json").stdout)
    return found


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        ("tiny_classifier", []),
        ("tiny_classifier", ["--top", "2", "--multi-label"]),
        ("tiny_classifier", ["--text-pair", "a dog"]),
        ("tiny_nli", ["--labels", "good,bad,cat"]),
        ("tiny_nli", ["--labels", "good,bad", "--multi-label"]),
        ("tiny_gpt2", ["--labels", "good,very bad", "--hypothesis-template", "It's {}!"]),
    ],
    ids=str,
)
def test_the_classify_script_prints_the_same_labels(run, request, model, flags):
    words = ["classify", "the cat 'sat'", "-m", request.getfixturevalue(model), *flags]
    expected = [[one["label"], one["score"]] for one in record(run, words)["scores"]]
    found = lines(run, words)
    assert [label for label, _ in found] == [label for label, _ in expected]
    assert [float(score) for _, score in found] == pytest.approx(
        [score for _, score in expected], abs=1e-4
    )


@pytest.mark.parametrize("flags", [[], ["--top", "2"], ["--targets", "cat,dog"]], ids=str)
def test_the_fill_script_prints_the_same_words(run, tiny_masked, flags):
    words = ["fill", "the [MASK] sat", "-m", tiny_masked, *flags]
    (gap,) = record(run, words)["gaps"]
    expected = {one["word"]: one["probability"] for one in gap["candidates"]}
    found = {word: float(number) for word, number in lines(run, words)}
    assert found == pytest.approx(expected, abs=1e-4)


def test_the_fill_script_fills_several_gaps_together(run, tiny_masked):
    words = ["fill", "the [MASK] ran on [MASK]", "-m", tiny_masked]
    assert lines(run, words)[-1] == [record(run, words)["filled"]]


@pytest.mark.parametrize("model", ["tiny_reader", "tiny_chat", "tiny_gpt2", "tiny_marian"])
def test_the_answer_script_prints_the_same_answer(run, request, model):
    folder = request.getfixturevalue(model)
    words = ["answer", "who?", "--context", "the cat sat . a dog", "-m", folder]
    words += ["--max-answer-tokens", "5"]
    assert lines(run, words) == [[record(run, words)["answer"]]]


@pytest.mark.parametrize(
    "flags",
    [[], ["--num-beams", "1"], ["--num-beams", "4", "-n", "5"], ["--no-repeat-ngram-size", "1"]],
    ids=str,
)
def test_the_translate_script_prints_the_same_text(run, tiny_marian, flags):
    text = "The cat sat. {A} dog!\n\n- One day\n- moon."
    words = ["translate", text, "-m", tiny_marian, *flags]
    assert printed_by(run(*words, "--show-code").stdout) == run(*words, "-q").stdout


@pytest.mark.parametrize(
    "flags", [[], ["--pooling", "cls", "--normalize"], ["--prompt", "a "]], ids=str
)
def test_the_embed_script_prints_the_same_vector(run, tiny_encoder, flags):
    words = ["embed", "the cat", "-m", tiny_encoder, *flags]
    found = [float(number) for number in printed_by(run(*words, "--show-code").stdout).split()]
    assert found == pytest.approx(record(run, words)["embedding"], abs=1e-5)


def test_the_embed_script_takes_the_encoder_of_a_translator(run, tiny_marian):
    words = ["embed", "the cat", "-m", tiny_marian, "--pooling", "mean"]
    found = [float(number) for number in printed_by(run(*words, "--show-code").stdout).split()]
    assert found == pytest.approx(record(run, words)["embedding"], abs=1e-5)


GENERATION = [
    {"num_beams": 3, "length_penalty": 0.5},
    {"repetition_penalty": 1.4, "no_repeat_ngram_size": 2, "suppress_tokens": [40, 41]},
    {"min_new_tokens": 4, "bad_words_ids": [[44], [45, 46]]},
    {"max_new_tokens": 5},
    {"max_length": 20},
    {"do_sample": True, "temperature": 0.5, "top_k": 3},
    {"guidance_scale": 2.0, "dola_layers": "high", "cache_implementation": "static"},
    {"encoder_repetition_penalty": 1.5, "sequence_bias": [[[44], 3.0]]},
    {"stop_strings": ["L", "P"]},
    {"num_return_sequences": 2, "num_beams": 2},
]


def with_settings(folder, target, **settings):
    """A copy of a model with settings of generation."""
    shutil.copytree(folder, target)
    path = target / "generation_config.json"
    own = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({**own, **settings}))
    return target


@pytest.mark.parametrize("settings", GENERATION, ids=str)
@pytest.mark.parametrize("flags", [[], ["-n", "7", "--num-beams", "2"]], ids=str)
def test_the_script_obeys_a_models_settings_as_the_command_does(
    run, tiny_gpt2, tmp_path, settings, flags
):
    folder = with_settings(tiny_gpt2, tmp_path / "model", eos_token_id=0, **settings)
    words = ["generate", "Once upon", "-m", folder, *flags]
    shown = run(*words, "-q")
    assert shown.exit_code == 0, shown.stderr
    assert printed_by(run(*words, "--show-code").stdout) == shown.stdout


@pytest.mark.parametrize(
    "settings",
    [
        {"no_repeat_ngram_size": 2, "encoder_no_repeat_ngram_size": 1},
        {"do_sample": True, "guidance_scale": 3.0, "num_return_sequences": 2},
        {"max_length": 200, "max_tokens_per_source_token": 1, "_from_model_config": False},
        {"min_new_tokens": 4, "num_beams": 1, "stop_strings": ["a"]},
    ],
    ids=str,
)
def test_the_translate_script_obeys_a_models_settings(run, tiny_marian, tmp_path, settings):
    folder = with_settings(tiny_marian, tmp_path / "model", **settings)
    words = ["translate", "The cat sat. A dog!\n- moon", "-m", folder, "--no-repeat-ngram-size", 2]
    shown = run(*words, "-q")
    assert shown.exit_code == 0, shown.stderr
    assert printed_by(run(*words, "--show-code").stdout) == shown.stdout


@pytest.mark.parametrize("settings", [GENERATION[1], GENERATION[5], GENERATION[6]], ids=str)
def test_the_answer_script_obeys_a_models_settings(run, tiny_gpt2, tmp_path, settings):
    folder = with_settings(tiny_gpt2, tmp_path / "model", **settings)
    words = ["answer", "who?", "--context", "the cat sat .", "-m", folder]
    assert lines(run, [*words, "--max-answer-tokens", "5"]) == [
        [record(run, [*words, "--max-answer-tokens", "5"])["answer"]]
    ]


@pytest.mark.parametrize(
    ("model", "more"),
    [("tiny_gpt2", []), ("tiny_masked", []), ("tiny_reader", ["--question", "who"])],
    ids=str,
)
def test_the_explain_script_prints_the_same_weights(run, request, model, more):
    folder = request.getfixturevalue(model)
    words = ["explain", "the cat sat", "-m", folder, "--layers", "0", "--heads", "1", *more]
    code = run(*words, "--show-code").stdout
    names = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(code, "<show-code>", "exec"), names)
    (record,) = json.loads(run(*words, "--section", "by-hand", "--json").stdout)
    weights = record["sections"]["by-hand"]["weights"]
    assert np.allclose(names["outputs"].attentions[0][0, 1].numpy(), weights, atol=1e-6)


def test_the_explain_script_prints_the_surprisal_of_forward(run, tiny_gpt2):
    shown = printed_by(run("explain", "the cat sat", "-m", tiny_gpt2, "--show-code").stdout)
    (record,) = json.loads(run("forward", "the cat sat", "-m", tiny_gpt2, "--json").stdout)
    nats = [position["nats"] for position in record["positions"][:-1]]
    printed = [float(line.split()[-1]) for line in shown.splitlines()[-1 - len(nats) : -1]]
    assert printed == pytest.approx(nats, abs=1e-5)
