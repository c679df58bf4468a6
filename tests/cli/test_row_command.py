"""Files of any kind through every command that works on rows: one result or one error each."""

import csv
import json
import random

import numpy as np
import pytest

COMMANDS = ("classify", "embed", "fill", "answer", "translate", "generate", "score")


@pytest.fixture
def call(run, tiny_classifier, tiny_encoder, tiny_masked, tiny_reader, tiny_marian, tiny_gpt2):
    """call("fill", ...): the command with a tiny model of its kind."""
    encoders = (tiny_classifier, tiny_encoder, tiny_masked, tiny_reader)
    models = dict(zip(COMMANDS, (*encoders, tiny_marian, tiny_gpt2, tiny_gpt2), strict=True))
    more = {
        "generate": ("-n", 3),
        "translate": ("--num-beams", 2, "-n", 5),
        "score": ("--on-overflow", "error"),
    }

    def invoke(command, *words, **how):
        return run(command, "-m", models[command], *more.get(command, ()), *words, **how)

    return invoke


def columns(command):
    return ("--column", "q", "--column", "text") if command == "answer" else ("--column", "text")


def hostile_lines():
    """A hundred lines of JSONL that no program should stumble over."""
    draw = random.Random(0)
    texts = [
        *("", " ", "\n\t\r", "\x00", "\x00cat", "\x1b[31mred", "\u200b", "\ufeff", "\u202ecat"),
        *("[MASK]", "[CLS] [SEP] [PAD] [MASK]", "<mask>", "</s>", "<unk>", "<|endoftext|>"),
        *(">>fra<<", ">>", "{}", "{0}", "%s", "\\", '"', "'", "cat" * 1500, "cat " * 1500),
        *("看" * 1000, "🙂" * 500, "e\u0301" * 400, "👩‍👩‍👧‍👦 [MASK]", "ﷺ", "\u0378", "\U0010ffff"),
        *("- \n- \n\n1. ", ".", "...", "。。。", "?!?!", "1", "-0", "NaN", "null", "true"),
        *(
            "a\u2028b\u2029c",
            "a\x85b",
            "a\x0bb\x0cc",
            "\r\n\r\n",
            "the [MASK] sat",
            "x [MASK] [MASK]",
        ),
    ]
    for _ in range(20):
        texts.append("".join(chr(draw.choice((32, 97, 0x4E00, 0x1F600))) for _ in range(40)))
    lines = [json.dumps({"q": "who ?", "text": text, "id": n}) for n, text in enumerate(texts)]
    values = (1, 1.5, None, True, [], ["cat"], {}, {"a": "b"})
    lines += [json.dumps({"q": "who ?", "text": value}) for value in values]
    lines += [
        *("not json", "{", "[]", '"cat"', "null", '{"text": "a"', "{}", '{"q": "who ?"}'),
        '{"q": "who ?", "text": "\\ud800"}',
        '{"q": "who ?", "text": "cat", "error": "mine", "row": 7, "label": "theirs"}',
        '{"q": "who ?", "text": ' + "9" * 5000 + "}",
        '{"q": "who ?", "text": ' + "[" * 100_000 + "}",
        '{"q": "who ?", "text": "cat", "text": "dog"}',
        json.dumps({"q": "who ?", "text": "x" * 5_000_000}),
    ]
    encoded = [line.encode() for line in lines]
    encoded += [
        b'{"q": "who ?", "text": "\xff\xfe"}',
        b"\xc3",
        b'{"q": "who ?", "text": "\xe6\x9c"}',
    ]
    good = json.dumps({"q": "who ?", "text": "the cat [MASK]"}).encode()
    return [*encoded, *[good] * (100 - len(encoded))]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_hundred_hostile_rows_give_a_result_or_an_error_each(call, tmp_path, command):
    lines = hostile_lines()
    assert len(lines) == 100
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(lines))
    target = tmp_path / "out.jsonl"
    result = call(command, "-i", tmp_path / "in.jsonl", *columns(command), "-o", target)
    assert result.exit_code == 1, result.output
    written = target.read_bytes().decode()  # only \n ends a line here
    records = [json.loads(line) for line in written.removesuffix("\n").split("\n")]
    assert [record["row"] for record in records] == list(range(1, 101))
    failed = [record for record in records if "error" in record]
    assert 15 < len(failed) < 95
    assert f"{len(failed)} of 100 rows failed" in result.stderr
    assert "error" not in records[-1] and len(result.stderr.splitlines()) <= 5


SOURCE = [
    {"id": 1, "q": "who ?", "text": "the [MASK] sat"},
    {"id": 2, "q": "who ?", "text": ""},
    {"id": 3, "q": "where ?", "text": "a dog [MASK] ."},
]
FIELDS = ("label", "embedding", "filled", "answer", "translation", "text", "perplexity")
RESULT = dict(zip(COMMANDS, FIELDS, strict=True))


def write_source(folder, kind):
    path = folder / f"in.{kind}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in SOURCE))
    elif kind in ("csv", "tsv"):
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, SOURCE[0], delimiter="\t" if kind == "tsv" else ",")
            writer.writeheader()
            writer.writerows(SOURCE)
    else:
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist(SOURCE), path)
    return path


@pytest.mark.parametrize("kind", ["jsonl", "csv", "tsv", "parquet"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_format_is_read_and_its_other_columns_kept(call, tmp_path, command, kind):
    path = write_source(tmp_path, kind)
    result = call(command, "-i", path, *columns(command), "--format", "jsonl")
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [int(record["id"]) for record in records] == [1, 2, 3]
    assert [RESULT[command] in record for record in records][::2] == [True, True]
    if command != "generate":  # which takes an empty prompt
        assert (result.exit_code, "empty" in records[1]["error"]) == (1, True)


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "parquet", "txt"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_format_is_written(call, tmp_path, command, kind):
    path, target = write_source(tmp_path, "jsonl"), tmp_path / f"out.{kind}"
    call(command, "-i", path, *columns(command), "-o", target)
    name = RESULT[command]
    if kind == "txt":
        assert len(target.read_text().splitlines()) >= 3
        return
    if kind == "jsonl":
        records = [json.loads(line) for line in target.read_text().splitlines()]
    elif kind == "json":
        records = json.loads(target.read_text())
    elif kind == "csv":
        with target.open(newline="") as file:
            records = list(csv.DictReader(file))
    else:
        from pyarrow import parquet

        records = parquet.read_table(target).to_pylist()
    assert [str(record["id"]) for record in records] == ["1", "2", "3"]
    assert records[0][name] and records[2][name]


def test_embeddings_as_an_array_keep_the_place_of_failed_rows(call, tmp_path):
    path = write_source(tmp_path, "jsonl")
    assert call("embed", "-i", path, "-o", tmp_path / "out.npy").exit_code == 1
    array = np.load(tmp_path / "out.npy")
    assert (array.shape, array.dtype) == ((3, 8), np.float32)
    assert np.isnan(array[1]).all() and np.isfinite(array[[0, 2]]).all()
    call("embed", "-i", path, "-o", tmp_path / "out.jsonl")
    first = json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])
    np.testing.assert_allclose(array[0], first["embedding"], atol=1e-6)


def test_overflow_is_counted(call, tmp_path):
    (tmp_path / "in.txt").write_text("the cat\n" + "a dog " * 40 + "\n")
    result = call("classify", "-i", tmp_path / "in.txt", "--format", "jsonl")
    assert "[1 of 2 texts were too long for the model: read in windows" in result.stderr
    assert [json.loads(line)["overflow"] for line in result.stdout.splitlines()] == [None, "window"]
    quiet = call("classify", "-i", tmp_path / "in.txt", "-q", "--on-overflow", "truncate")
    assert quiet.stderr == ""


def test_stdin_is_read_line_by_line(call):
    result = call("classify", "-i", "-", "--format", "jsonl", input="the cat\na dog\n")
    assert [json.loads(line)["row"] for line in result.stdout.splitlines()] == [1, 2]


def test_a_text_on_the_command_line_shows_every_label(call):
    result = call("classify", "the cat", "-q")
    assert len(result.stdout.splitlines()) == 3 and "█" in result.stdout
    piped = call("classify", "-i", "-", "-q", input="the cat\n")
    label, score = piped.stdout.split("\t")
    assert label in ("sad", "glad", "mad") and 0 < float(score) <= 1


def test_one_shape_for_one_text_or_many(call):
    for texts in (["the cat"], ["the cat", "a dog"]):
        records = json.loads(call("classify", *texts, "--json").stdout)
        assert len(records) == len(texts)
        assert all(len(record["scores"]) == 3 for record in records)


def test_a_context_is_given_in_one_of_three_ways(call, tmp_path):
    (tmp_path / "c.txt").write_text("the cat sat .")
    by_flag = call("answer", "who ?", "--context", "the cat sat .", "-q").stdout
    assert by_flag.strip() in "the cat sat ."
    assert call("answer", "who ?", "--context-file", tmp_path / "c.txt", "-q").stdout == by_flag
    assert call("answer", "who ?", "-q", input="the cat sat .").stdout == by_flag
    (tmp_path / "q.txt").write_text("who ?\nwhere ?\n")
    several = call("answer", "-i", tmp_path / "q.txt", "--context", "the cat sat .", "-q")
    assert len(several.stdout.splitlines()) == 2 and several.stdout.startswith(by_flag)


def test_a_query_ranks_the_rows(call, tmp_path):
    (tmp_path / "in.txt").write_text("the cat\na dog\nthe cat sat\n")
    result = call("embed", "-i", tmp_path / "in.txt", "--query", "the cat", "--json", "--top", 2)
    records = json.loads(result.stdout)
    assert [record["rank"] for record in records] == [1, 2]
    assert records[0]["text"] == "the cat"
    assert records[0]["similarity"] == pytest.approx(1)


def test_a_field_of_the_row_that_the_result_has_too_is_always_kept(call, tmp_path):
    names = ("sad", "glad", "mad")  # one of them is what the model says
    lines = [json.dumps({"text": "the cat", "label": name}) for name in names]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    result = call("classify", "-i", tmp_path / "in.jsonl", "--format", "jsonl")
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [record["input_label"] for record in records] == list(names)
    assert "input_text" not in records[0]


def test_stdin_may_be_jsonl(call):
    rows = "".join(json.dumps(row) + "\n" for row in SOURCE[::2])
    words = ("-i", "-", "--input-format", "jsonl", *columns("answer"), "--format", "jsonl")
    result = call("answer", *words, input=rows)
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == [1, 3]


def test_all_rows_of_a_ranking_are_counted(call, tmp_path):
    (tmp_path / "in.txt").write_text("the cat\n\na dog\n" + "a dog " * 40 + "\n \n")
    result = call("embed", "-i", tmp_path / "in.txt", "--query", "the cat", "--top", 1)
    assert "2 of 5 rows failed" in result.stderr
    assert "[1 of 5 texts were too long" in result.stderr


def test_an_array_of_failed_rows_alone_is_empty(call, tmp_path):
    (tmp_path / "in.txt").write_text("\n\n")
    result = call("embed", "-i", tmp_path / "in.txt", "-o", tmp_path / "out.npy")
    assert result.exit_code == 1
    assert np.load(tmp_path / "out.npy").shape == (2, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "in.txt",
        "out.npy",
        "out.npy.jsonl",
    ]


def test_numbers_that_json_does_not_have_are_null(call, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "cat", "x": 1e400, "y": [NaN, 1]}\n')
    result = call("classify", "-i", tmp_path / "in.jsonl", "--format", "jsonl")
    record = json.loads(result.stdout, parse_constant=lambda name: pytest.fail(name))
    assert (record["x"], record["y"]) == (None, [None, 1])


def test_columns_of_mixed_values_become_text_in_parquet(call, tmp_path):
    from pyarrow import parquet

    values = [2**53 + 1, 1.5, "a", None, {"b": 1}, [1], {}]
    lines = [
        json.dumps({"text": "cat", "x": value, "y": 2**63 - n}) for n, value in enumerate(values)
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    result = call("classify", "-i", tmp_path / "in.jsonl", "-o", tmp_path / "out.parquet")
    assert result.exit_code == 0, result.output
    found = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [row["x"] for row in found[:3]] == [str(2**53 + 1), "1.5", "a"]


def test_fields_that_clash_are_kept_whatever_they_hold(call, tmp_path):
    rows = [{"text": "cat", "label": None, "input_row": 5, "row": 7}, {"text": "a", "label": "a"}]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows)))
    result = call("classify", "-i", tmp_path / "in.jsonl", "--format", "jsonl")
    first, second = map(json.loads, result.stdout.splitlines())
    assert first["input_label"] is None and second["input_label"] == "a"
    assert (first["row"], first["input_row"], first["input_input_row"]) in [(1, 5, 7), (1, 7, 5)]


def test_a_table_is_a_table(call):
    for command in ("classify", "fill"):
        result = call(command, "the [MASK]", "--format", "table", "-q")
        assert "overflow" in result.stdout and "█" not in result.stdout


def test_a_prompt_that_is_too_long_is_cut_also_while_its_text_streams(call):
    long = "the cat " * 60
    assert call("generate", long, "-q").exit_code == 3
    result = call("generate", long, "--on-overflow", "truncate", "--no-echo")
    assert result.exit_code == 0 and result.stdout
    assert "[1 of 1 texts were too long for the model: cut to fit" in result.stderr
