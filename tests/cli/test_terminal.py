"""Every command on a terminal: labels, tokens, rows, names and messages bring no control codes."""

import io
import json
import re
import shutil
import sys

import pytest

from llmcli.cli.main import COMMANDS, main
from llmcli.system.terminal import escaped, guarded
from tests.system.test_terminal import Screen
from tests.tiny_models import MORE_WORDS, WORDS, labels, make_bert, make_tagger

HOSTILE = "\x1b]0;t\x07\x9b2J\u202e"
SHOWN = "\\x1b]0;t\\x07\\x9b2J\\u202e"
OWN = re.compile(r"\x1b\[(?:0|1|2|4|3[0-6]|9[0-6]|[34]8;5;\d+)m|\r\x1b\[K")
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_gpt2, tiny_chat, tiny_marian):
    """Models and files with control characters in every field that a command may print."""
    folder = tmp_path_factory.mktemp("hostile")
    names = {0: f"sad{HOSTILE}", 1: f"glad{HOSTILE}", 2: f"mad{HOSTILE}"}
    words = (*WORDS, *MORE_WORDS)
    make_bert(folder / "classifier", "SequenceClassification", words, **labels(names))
    make_bert(folder / "masked", "MaskedLM", ("the", "cat", f"sat{HOSTILE}", "[red]"))
    make_bert(folder / "reader", "QuestionAnswering", words, max_position_embeddings=24)
    make_tagger(folder / "tagger", {"cat": f"B-PET{HOSTILE}", "the": "O"})
    shutil.copytree(tiny_gpt2, folder / "causal")
    shutil.copytree(tiny_marian, folder / "marian")
    card = f"---\nlicense: {json.dumps('mit' + HOSTILE)}\n---\n"
    for model in ("causal", "classifier"):
        (folder / model / "README.md").write_text(card)
    shutil.copytree(tiny_chat, folder / "chat")
    template = "{{ raise_exception('no" + HOSTILE + "') }}"
    (folder / "chat" / "chat_template.jinja").write_text(template)
    rows = [{"text": f"the cat {HOSTILE}", f"k{HOSTILE}": HOSTILE, "label": names[0]}] * 2
    rows.append({"text": f"a dog {HOSTILE}", f"k{HOSTILE}": HOSTILE, "label": names[1]})
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "rows.jsonl").write_text(lines)
    (folder / f"rows{HOSTILE}.jsonl").write_text(lines + "{}\n")
    questions = {"question": f"who {HOSTILE} sat", "context": f"the cat {HOSTILE} sat"}
    (folder / "questions.jsonl").write_text(json.dumps(questions) + "\n")
    (folder / f"bad{HOSTILE}.yaml").write_text(f"no{HOSTILE}: 2\n")
    return folder


TEXT = f"the cat {HOSTILE} sat"
CASES = [
    ("tokenize", TEXT, "-m", "causal", "--json"),
    ("tokenize", "-i", "rows.jsonl", "-m", "causal", "--format", "csv"),
    ("tokenize", "-i", "rows.jsonl", "-m", "causal", "--format", "jsonl"),
    ("classify", "the cat", "-m", "classifier"),
    ("classify", "the cat", "-m", "classifier", "--format", "table"),
    ("classify", "the cat", "-m", "classifier", "--format", "csv"),
    ("classify", "-i", "rows.jsonl", "-m", "classifier", "--fields", f"row,k{HOSTILE}"),
    ("tag", TEXT, "-m", "tagger"),
    ("tag", "the cat", "-m", "tagger", "--format", "csv"),
    ("fill", "the [MASK]", "-m", "masked"),
    ("fill", f"the {HOSTILE} [MASK]", "-m", "masked", "--format", "csv"),
    ("embed", "-i", "rows.jsonl", "--query", TEXT, "-m", "classifier"),
    ("answer", "-i", "questions.jsonl", "-m", "reader", "--format", "csv"),
    ("generate", TEXT, "-m", "causal", "-n", "2"),
    ("generate", "-i", "rows.jsonl", "-m", "causal", "-n", "2", "--format", "table"),
    ("generate", "hi", "-m", "chat", "--chat"),
    ("translate", TEXT, "-m", "marian", "-n", "2", "--num-beams", "1", "--json"),
    ("evaluate", "--task", "classification", "-m", "classifier", "rows.jsonl", "--bootstrap", "0"),
    (
        "finetune",
        "--task",
        "classification",
        "-m",
        "classifier",
        "--train",
        "rows.jsonl",
        "--check",
    ),
    ("finetune", "--config", f"bad{HOSTILE}.yaml"),
    ("chat", "--load", f"no{HOSTILE}"),
    ("models", "show", "causal"),
    ("models", "show", "classifier"),
    ("classify", "-i", f"rows{HOSTILE}.jsonl", "-m", "classifier"),
    ("classify", "-i", f"none{HOSTILE}.csv"),
    ("classify", "hi", "-o", f"none{HOSTILE}/a.csv"),
    ("classify", "hi", "-o", f"a.{HOSTILE}"),
    ("classify", "hi", f"--no{HOSTILE}"),
    (f"no{HOSTILE}",),
]


OTHERS = [
    ("explain", TEXT, "-m", "causal", "--section", "tokens,attention,layers,why,next-word"),
    ("explain", "the cat", "-m", "classifier", "--section", "labels"),
    ("learn", TEXT, "-m", "causal", "--lang", "en"),
    ("generate", TEXT, "-m", "causal", "-n", "2", "--trace"),
    ("score", TEXT, "-m", "causal"),
    ("score", TEXT, "-m", "causal", "--beside", "causal"),
    ("tokenize", TEXT, "-m", "causal"),
    ("embed", TEXT, "a dog", "-m", "classifier"),
    ("answer", f"who {HOSTILE} sat", "--context", TEXT, "-m", "reader"),
    ("forward", TEXT, "-m", "causal"),
    ("forward", TEXT, "-m", "masked"),
    ("translate", "hi", "-t", f"xx{HOSTILE}"),
    ("models", "path", f"no{HOSTILE}"),
    ("models", "verify", f"no/such{HOSTILE}"),
    ("bench", "-m", f"./no{HOSTILE}"),
    ("tokenize", "-i", "rows.jsonl", "-m", "causal", "--count", "--format", "table"),
    ("compare", "--task", "causal-lm", "causal", f"no{HOSTILE}", "-i", "rows.jsonl"),
    ("finetune", "--task", "causal-lm", "-m", f"no{HOSTILE}", "--train", "rows.jsonl", "-o", "out"),
]
"""Commands that print no such text as it is: single tokens, or a name in Python's quotes."""


def on_a_terminal(monkeypatch, words):
    """What a command writes to a terminal: all bytes of stdout and stderr."""
    screens = {}
    for name in ("stdout", "stderr"):
        screens[name] = Screen()
        file = io.TextIOWrapper(screens[name], "utf-8", "backslashreplace", line_buffering=True)
        monkeypatch.setattr(sys, name, guarded(file))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Screen()))
    with pytest.raises(SystemExit):
        main(list(words), prog_name="llmcli")
    return "".join(screen.getvalue().decode() for screen in screens.values())


def name(words):
    return escaped(" ".join(words))[:50]


@pytest.mark.parametrize("words", [*CASES, *OTHERS], ids=name)
def test_no_text_brings_a_control_code(words, folder, monkeypatch, run):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("COLUMNS", "900")  # so that tables fold no cell
    with monkeypatch.context() as patch:
        written = on_a_terminal(patch, words)
    assert CONTROL.findall(OWN.sub("", written)) == []
    if words in OTHERS:
        return
    in_json = json.dumps(HOSTILE, ensure_ascii=False)[1:-1]
    piped = run(*words).output
    assert HOSTILE in piped or in_json in piped
    assert SHOWN in written or escaped(in_json) in written or "\\x9b2J" in written


def test_every_command_is_among_them():
    assert {words[0] for words in [*CASES, *OTHERS]} >= set(COMMANDS)
