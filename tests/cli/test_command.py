"""What every command checks first: options given twice."""

import click
import pytest

from llmcli.cli.command import Command
from llmcli.cli.config import all_commands
from llmcli.cli.main import main


def leaves(group, path=()):
    for name, command in all_commands(group).items():
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name), command


LEAVES = dict(leaves(main))


def test_every_command_is_of_this_class():
    assert all(isinstance(command, Command) for command in LEAVES.values())


@pytest.mark.parametrize("path", list(LEAVES), ids="-".join)
def test_an_option_with_one_value_is_refused_with_two(run, path):
    for option in LEAVES[path].params:
        if isinstance(option, click.Option) and not (option.multiple or option.is_flag):
            result = run(*path, f"{option.opts[0]}=1", f"{option.opts[-1]}=2")
            assert result.exit_code == 2
            assert "takes one value, not several: '" in result.stderr, (option, result.stderr)


@pytest.mark.parametrize(
    ("words", "flags"),
    [
        (("generate", "a", "--echo", "--no-echo"), "--echo and --no-echo"),
        (("embed", "a", "--no-normalize", "--normalize"), "--normalize and --no-normalize"),
        (("tokenize", "a", "--ids", "--count"), "--ids and --count"),
        (("translate", "a", "--split-sentences", "--no-split-sentences"), "--split-sentences and"),
    ],
)
def test_flags_that_contradict_each_other_are_refused(run, words, flags):
    result = run(*words)
    assert result.exit_code == 2 and f"{flags}" in result.stderr
    assert "contradict each other: give one" in result.stderr


def test_aliases_are_the_same_option(run):
    result = run("generate", "a", "-n", "3", "--max-tokens", "4")
    assert "--max-new-tokens takes one value, not several: '3', '4'" in result.stderr


def test_the_same_value_twice_and_the_environment_are_no_contradiction(run, monkeypatch, tiny_gpt2):
    monkeypatch.setenv("LLMCLI_MODEL", "no-such-model")
    words = ("--ids", "--ids", "-m", tiny_gpt2, "--model", tiny_gpt2, "-q", "-q")
    assert run("tokenize", "cat", *words).exit_code == 0


def test_a_flag_overrides_a_config_file(run, tmp_path, tiny_gpt2):
    (tmp_path / "settings.yaml").write_text("model: no-such-model\nformat: json\n")
    words = ("--config", tmp_path / "settings.yaml", "-m", tiny_gpt2, "--format", "jsonl")
    assert run("tokenize", "cat", *words).exit_code == 0
