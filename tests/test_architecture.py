"""The rules of the layers, and that all that is promised is there."""

import ast
import doctest
import importlib
import pkgutil
from pathlib import Path

import click
import pytest

import llmcli
from llmcli.cli.config import all_commands
from llmcli.cli.main import COMMANDS as summaries
from llmcli.cli.main import main

ROOT = Path(llmcli.__file__).parent
REPOSITORY = ROOT.parent
FORBIDDEN = {
    "core": {"llmcli.tasks", "llmcli.cli", "click", "rich"},
    "tasks": {"llmcli.cli", "click", "rich"},
}
MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages([str(ROOT)], "llmcli.")
    if name != "llmcli.__main__"
]


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_a_layer_imports_downwards_only(layer):
    for path in (ROOT / layer).rglob("*.py"):
        for name in imports(path):
            assert not any(f"{name}.".startswith(f"{bad}.") for bad in FORBIDDEN[layer]), path


def test_tasks_do_not_import_one_another():
    for path in (ROOT / "tasks").glob("*.py"):
        assert not [name for name in imports(path) if name.startswith("llmcli.tasks")], path


def test_spec_and_errors_need_the_standard_library_alone():
    for path in (ROOT / "spec").glob("*.py"):
        assert set(imports(path)) <= {"dataclasses", "typing", "llmcli.spec"}
    assert set(imports(ROOT / "errors.py")) == set()


def test_one_file_calls_from_pretrained():
    callers = {
        path.name
        for path in ROOT.rglob("*.py")
        if ".from_pretrained(" in path.read_text() and path.name != "script.py"
    }
    assert callers == {"loading.py"}


def leaves(command, name=""):
    if isinstance(command, click.Group):
        for child, sub in all_commands(command).items():
            yield from leaves(sub, f"{name} {child}".strip())
    else:
        yield name, command


COMMANDS = dict(leaves(main))


def test_the_root_says_of_each_command_what_it_says_itself():
    own = {
        name: " ".join(command.help.split("\n\n")[0].split())
        for name, command in all_commands(main).items()
    }
    assert own == summaries


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_its_options(run, name):
    result = run(*name.split(), "-h")
    assert result.exit_code == 0
    assert COMMANDS[name].help
    for option in COMMANDS[name].params:
        if isinstance(option, click.Option):
            assert option.help or option.opts[-1] in ("--weight-decay", "--seed"), option.opts


@pytest.mark.parametrize("name", MODULES)
def test_worked_examples_in_docstrings_hold(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_public_function_has_a_docstring():
    missing = []
    for path in ROOT.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            is_public = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name[0] != "_"
            if is_public and not ast.get_docstring(node):
                missing.append(f"{path.name}: {node.name}")
    assert missing == []
