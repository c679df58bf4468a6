"""generate --trace: on a terminal, as JSON, as a page, resumed, and used wrongly."""

import json
import re

import pytest

from llmcli.cli.plain_tables import display_width
from llmcli.cli.trace_view import trace_lines
from llmcli.interpretability.words import words

PROMPT = "Once upon a time </script> 🙂"
SAMPLED = ("--temperature", 0.8, "--top-k", 40, "--top-p", 0.8, "--seed", 1)
SETTINGS = [
    (),
    *((f"--{name}", value) for name, value in (("top-k", 5), ("top-p", 0.7), ("min-p", 0.1))),
    *(("--temperature", value) for value in (0, 0.3, 1, 2)),
    *(("--repetition-penalty", value) for value in (0.8, 1.5)),
    *(("--no-repeat-ngram-size", value) for value in (1, 2)),
    *(("--num-beams", value) for value in (2, 3, 5)),
    ("--num-beams", 3, "--num-return-sequences", 3, "--no-repeat-ngram-size", 2),
    ("--num-beams", 2, "--repetition-penalty", 1.5),
    ("--temperature", 0.8, "--num-return-sequences", 3),
    ("--assist", "lookup"),
    ("--stop", "e"),
    ("--top-p", 0.9, "--stop", "e"),
    ("--logprobs", 2),
    ("--batch-size", 1, "--top-k", 9),
    (*SAMPLED, "--repetition-penalty", 1.3, "--no-repeat-ngram-size", 2),
    (*SAMPLED, "-n", 1),
]


@pytest.fixture
def generate(run, tiny_gpt2):
    def call(*words, model=tiny_gpt2, **more):
        length = () if "-n" in words else ("-n", 6)
        return run("generate", "-m", model, *length, *words, **more)

    return call


def records(result):
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_text_is_that_of_a_run_without_a_trace(generate, settings):
    call = ("hello", "a cat sat", "--json", "--engine", "torch", *settings)
    call = call if "--seed" in call else (*call, "--seed", 5)
    traced = records(generate(*call, "--trace"))
    for record in traced:
        assert len(record.pop("trace")) - record["new_tokens"] in (0, 1)
        record.pop("tree", None)
    assert traced == records(generate(*call))


def test_each_step_is_shown_with_its_candidates(generate):
    shown = generate(PROMPT, *SAMPLED, "--repetition-penalty", 1.5, "--trace-top", 3).stdout
    (record,) = records(
        generate(PROMPT, *SAMPLED, "--repetition-penalty", 1.5, "--trace-top", 3, "--json")
    )
    assert shown.startswith(PROMPT + record["text"] + "\n\n  1 ")
    assert "penalties temperature     filters" in shown
    assert shown.count("▸") == 6
    assert re.search(r"removed: top_k [\d,]+ tokens \(\S+%\)", shown)
    for step in record["trace"]:
        assert len(step["candidates"]) in (3, 4)
        assert f"random number {step['uniform']:.4f}" in shown
    assert all(display_width(line) <= 80 for line in shown.split("\n\n", 1)[1].splitlines())
    assert "\x1b" not in shown


def test_a_greedy_trace_shows_the_models_own_probabilities(generate):
    shown = generate("hello", "--trace").stdout
    assert "penalties" not in shown and "filters" not in shown
    assert "entropy" in shown and "others" in shown


def test_beams_are_shown_as_steps_as_a_tree_and_as_a_ranking(generate):
    call = ("hello", "--num-beams", 3, "--num-return-sequences", 2, "--trace")
    shown = generate(*call).stdout
    first, second = records(generate(*call, "--json"))
    assert "tree" not in second
    best = first["tree"]["nodes"][first["tree"]["returned"][0] - 1]
    assert best["score"] == first["score"]
    assert "beam search: 3 beams, length penalty 1" in shown
    assert f"finished, score {best['score']:.3f}, rank 1 ◂" in shown
    assert f"   1  {best['score']:.3f} = {best['total']:.2f} / {best['step']}^1  returned" in shown
    assert "dropped" in shown and "kept" in shown
    assert all(display_width(line) <= 80 for line in shown.splitlines())


def test_a_chinese_prompt_is_traced_in_chinese(generate):
    result = generate("我明天要去看电影。", "--trace", *SAMPLED)
    assert "排名第" in result.stdout and "随机数" in result.stdout
    assert "[in Chinese, as the text is; --lang en is in English]" in result.stderr
    assert "rank" in generate("我明天要去看电影。", "--trace", "--lang", "en").stdout
    assert all(display_width(line) <= 80 for line in result.stdout.split("\n\n", 1)[1].splitlines())


def test_bytes_of_a_character_are_named_as_tokenize_names_them(run, generate):
    tokens = records(run("tokenize", "-m", "gpt2-stories", "🙂", "--json"))
    pieces = {token["token"] for token in tokens[0]["tokens"]}
    call = ("a", "--trace-top", 4096, "-n", 1, "--json")
    (record,) = records(generate(*call, model="gpt2-stories"))
    names = {each["token"] for each in record["trace"][0]["candidates"]}
    assert any(piece.startswith("<") for piece in pieces) and pieces & names


def test_every_row_of_a_file_has_its_trace_and_a_run_resumes(generate, tmp_path, monkeypatch):
    source, target = tmp_path / "p.txt", tmp_path / "o.jsonl"
    source.write_text("a cat\nhello\na dog\n")
    call = ("-i", source, "-o", target, "--trace", *SAMPLED, "--batch-size", 1)
    assert generate(*call).exit_code == 0
    whole = target.read_text()
    assert [len(json.loads(line)["trace"]) for line in whole.splitlines()] == [6, 6, 6]
    target.unlink()
    from llmcli.decoding import loop

    calls = iter(range(100))
    real = loop.DecodingLoop.step

    def interrupted(self):
        if next(calls) == 9:
            raise KeyboardInterrupt
        return real(self)

    monkeypatch.setattr(loop.DecodingLoop, "step", interrupted)
    assert generate(*call).exit_code == 130
    monkeypatch.undo()
    resumed = generate(*call, "--resume")
    assert "continuing after row 1" in resumed.stderr
    assert target.read_text() == whole


def test_rows_without_an_output_are_shown_with_their_traces(generate, tmp_path):
    (tmp_path / "p.txt").write_text("a cat\nhello\n")
    assert generate("-i", tmp_path / "p.txt", "--trace").stdout.count("\n  1 ") == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--html", "x.html"), "--html is for --trace: add it"),
        (("--lang", "zh"), "--lang is for --trace: add it"),
        (("--trace-top", "0"), "0 is not in the range x>=1"),
        (("--trace", "-n", "0"), "0 is not in the range"),
        (("--trace", "--show-code"), "--show-code has no --trace"),
        (
            ("--trace", "-o", "x.txt"),
            "--trace does not go into x.txt: name it .jsonl, or add --html",
        ),
        (("--trace", "--json", "--fields", "text"), "--fields leaves out trace"),
        (("--trace", "--json", "--lang", "zh"), "--lang is for a terminal and --html"),
        (
            ("--trace", "--engine", "ct2"),
            "--engine ct2 cannot do this: it returns no distributions",
        ),
    ],
)
def test_wrong_use_is_one_line(generate, tmp_path, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)
    result = generate("hello", *words)
    assert result.exit_code == 2
    assert says in result.stderr and "Traceback" not in result.stderr
    assert result.stdout == ""


def test_a_page_that_cannot_be_written_is_refused_before_any_work(generate, tmp_path):
    result = generate("hello", "--trace", "--html", tmp_path / "no" / "x.html")
    assert result.exit_code == 3
    assert "there is no folder" in result.stderr and result.stdout == ""


def test_the_engine_is_named_where_the_other_was_expected(generate):
    note = (
        "[--trace: torch runs the model, not ct2: it returns no distributions, which a trace shows]"
    )
    assert note in generate("hello", "--trace", "--engine", "auto").stderr
    assert note not in generate("hello", "--trace", "--engine", "torch").stderr


def test_names_of_settings_that_are_too_long_are_cut():
    candidate = {
        **dict.fromkeys(("probability", "penalized", "tempered"), 0.2),
        **{"token": "看" * 30, "id": 1, "rank": 1, "logit": 0.0, "final": 0.0},
        **{"removed_by": "encoder_no_repeat_ngram_size", "changed_by": ["sequence_bias"]},
    }
    rest = dict.fromkeys(("probability", "penalized", "tempered", "final"), 0.5) | {"tokens": 9}
    step = {
        **{
            "token": "看",
            "id": 2,
            "rank": 3,
            "final_rank": 1,
            "entropy": 1.0,
            "final_entropy": 0.5,
        },
        **{"uniform": 0.5, "candidates": [candidate, {**candidate, "id": 2, "penalized": 0.3}]},
        "rest": rest,
        "removals": [{"name": "encoder_no_repeat_ngram_size", "tokens": 1234, "mass": 0.2}] * 3,
    }
    for language in ("en", "zh"):
        texts = words("trace")[language]
        say = lambda key, texts=texts, **values: texts[key].format(**values)  # noqa: E731
        lines = [line for line, _ in trace_lines([step], say)]
        assert all(display_width(line) <= 80 for line in lines)
        assert any("看…" in line for line in lines) and any("encoder_no" in line for line in lines)
