"""What the program says to commands and flags of other programs."""

import click
import pytest

from llmcli.cli import hint_tables as tables
from llmcli.cli.aliases import COMMANDS as SAME
from llmcli.cli.aliases import SPELLINGS
from llmcli.cli.config import all_commands
from llmcli.cli.hints import FLAG
from llmcli.cli.main import COMMANDS, main


def leaves(group):
    for command in all_commands(group).values():
        yield from leaves(command) if isinstance(command, click.Group) else [command]


FLAGS = [
    {flag for param in command.params for flag in (*param.opts, *param.secondary_opts)}
    for command in leaves(main)
]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["run", "gpt2", "Hello there"], "llmcli generate -m gpt2 'Hello there'"),
        (["run", "gpt2"], "llmcli generate -m gpt2 TEXT"),
        (["search", "my login"], "llmcli embed -i FILE --query 'my login'"),
        (["summarize", "a b"], "-s 'Summarize the text.' 'a b'"),
        (["serve", "--port", "8"], "there is no server"),
        (["generat", "hi there"], "Did you mean llmcli generate 'hi there'?"),
        (["Once upon a time"], "llmcli generate 'Once upon a time'"),
        (["-m", "gpt2", "hi there"], "llmcli generate -m gpt2 'hi there'"),
        (["-V"], "llmcli --version"),
    ],
)
def test_an_unknown_command_is_answered_with_the_line_to_type(run, words, line):
    result = run(*words)
    assert (result.exit_code, line in result.stderr) == (2, True), result.stderr


def test_a_file_in_place_of_a_command_is_named_as_one(run, tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text("text\na\n")
    assert f"classify -i {path}" in run(path).stderr


@pytest.mark.parametrize(
    ("words", "telling"),
    [
        (["generate", "a", "--threads", 4], "OMP_NUM_THREADS=N"),
        (["generate", "a", "--num-ctx", 4], "--on-overflow"),
        (["generate", "a", "--max_length", 4], "--max-new-tokens"),
        (["generate", "a", "-ngl", 99], "--device cuda"),
        (["generate", "a", "--adapter", "x"], "-m DIR"),
        (["classify", "--text", "a"], "without a flag"),
        (["finetune", "--data", "x"], "--train FILE"),
        (["finetune", "--bf16"], "--dtype bfloat16"),
        (["generate", "a", "--temperatur", 1], "Did you mean --temperature"),
        (["classify", "a", "--do-sample"], "No such option --do-sample"),
    ],
)
def test_an_unknown_flag_is_answered_with_the_right_one(run, words, telling):
    result = run(*words)
    assert (result.exit_code, telling in result.stderr) == (2, True), result.stderr


def lines():
    for name, hint in {**tables.FLAGS, **tables.SHORT}.items():
        yield from ((name, line) for line in ((hint,) if isinstance(hint, str) else hint))


@pytest.mark.parametrize(("name", "line"), list(lines()))
def test_a_hint_names_flags_that_some_command_has(name, line):
    named = set(FLAG.findall(line)) - {"--help", "--version", "--check", "--chat"}
    assert any(named <= flags for flags in FLAGS)


def test_nothing_is_both_an_alias_and_a_hint():
    assert not set(SAME) & {*tables.COMMANDS, *tables.LINES, *COMMANDS}
    aliases = {name for name in SPELLINGS if name not in ("lora-rank", "top-k")}
    assert not aliases & set(tables.FLAGS)


@pytest.mark.parametrize("name", list(SPELLINGS))
def test_an_alias_stands_for_a_flag_that_some_command_has(name):
    assert any(f"--{target}" in flags for target in SPELLINGS[name] for flags in FLAGS)
