"""Interrupted runs that are resumed: the same bytes, no row lost, none repeated."""

import json
import random
import signal
import subprocess
import sys
import time

import pytest

from llmcli.system import calibration

TEXTS = [f"Once upon a time {'the cat sat ' * (n % 7)}{n}" for n in range(40)]


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "in.jsonl"
    lines = [json.dumps({"id": n, "text": text}) for n, text in enumerate(TEXTS)]
    lines[11] = "not JSON"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def generate(run, tiny_gpt2, texts):
    def call(target, *more):
        words = ("-i", texts, "-n", 4, "--batch-size", 2, "-o", target)
        return run("generate", "-m", tiny_gpt2, *words, *more)

    return call


def break_off(target, whole, size):
    """Leave `size` bytes of a whole jsonl file as the part of a run that was killed."""
    content = whole.read_bytes()
    journal = target.with_name(target.name + ".part.journal")
    journal.write_bytes(whole.with_name("journal").read_bytes())
    target.with_name(target.name + ".part").write_bytes(content[:size])
    return content


def keep_journal(monkeypatch, name, kept):
    """Have the journal of an output renamed where it would be removed."""
    from llmcli.system import own_files

    remove = own_files.remove
    monkeypatch.setattr(
        own_files,
        "remove",
        lambda path: path.replace(kept) if path.name == name and path.exists() else remove(path),
    )


@pytest.fixture
def whole(generate, tmp_path, monkeypatch):
    """A finished file, and the journal of its run."""
    target = tmp_path / "whole.jsonl"
    with monkeypatch.context() as patch:
        keep_journal(patch, "whole.jsonl.part.journal", tmp_path / "journal")
        assert generate(target).exit_code == 1
    return target


def test_a_run_resumed_anywhere_gives_the_same_bytes(generate, whole, tmp_path):
    size = whole.stat().st_size
    draw = random.Random(0)
    first = content_of_first_line(whole)
    for at in [first, size // 2, size - 1, size, *(draw.randrange(size) for _ in range(8))]:
        target = tmp_path / "out.jsonl"
        content = break_off(target, whole, at)
        result = generate(target, "--resume")
        assert (result.exit_code, target.read_bytes()) == (1, content)
        assert "1 of 40 rows failed" in result.stderr
        assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


def content_of_first_line(path):
    """The size of the first line of a file."""
    return len(path.read_bytes().splitlines(keepends=True)[0])


MODELS = {
    "classify": "tiny_classifier",
    "embed": "tiny_encoder",
    "fill": "tiny_masked",
    "answer": "tiny_reader",
    "translate": "tiny_marian",
    "score": "tiny_gpt2",
}


@pytest.mark.parametrize("command", MODELS)
def test_every_command_can_be_resumed_anywhere(run, request, tmp_path, monkeypatch, command):
    source, whole = tmp_path / "in.jsonl", tmp_path / "whole.jsonl"
    rows = [{"question": "who ?", "context": f"the [MASK] {'sat ' * (n % 9)}."} for n in range(24)]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = ["question", "context"] if command == "answer" else ["context"]
    words = [command, "-m", request.getfixturevalue(MODELS[command]), "-i", source]
    words += ["--batch-size", 1, *(word for name in columns for word in ("--column", name))]
    words += ["-n", 8] if command == "translate" else []
    with monkeypatch.context() as patch:
        keep_journal(patch, "whole.jsonl.part.journal", tmp_path / "journal")
        assert run(*words, "-o", whole).exit_code == 0
    size, draw = whole.stat().st_size, random.Random(2)
    for _ in range(4):
        content = break_off(tmp_path / "out.jsonl", whole, draw.randrange(size // 4, size))
        result = run(*words, "-o", tmp_path / "out.jsonl", "--resume")
        assert "continuing after row" in result.stderr
        assert (tmp_path / "out.jsonl").read_bytes() == content
    name = {"embed": "out.npy"}.get(command, "out.csv")
    assert run(*words, "-o", tmp_path / name).exit_code == 0
    expected = (tmp_path / name).read_bytes()
    break_off(tmp_path / name, whole, size // 2)
    assert run(*words, "-o", tmp_path / name, "--resume").exit_code == 0
    assert (tmp_path / name).read_bytes() == expected


def test_rows_that_were_done_are_not_done_again(generate, whole, tmp_path, monkeypatch):
    from llmcli.inference.generation import Generator

    calls = []
    work = Generator.run
    monkeypatch.setattr(Generator, "run", lambda *args: calls.append(1) or work(*args))
    break_off(tmp_path / "out.jsonl", whole, whole.stat().st_size)
    result = generate(tmp_path / "out.jsonl", "--resume")
    assert "[continuing after row 40: 40 rows are done]" in result.stderr
    assert not calls


def test_every_format_can_be_resumed(generate, whole, tmp_path):
    for name in ("out.csv", "out.json", "out.txt", "out.parquet"):
        generate(tmp_path / name)
        expected = (tmp_path / name).read_bytes()
        (tmp_path / name).unlink()
        break_off(tmp_path / name, whole, whole.stat().st_size // 2)
        assert generate(tmp_path / name, "--resume").exit_code == 1
        assert (tmp_path / name).read_bytes() == expected, name


def test_a_drawn_seed_is_kept(generate, tmp_path, monkeypatch):
    from llmcli.decoding.loop import DecodingLoop

    target, steps, step = tmp_path / "out.jsonl", [], DecodingLoop.step

    def interrupted(decoder):
        steps.append(1)
        if len(steps) == 70:
            raise KeyboardInterrupt
        return step(decoder)

    monkeypatch.setattr(DecodingLoop, "step", interrupted)
    broken = generate(target, "--temperature", 1)
    assert broken.exit_code == 130
    assert "the same command with --resume continues" in broken.stderr
    generate(target, "--temperature", 1, "--resume")
    records = [json.loads(line) for line in target.read_text().splitlines()]
    assert len({record["seed"] for record in records if "seed" in record}) == 1
    seed = records[0]["seed"]
    generate(tmp_path / "again.jsonl", "--temperature", 1, "--seed", seed)
    assert (tmp_path / "again.jsonl").read_bytes() == target.read_bytes()


def test_what_was_chosen_by_measuring_is_kept(generate, tmp_path, monkeypatch):
    from llmcli.decoding.loop import DecodingLoop

    def interrupted(decoder):
        raise KeyboardInterrupt

    target, words = tmp_path / "out.jsonl", ("--temperature", 1, "-v")
    monkeypatch.setenv("LLMCLI_CALIBRATION", "linear layers of few tokens, float32=plain")
    with monkeypatch.context() as patch:
        patch.setattr(DecodingLoop, "step", after(20, DecodingLoop.step, interrupted))
        broken = generate(target, *words)
    assert broken.exit_code == 130
    assert "chosen: linear layers of few tokens, float32: plain (forced)" in broken.stderr
    monkeypatch.setenv("LLMCLI_CALIBRATION", "linear layers of few tokens, float32=packed")
    calibration.forget()
    refused = generate(target, *words, "--resume")
    assert refused.exit_code == 2
    assert "the interrupted run computed linear layers of few tokens" in refused.stderr
    monkeypatch.setenv("LLMCLI_CALIBRATION", "fixed")
    calibration.forget()
    resumed = generate(target, *words, "--resume")
    assert "chosen: linear layers of few tokens, float32: plain (resumed)" in resumed.stderr
    assert len(target.read_text().splitlines()) == 40


def after(count, work, then):
    """Work that is done `count` times, and then other work."""
    calls = []

    def go(*arguments):
        calls.append(1)
        return (work if len(calls) <= count else then)(*arguments)

    return go


@pytest.mark.parametrize("change", ["input", "setting", "model"])
def test_a_change_is_noticed_and_refused(generate, whole, texts, tiny_gpt2, tmp_path, change):
    target = tmp_path / "out.jsonl"
    content = break_off(target, whole, whole.stat().st_size // 2)
    more = ["--resume"]
    settings = tiny_gpt2 / "generation_config.json"
    before = settings.read_text()
    if change == "input":
        texts.write_text(texts.read_text() + "{}\n")
    elif change == "model":
        settings.write_text(before.replace("{", '{"note": 1, ', 1))
    else:
        more += ["--repetition-penalty", 2]
    try:
        result = generate(target, *more)
    finally:
        settings.write_text(before)
    told = {
        "input": "the input has changed since",
        "model": "the model has changed since",
        "setting": "--repetition-penalty was not given and is 2.0 now",
    }[change]
    assert result.exit_code == 3 and told in result.stderr
    assert content.startswith((tmp_path / "out.jsonl.part").read_bytes())
    assert not target.exists()


def test_a_part_without_a_journal_is_not_resumed(generate, tmp_path):
    (tmp_path / "out.jsonl.part").write_text('{"row": 1}\n')
    result = generate(tmp_path / "out.jsonl", "--resume")
    assert result.exit_code == 3 and "is another file: move it away" in result.stderr


def test_without_a_part_a_run_starts_over(generate, whole, tmp_path):
    result = generate(tmp_path / "out.jsonl", "--resume")
    assert "[nothing to resume: starting with the first row]" in result.stderr
    assert (tmp_path / "out.jsonl").read_bytes() == whole.read_bytes()


def test_resume_needs_files(run):
    for words in (["hi", "--resume"], ["-i", "-", "-o", "x.jsonl", "--resume"]):
        result = run("generate", *words, input="hi")
        assert result.exit_code == 2 and "--resume" in result.stderr


def test_a_killed_process_neither_loses_nor_repeats_a_row(whole, texts, tiny_gpt2, tmp_path):
    """SIGKILL at random moments, until a run comes through."""
    target = tmp_path / "out.jsonl"
    words = [
        *("generate", "-m", str(tiny_gpt2), "-i", str(texts), "-n", "4"),
        *("--batch-size", "2", "-o", str(target), "--resume", "-q"),
    ]
    draw, kills = random.Random(1), 0
    while not target.exists():
        process = subprocess.Popen([sys.executable, "-m", "llmcli", *words])
        part = target.with_name(target.name + ".part")
        before = part.stat().st_size if part.exists() else 0
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            grown = part.stat().st_size if part.exists() else 0
            if kills < 2 and grown > before:  # in the middle of its work
                time.sleep(draw.random() * 0.02)
                process.send_signal(signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.001)
        assert process.wait() in (1, -signal.SIGKILL)  # one row is not JSON
    assert kills >= 1
    assert target.read_bytes() == whole.read_bytes()


def test_another_context_is_noticed(run, tiny_reader, tmp_path):
    source, context, target = tmp_path / "q.txt", tmp_path / "c.txt", tmp_path / "out.jsonl"
    source.write_text("who ?\n" * 40)
    context.write_text("the cat sat .")
    words = ["answer", "-m", tiny_reader, "-i", source, "--context-file", context]
    words += ["-o", target, "--batch-size", 1]
    whole = run(*words)
    assert whole.exit_code == 0
    part, journal = part_and_journal_of(words, run, target)
    context.write_text("a dog ran .")
    result = run(*words, "--resume")
    assert result.exit_code == 3 and "the context has changed since" in result.stderr
    assert part.exists() and journal.exists()


def part_and_journal_of(words, run, target):
    """Let the command run, and break it off before its file is in place."""
    from llmcli.data.resumable_output import Part

    finish = Part.finish
    try:
        Part.finish = lambda self, *settings: self.leave()
        run(*words)
    finally:
        Part.finish = finish
    return [target.with_name(target.name + ending) for ending in (".part", ".part.journal")]


def test_two_runs_do_not_write_one_file(generate, whole, tmp_path):
    from llmcli.data.resumable_output import Part

    target = tmp_path / "out.jsonl"
    other = Part(target, None, resume=False)
    result = generate(target)
    assert result.exit_code == 3 and "another run is writing" in result.stderr
    other.write({"row": 1})
    other.finish("jsonl", str)
    assert target.read_text() == '{"row": 1}\n'
