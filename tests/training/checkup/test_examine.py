"""finetune --check: what is wrong with training data, all of it, and nothing written."""

import json
import os
from itertools import product

import numpy as np
import pytest

from llmcli.cli.checkup import checkup_parts
from llmcli.errors import UsageError
from llmcli.spec import ModelSpec
from llmcli.spec.training import Training
from llmcli.tasks.finetune import check, finetune
from llmcli.training.checkup.duplicates import key_of, leaks, repeats
from llmcli.training.checkup.lengths import lengths_of
from tests.tiny_data import write_rows


@pytest.fixture
def examine(tmp_path):
    """Check rows, written to files, and give the one result."""

    def run(base, train, held_out=None, **changes):
        files = {"train": (write_rows(tmp_path / "train.jsonl", train),)}
        if held_out is not None:
            files["eval"] = (write_rows(tmp_path / "eval.jsonl", held_out),)
        spec = Training(**{"output": "", "eval_fraction": 0.0, **files, **changes})
        before = sorted(os.listdir(tmp_path))
        (found,) = check(spec, None if spec.from_scratch else ModelSpec(str(base))).checkups
        assert sorted(os.listdir(tmp_path)) == before
        return found

    return run


def counts(found):
    return {one.kind: one.count for one in found.findings if one.count}


def places(found, kind):
    (one,) = [one for one in found.findings if one.kind == kind]
    return [place.replace("\\", "/").rsplit("/", 1)[-1] for place in one.places]


def marked(sample):
    return "".join(f"[[{text}]]" if learnt else text for text, learnt in sample)


GOOD = [{"text": "the cat is good", "label": "a"}, {"text": "a dog is bad", "label": "b"}]


def test_all_rows_that_cannot_be_used_are_told_with_line_and_reason(tiny_encoder, examine):
    rows = [*GOOD, {"text": [5], "label": "a"}, {"label": "a"}, {"text": "it", "label": None}]
    found = examine(tiny_encoder, rows, task="classification")
    assert [(one.line, one.reason) for one in found.problems] == [
        (3, "field 'text' is list, not text"),
        (4, "no field 'text'; it has 'label'"),
        (5, "None is not a label: use text, a number, true or false"),
    ]
    assert [(one.rows, one.unusable) for one in found.files] == [(5, 3)]
    assert not found.is_sound and found.lengths is not None  # the others are examined all the same


def test_good_rows_are_sound_and_counted(tiny_encoder, examine):
    found = examine(tiny_encoder, GOOD, [GOOD[0] | {"text": "it ran"}], task="classification")
    assert found.is_sound and counts(found) == {"rare_labels": 2}
    assert [(one.label, one.train, one.train_share, one.validation) for one in found.labels] == [
        ("a", 1, 0.5, 1),
        ("b", 1, 0.5, 0),
    ]
    numbers = dict(found.numbers)
    assert numbers["train_tokens"] == 12  # two texts of four words, each with [CLS] and [SEP]
    assert numbers["validation_tokens"] == 4
    assert marked(found.samples[0]) == "[CLS] the cat is good [SEP] → [[a]]"


def test_repeated_and_contradicting_rows_and_leaks(tiny_encoder, examine):
    rows = [*GOOD, {"text": "The  CAT is\tgood", "label": "b"}, {"text": "a dog is bad"} | GOOD[1]]
    held_out = [{"text": "A ｄｏｇ is bad", "label": "b"}, {"text": "it ran", "label": "c"}]
    found = examine(tiny_encoder, rows, held_out, task="classification")
    assert counts(found) == {
        "duplicates": 2,
        "conflicting_duplicates": 2,
        "leakage": 1,
        "unseen_labels": 1,
        "rare_labels": 2,
        "unknown_tokens": 2,  # The and CAT: this model tells capitals apart
    }
    assert places(found, "conflicting_duplicates") == ["train.jsonl, line 1 (a), line 3 (b)"]
    assert places(found, "leakage")[0].startswith("train.jsonl, line 2")
    assert [(one.line, one.reason) for one in found.problems] == [
        (2, "the label 'c' is none of 'a', 'b'")
    ]


def test_blank_texts_and_uneven_labels_are_worth_a_look(tiny_encoder, examine):
    words = ("the", "cat", "sat", "on", "mats", "a", "dog", "ran", "who", "is", "it")
    several = [" ".join(some) for some in product(words, words)]  # 121 of them
    rows = [{"text": text, "label": "a"} for text in several[:111]]
    rows += [{"text": text, "label": "b"} for text in several[111:]] + [GOOD[1] | {"text": " "}]
    found = examine(tiny_encoder, rows, task="classification")
    assert found.is_sound
    assert counts(found) == {"empty_texts": 1, "unbalanced_labels": 2}
    assert places(found, "unbalanced_labels") == ["a (111)", "b (11)"]


def test_lengths_are_told_before_texts_are_cut(tiny_encoder, examine):
    rows = [GOOD[0], {"text": "the cat " * 20, "label": "b"}]
    found = examine(tiny_encoder, rows, task="classification", block_size=10)
    assert found.lengths.quantiles["shortest"] == 6 and found.lengths.quantiles["longest"] == 42
    assert counts(found)["cut"] == 1
    assert dict(found.numbers)["train_tokens"] == 16  # 6, and 10 of 42


def test_one_label_is_too_few(tiny_encoder, examine):
    found = examine(tiny_encoder, GOOD[:1] * 2, task="classification")
    assert [one.reason for one in found.problems] == [
        "there must be two labels or more; the training rows have only 'a'"
    ]


def test_words_and_tags(tiny_encoder, examine):
    rows = [
        {"tokens": ["the", "cat", "sat"], "ner_tags": ["O", "B-PET", "O"]},
        {"tokens": ["a"], "ner_tags": ["O", "O"]},
    ]
    found = examine(tiny_encoder, rows, task="token-classification")
    assert [(one.line, one.reason) for one in found.problems] == [(2, "1 words, but 2 tags")]
    assert marked(found.samples[0]) == "[CLS] the cat[[B-PET]] sat [SEP]"
    assert [(one.label, one.train) for one in found.labels] == [("B-PET", 1), ("O", 2)]


def test_answers_and_where_they_are(tiny_encoder, examine):
    def asked(question, context, answer, start):
        return {"question": question, "context": context, "answer": answer, "answer_start": start}

    rows = [
        asked("who sat ?", "the cat sat", "cat", 4),
        asked("who ran ?", "a dog ran", "dog", 0),  # it is at 2
        asked("who is it ?", "a dog ran", "cat", 2),
        asked("what ?", "a dog ran", "", None),
        asked("Who  sat ?", "the cat sat", "the cat", 0),
        {"question": "who ?", "context": "it"},
    ]
    found = examine(tiny_encoder, rows, rows[:1], task="question-answering")
    assert counts(found) == {
        "answers_elsewhere": 1,
        "answers_missing": 1,
        "unanswered": 1,
        "duplicates": 1,
        "conflicting_duplicates": 2,
        "leakage": 1,
        "shared_contexts": 1,
        "unknown_tokens": 2,  # Who and what
        "unreadable_texts": 1,  # what ?
    }
    assert places(found, "answers_elsewhere") == ["train.jsonl, line 2 ('dog')"]
    assert [(one.line, one.reason) for one in found.problems] == [
        (6, "no field 'answers' and no 'answer'"),
        (3, "the answer 'cat' is not in the context"),
    ]
    assert any("the [[cat]] sat" in marked(sample) for sample in found.samples)


def test_questions_of_squads_json_are_told_by_their_place(tiny_encoder, tmp_path):
    good = {"id": "x", "question": "who ?", "answers": [{"text": "cat", "answer_start": 4}]}
    asked = [{"context": "the cat", "qas": [good, {"id": "y", "question": 7, "answers": []}]}]
    path = tmp_path / "train.json"
    path.write_text(json.dumps({"data": [{"paragraphs": asked}, {"paragraphs": "none"}]}))
    spec = Training((str(path),), "", task="question-answering", eval_fraction=0.0)
    (found,) = check(spec, ModelSpec(str(tiny_encoder))).checkups
    assert [(one.line, one.place) for one in found.problems] == [
        (None, "article 1, paragraph 1, question 2"),
        (None, "article 2"),
    ]
    assert [one.reason for one in found.problems][0] == "'question' is not text but 7"


def test_translations_that_are_no_translations(tiny_marian, examine):
    long = "the cat sat on a mat and looked at the moon"
    rows = [
        {"source": "the cat", "target": "Le chat"},
        {"source": "my friends", "target": "My  friends"},
        {"source": "cat", "target": f"{long} {long}"},
        {"source": "the cat", "target": "chat"},
        {"source": "a", "target": ""},
    ]
    found = examine(tiny_marian, rows, [{"source": "The cat", "target": "x"}], task="translation")
    told = counts(found)
    assert (told["equal_pairs"], told["unequal_lengths"], told["leakage"]) == (1, 1, 1)
    assert told["empty_texts"] == 1 and "duplicates" not in told  # another target is no repeat
    assert places(found, "unequal_lengths") == ["train.jsonl, line 3"]
    assert marked(found.samples[0]).endswith("]]") and " → [[" in marked(found.samples[0])


def test_what_a_conversation_teaches(tiny_chat, examine):
    rows = [
        {"prompt": "hello cat", "completion": "The cat sat."},
        {"messages": [{"role": "user", "content": "hello"}]},
        {"prompt": "hello " * 60, "completion": "The cat."},
    ]
    found = examine(tiny_chat, rows, chat=True, block_size=60)
    assert [(one.line, one.reason) for one in found.problems] == [(2, "the assistant says nothing")]
    assert counts(found)["nothing_learnt"] == 1 and counts(found)["cut"] == 1
    assert marked(found.samples[0]) == "<user>hello cat\n<assistant>[[The cat sat.\n]]"
    assert 0 < dict(found.numbers)["learnt_share"] < 1


def test_hidden_words_are_marked(tiny_masked, examine):
    found = examine(tiny_masked, [{"text": "the cat sat on mats"}], task="masked-lm")
    hidden = [text for text, learnt in found.samples[0] if learnt]
    assert len(hidden) == 1  # 15% of five words
    assert "".join(text for text, _ in found.samples[0]) == "[CLS] the cat sat on mats [SEP]"


def test_text_in_blocks(tiny_gpt2, bpe, examine):
    story = "The cat sat on a mat and looked at the moon."
    rows = [{"text": story}, {"text": "the CAT sat on a mat and looked at the moon."}]
    rows += [{"text": ""}, {"text": False}, {"text": "A dog."}]
    found = examine(tiny_gpt2, rows, [{"text": "a  dog."}], block_size=8)
    assert counts(found) == {"empty_texts": 1, "duplicates": 1, "leakage": 1}
    assert [one.line for one in found.problems] == [4]
    texts = [row["text"] for row in rows if row["text"] is not False]
    tokens = sum(len(bpe(text)["input_ids"]) + 1 for text in texts)  # and the end of each
    numbers = dict(found.numbers)
    assert numbers["train_tokens"] == tokens and numbers["train_blocks"] == tokens // 8
    assert numbers["train_documents"] == 4 and numbers["validation_documents"] == 1
    assert marked(found.samples[0]) == bpe.decode(bpe(story)["input_ids"][:8])


def test_blocks_are_those_that_are_learnt(tiny_gpt2, tmp_path):
    """The counts of the doctor are those of the run itself."""
    (tmp_path / "a.txt").write_text("The cat sat on a mat. " * 30)
    rows = [{"text": f"A dog said hello {at} times."} for at in range(20)]
    files = (str(tmp_path / "a.txt"), write_rows(tmp_path / "b.jsonl", rows))
    base = ModelSpec(str(tiny_gpt2))
    settings = {"block_size": 16, "eval_fraction": 0.1, "max_steps": 1, "dtype": "float32"}
    (found,) = check(Training(files, "", **settings), base).checkups
    trained = finetune(Training(files, str(tmp_path / "out"), **settings), base)
    numbers = dict(found.numbers)
    assert numbers["train_blocks"] * 16 == trained.train_tokens
    assert numbers["validation_blocks"] * 16 == trained.eval_tokens


def test_a_model_that_is_still_to_be_made(examine, tmp_path):
    config = {"model_type": "bert", "hidden_size": 16, "num_hidden_layers": 1}
    config |= {"num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 200}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    found = examine(None, GOOD * 3, task="classification", from_scratch=str(path))
    assert found.model == str(path) and dict(found.numbers)["train_examples"] == 6


def test_parts_are_checked_in_turn(tiny_encoder, tmp_path, run):
    one = write_rows(tmp_path / "one.jsonl", [*GOOD, {"text": "it"}])
    other = write_rows(tmp_path / "other.jsonl", [{"text": "the cat sat"}])
    parts = tmp_path / "parts.yaml"
    parts.write_text(
        f"- {{task: classification, train: {one}}}\n- {{task: embedding, train: {other}}}"
    )
    result = run("finetune", "-m", tiny_encoder, "--parts", parts, "--check", "--json", "-q")
    record = json.loads(result.stdout)
    assert [(part["task"], part["ok"]) for part in record["checks"]] == [
        ("classification", False),
        ("embedding", True),
    ]
    assert result.exit_code == 1 and record["ok"] is False


def test_the_command_shows_twenty_rows_and_json_all(run, tiny_encoder, tmp_path):
    data = write_rows(tmp_path / "rows.jsonl", [*GOOD, *[{"text": "it"}] * 25])
    words = ["finetune", "-q", "--task", "classification", "-m", tiny_encoder, "--train", data]
    shown = run(*words, "--check")
    assert shown.exit_code == 1
    assert shown.stdout.count("no field 'label'") == 20
    assert "cannot be used: 25" in shown.stdout and "and 5 more" in shown.stdout
    assert "[CLS] the cat is good [SEP] → [[a]]" in shown.stdout
    record = json.loads(run(*words, "--check", "--json").stdout)
    assert len(record["checks"][0]["problems"]) == 25
    assert record["checks"][0]["samples"][0][1] == {"text": "a", "learnt": True}
    write_rows(tmp_path / "rows.jsonl", GOOD)
    assert run(*words, "--check", "--eval-fraction", "0").exit_code == 0


def test_a_file_that_is_not_there_is_one_of_the_problems(run, tiny_encoder, tmp_path):
    data = write_rows(tmp_path / "rows.jsonl", GOOD)
    words = ["finetune", "-q", "--task", "classification", "-m", tiny_encoder, "--train", data]
    shown = run(*words, "--train", tmp_path / "none.jsonl", "--check")
    assert shown.exit_code == 1 and "none.jsonl: cannot read" in shown.stdout
    spec = Training(("no.jsonl",), "", task="classification")
    (alone,) = check(spec, ModelSpec("no-model")).checkups
    assert alone.findings == () and alone.files[0].rows == 0  # nothing was looked at


def test_colours_take_the_place_of_brackets_on_a_terminal(tiny_encoder, examine):
    found = examine(tiny_encoder, GOOD, task="classification")
    parts = list(checkup_parts(found, styled=True))
    learnt = parts.index(("a", {"fg": "green", "bold": True}))
    assert parts[learnt - 1][0].endswith("→ ")
    assert "[[" not in "".join(text for text, _ in parts)


@pytest.mark.parametrize("flags", [("--check", "--dry-run"), ("--json",)])
def test_flags_that_do_not_go_together(run, tiny_encoder, flags):
    assert run("finetune", "-m", tiny_encoder, "--train", "x.jsonl", *flags).exit_code == 2


def test_settings_that_cannot_be_are_no_finding(tiny_encoder, examine):
    with pytest.raises(UsageError, match="`class_weights`"):
        examine(tiny_encoder, GOOD, task="classification", class_weights=("c=1",))


def test_keys_are_the_same_for_what_reads_the_same():
    assert key_of(["Ｔhe  cat"]) == key_of(["the\ncat "]) != key_of(["the", "cat"])


def test_repeats_and_leaks_by_hand():
    yes, no, both = frozenset({"yes"}), frozenset({"no"}), frozenset({"yes", "no"})
    found = repeats([b"a", b"b", b"a", b"b", b"a"], [yes, yes, both, no, yes])
    assert found.pairs == [(2, 0), (3, 1), (4, 0)]
    assert found.conflicts == [(1, 3)] and found.conflicting_rows == 2  # "yes" is shared by all a
    assert leaks([b"a", b"b", b"b"], [b"c", b"b"]) == [(1, 1)]


def test_lengths_hold_every_row_once():
    counts = np.random.default_rng(0).integers(1, 300, 1000).tolist() + [5000]
    found = lengths_of(counts, "row")
    assert sum(bar.count for bar in found.bars) == 1001 and len(found.bars) <= 12
    for bar in found.bars:
        assert bar.count == sum(bar.low <= one <= bar.high for one in counts)
    assert found.quantiles["longest"] == 5000 and found.quantiles["median"] in counts
