import csv
import io
import json

import pytest

PROMPT = "Once upon a time"


@pytest.fixture
def generate(run, tiny_gpt2):
    def call(*words, **more):
        return run("generate", "-m", tiny_gpt2, "-n", 6, *words, **more)

    return call


def test_the_starter_writes_and_says_that_it_was_chosen(run):
    result = run("generate", PROMPT, "-n", 4)
    assert result.exit_code == 0
    assert result.stdout.startswith(PROMPT)
    assert result.stderr.startswith("[gpt2-stories: a small model")
    assert len(result.stderr.splitlines()) == 1


def test_quiet_prints_the_text_alone(run):
    assert run("generate", PROMPT, "-n", 4, "-q").stderr == ""


def test_arguments_a_file_and_a_pipe_give_the_same_text(generate, tmp_path):
    (tmp_path / "p.txt").write_text(PROMPT + "\n")
    (tmp_path / "p.jsonl").write_text(json.dumps({"text": PROMPT}))
    (tmp_path / "p.csv").write_text(f"text\n{PROMPT}\n")
    expected = generate(PROMPT).stdout
    assert expected.startswith(PROMPT)
    for name in ("p.txt", "p.jsonl", "p.csv"):
        assert generate("-i", tmp_path / name).stdout == expected
    assert generate("-i", "-", input=PROMPT).stdout == expected
    assert generate(input=PROMPT + "\n").stdout == expected
    assert generate("-", input=PROMPT).stdout == expected


def test_the_prompt_is_left_out_when_asked(generate):
    assert PROMPT + generate(PROMPT, "--no-echo").stdout == generate(PROMPT).stdout


def test_a_chat_does_not_repeat_the_question(run, tiny_chat):
    shown = run("generate", "hello", "-m", tiny_chat, "--chat", "-n", 3, "-q").stdout
    assert not shown.startswith("hello")


def test_a_chat_model_without_chat_is_pointed_out(run, tiny_chat):
    assert "--chat uses it" in run("generate", "hello", "-m", tiny_chat, "-n", 3).stderr


def test_two_texts_are_separated_by_a_blank_line(generate):
    assert generate("a cat", "b").stdout == generate("a cat").stdout + "\n" + generate("b").stdout


def test_json_has_counts_reason_and_seed(generate):
    (record,) = json.loads(generate(PROMPT, "--json", "--top-k", 5, "--seed", 9).stdout)
    assert record["prompt"] == PROMPT
    assert record["new_tokens"] == 6
    assert record["finish_reason"] == "length"
    assert record["seed"] == 9
    assert "seconds" not in record  # the same run gives the same bytes
    assert generate(PROMPT, "--top-k", 5, "--seed", 9).stdout == PROMPT + record["text"] + "\n"
    assert "logprobs" not in record


def test_json_is_an_array_whatever_the_number_of_results(generate):
    for words in (["a"], ["a", "b"]):
        assert len(json.loads(generate(*words, "--json").stdout)) == len(words)


def test_jsonl_and_csv_hold_the_same_results(generate):
    lines = generate("a", "b", "--format", "jsonl").stdout.splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    table = csv.DictReader(io.StringIO(generate("a", "b", "--format", "csv").stdout))
    assert [row["text"] for row in table] == texts


def test_logprobs_come_with_json(generate):
    (record,) = json.loads(generate("a", "--json", "--logprobs", 2).stdout)
    assert len(record["logprobs"]) == 6
    assert len(record["logprobs"][0]["best"]) == 2


def test_a_file_keeps_its_other_fields(generate, tmp_path):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"id": 7, "prompt": "a cat"}\n{"id": 8, "prompt": "a dog"}\n')
    result = generate("-i", source, "--column", "prompt", "-o", target)
    assert (result.exit_code, result.stdout) == (0, "")
    records = [json.loads(line) for line in target.read_text().splitlines()]
    assert [(one["id"], one["prompt"]) for one in records] == [(7, "a cat"), (8, "a dog")]
    assert "a cat" + records[0]["text"] + "\n" == generate("a cat").stdout


def test_bad_rows_become_error_records_and_the_exit_code_says_so(generate, tmp_path):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"text": "a"}\n{broken\n{"text": "b", "id": 3}\n')
    result = generate("-i", source, "-o", target)
    assert result.exit_code == 1
    assert "1 of 3 rows failed" in result.stderr
    good, bad, other = [json.loads(line) for line in target.read_text().splitlines()]
    assert (good["prompt"], other["prompt"], other["id"]) == ("a", "b", 3)
    assert bad["row"] == 2 and "not JSON" in bad["error"]


def test_limit_reads_the_first_rows_only(generate, tmp_path):
    (tmp_path / "p.txt").write_text("a\nb\nc\n")
    result = generate("-i", tmp_path / "p.txt", "--limit", 2, "--format", "jsonl")
    assert len(result.stdout.splitlines()) == 2


@pytest.mark.parametrize("size", [1, 2, 8])
def test_the_batch_size_does_not_change_the_texts(generate, tmp_path, size):
    (tmp_path / "p.txt").write_text("a\nOnce upon a time\nthe cat sat\n看电影\na dog\n")
    words = ["-i", tmp_path / "p.txt", "--temperature", 1, "--seed", 3, "--batch-size"]
    assert generate(*words, size).stdout == generate(*words, 5).stdout


def test_an_output_file_appears_complete_or_not_at_all(generate, tmp_path, monkeypatch):
    from llmcli.system import own_files

    target = tmp_path / "out.jsonl"
    target.write_text("precious")
    (tmp_path / "p.txt").write_text("a\nb\n")

    create = own_files.create
    monkeypatch.setattr(
        own_files,
        "create",
        lambda path, mode=0o666: (
            open("/dev/full", "wb") if path.suffix == ".part" else create(path, mode)
        ),
    )
    result = generate("-i", tmp_path / "p.txt", "-o", target)
    assert result.exit_code == 7
    assert "No space left" in result.stderr
    assert target.read_text() == "precious"


def test_a_pipe_or_device_is_written_and_not_replaced(generate, tmp_path):
    import os
    import threading

    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    read = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_text()))
    reader.start()
    assert generate("a", "-o", fifo, "--format", "json").exit_code == 0
    reader.join(timeout=10)
    assert fifo.is_fifo() and len(json.loads(read[0])) == 1


def test_a_link_stays_a_link(generate, tmp_path):
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    link.symlink_to(real)
    assert generate("a", "-o", link).exit_code == 0
    assert link.is_symlink() and real.read_text().startswith("a")


def test_a_failed_row_with_a_prompt_of_its_own_is_still_one_line(generate, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"prompt": "x", "ids": 1, "tokens": 2}\n{"text": "a"}\n')
    result = generate("-i", tmp_path / "in.jsonl")
    assert result.exit_code == 1
    assert result.stdout.startswith("[row 1: no field 'text'; it has 'prompt'")


def test_fields_of_the_file_that_clash_with_results_are_renamed(generate, tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text('{"prompt": "a cat", "score": 3, "text": "keep", "id": 7}\n')
    (record,) = json.loads(generate("-i", path, "--column", "prompt", "--json").stdout)
    assert (record["prompt"], record["id"], record["row"]) == ("a cat", 7, 1)
    assert (record["input_score"], record["input_text"]) == (3, "keep")
    assert record["score"] is None and record["text"] != "keep"
    assert "input_prompt" not in record


def test_a_csv_whose_first_row_fails_keeps_the_results_of_the_others(generate, tmp_path):
    (tmp_path / "in.csv").write_text("id,text\n1\n2,the cat\n")
    result = generate("-i", tmp_path / "in.csv", "-o", tmp_path / "out.csv")
    assert result.exit_code == 1
    first, second = csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text()))
    assert (
        first["error"].startswith("not as many fields as the header: 1 with")
        and first["text"] == ""
    )
    assert (second["id"], second["prompt"], second["error"]) == ("2", "the cat", "")
    assert second["text"]


def test_a_csv_file_has_all_columns_and_a_stream_says_which_it_lacks(generate, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\n{"text": "b", "extra": 1}\n')
    result = generate("-i", tmp_path / "in.jsonl", "-o", tmp_path / "out.csv")
    _, second = csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text()))
    assert (result.stderr, second["extra"]) == ("", "1")
    result = generate("-i", tmp_path / "in.jsonl", "--format", "csv")
    assert "no column for extra" in result.stderr


def test_a_drawn_seed_is_reported(generate):
    told = generate("a", "--temperature", 1).stderr
    seed = told.strip().removeprefix("[seed ").removesuffix("]")
    first = generate("a", "--temperature", 1, "--seed", seed)
    assert first.exit_code == 0 and first.stderr == ""


@pytest.mark.parametrize("temperature", ["1e-40", "1e-6"])
def test_a_temperature_near_zero_is_nearly_greedy(generate, temperature):
    cold = generate(PROMPT, "--temperature", temperature, "--seed", 1).stdout
    assert cold == generate(PROMPT).stdout


def test_an_input_file_is_looked_for_before_the_model(run):
    result = run("generate", "-i", "nowhere.txt", "-m", "owner/name")
    assert result.exit_code == 3 and "cannot read nowhere.txt" in result.stderr


def test_ctrl_c_keeps_what_was_written_to_a_file(generate, tmp_path, monkeypatch):
    from llmcli.decoding.loop import DecodingLoop

    calls = []
    step = DecodingLoop.step

    def interrupted(decoder):
        calls.append(1)
        if len(calls) == 9:  # in the second row
            raise KeyboardInterrupt
        return step(decoder)

    monkeypatch.setattr(DecodingLoop, "step", interrupted)
    (tmp_path / "p.txt").write_text("a\nb\n")
    target = tmp_path / "out.jsonl"
    result = generate("-i", tmp_path / "p.txt", "-o", target, "--batch-size", 1)
    assert result.exit_code == 130
    assert not target.exists()
    assert len((tmp_path / "out.jsonl.part").read_text().splitlines()) == 1
    assert "out.jsonl.part" in result.stderr


def test_ctrl_c_keeps_what_was_streamed(generate, monkeypatch):
    from llmcli.decoding.loop import DecodingLoop

    step = DecodingLoop.step
    calls = []

    def interrupted(decoder):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return step(decoder)

    monkeypatch.setattr(DecodingLoop, "step", interrupted)
    result = generate(PROMPT)
    assert result.exit_code == 130
    assert result.stdout.startswith(PROMPT) and len(result.stdout) > len(PROMPT) + 1
    assert "Traceback" not in result.stderr


def test_variables_of_the_environment_are_read(run, tiny_gpt2, monkeypatch):
    monkeypatch.setenv("LLMCLI_MODEL", str(tiny_gpt2))
    monkeypatch.setenv("LLMCLI_GENERATE_MAX_NEW_TOKENS", "3")
    (record,) = json.loads(run("generate", "a", "--json").stdout)
    assert record["new_tokens"] == 3


def test_verbose_says_what_was_chosen_and_why(generate):
    said = generate("a", "-v").stderr
    assert "float32" in said and "tokens/s" in said and "greedy" in said


def test_speculative_decoding_gives_the_same_text_and_reports_passes(generate, tiny_gpt2, tmp_path):
    plain = generate("a cat a cat a", "--json").stdout
    for name in ("lookup", tiny_gpt2):
        assert generate("a cat a cat a", "--json", "--assist", name).stdout == plain
        assert "tokens each" in generate("a", "--assist", name, "-v").stderr
    (tmp_path / "p.txt").write_text("a\nOnce upon a time\n")
    told = generate("-i", tmp_path / "p.txt", "--assist", tiny_gpt2, "-v")
    assert told.stdout == generate("-i", tmp_path / "p.txt").stdout
    assert "one by one" in told.stderr
    assert "all texts: 2 passes of the model, 6.00 tokens each" in told.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--temperature", 1),
        ("--num-beams", 2),
        ("--temperature", 1, "--num-return-sequences", 2),
        ("--batch-size", 2),
    ],
)
def test_assistance_is_for_greedy_decoding_of_one_text(generate, words):
    result = generate("a", "--assist", "lookup", *words)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1 and "--assist" in result.stderr


def test_a_draft_model_needs_the_same_vocabulary(generate):
    result = generate("a", "--assist", "gpt2-stories")
    assert result.exit_code == 5
    assert "its vocabulary differs from that of" in result.stderr
