"""The rules of the rooms, and that all that is promised is there."""

import ast
import doctest
import importlib
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import click
import pytest

import llmcli
from llmcli.cli.config import all_commands
from llmcli.cli.main import COMMANDS as summaries
from llmcli.cli.main import main

ROOT = Path(llmcli.__file__).parent
REPOSITORY = ROOT.parent

BASE = {"errors", "spec"}
LOW = BASE | {"arrays", "system"}
ENGINES = LOW | {"models", "decoding", "tokenization", "engines"}
INFERENCE = ENGINES | {"data", "inference"}
ALLOWED = {
    "errors": {"errors"},
    "spec": BASE,
    "arrays": LOW,
    "system": LOW,
    "data": LOW | {"data"},
    "models": LOW | {"models"},
    "decoding": LOW | {"decoding"},
    "tokenization": LOW | {"models", "tokenization"},
    "engines": ENGINES,
    "inference": INFERENCE,
    "interpretability": INFERENCE | {"interpretability"},
    "chat": INFERENCE | {"chat"},
    "evaluation": INFERENCE | {"evaluation"},
    "training": INFERENCE | {"evaluation", "training"},
    "tasks": INFERENCE | {"chat", "interpretability", "evaluation", "training", "tasks"},
    "api": INFERENCE | {"interpretability", "evaluation", "training", "tasks", "api"},
    "cli": BASE | {"system", "data", "chat", "interpretability", "tasks", "api", "cli"},
}
"""Which rooms the files of a room may import; docs/architecture.md says why.

`llmcli.__version__` is for everybody.
"""
FOREIGN = {"click": {"cli"}, "rich": {"cli"}}
"""Libraries that only some rooms may use."""


def modules():
    """Each module of the package with its file."""
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES = dict(modules())
NAMES = [name for name in MODULES if name != "llmcli.__main__"]


def room(module):
    """`engines` of `llmcli.engines.ct2.engine`; the package itself is the room `api`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "api"


def is_type_checking(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports(path, *, typing=True):
    """The full name of everything that a file imports, wherever it does.

    typing: what stands under TYPE_CHECKING too.
    """
    waiting = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if is_type_checking(node) and not typing:
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else f"{node.module}:{alias.name}"
        waiting.extend(ast.iter_child_nodes(node))


def own_imports(path, *, typing=True):
    """The modules of llmcli that a file imports."""
    for name in imports(path, typing=typing):
        module, _, attribute = name.partition(":")
        if module.split(".")[0] == "llmcli" and (module, attribute) != ("llmcli", "__version__"):
            yield module


def test_the_table_names_every_room():
    assert {room(module) for module in MODULES if module != "llmcli.__main__"} - {"api"} == set(
        ALLOWED
    ) - {"api"}


@pytest.mark.parametrize("module", NAMES)
def test_a_file_imports_from_the_rooms_below_alone(module):
    typing = room(module) != "cli"  # a command may name the types of what it is handed
    wrong = [
        name
        for name in own_imports(MODULES[module], typing=typing)
        if room(name) not in ALLOWED[room(module)]
    ]
    wrong += [
        name
        for name in imports(MODULES[module])
        for library, rooms in FOREIGN.items()
        if re.split("[.:]", name)[0] == library and room(module) not in rooms
    ]
    assert wrong == []


def test_no_file_imports_itself_by_way_of_others():
    graph = {name: set(own_imports(path, typing=False)) for name, path in MODULES.items()}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_tasks_do_not_import_one_another():
    for path in (ROOT / "tasks").glob("*.py"):
        assert not [name for name in imports(path) if name.startswith("llmcli.tasks")], path


def test_spec_and_errors_need_the_standard_library_alone():
    for path in [*(ROOT / "spec").glob("*.py"), ROOT / "errors.py"]:
        names = {re.split("[.:]", name)[0] for name in imports(path)}
        assert names <= {"collections", "dataclasses", "typing", "llmcli"}


def test_one_room_calls_from_pretrained():
    callers = {
        str(path.parent.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "from_pretrained"
    }
    assert callers == {"engines/pytorch"}


RAW = {
    "own_channel": {
        *("cli/colours.py", "cli/output.py", "cli/tables.py", "system/terminal.py"),
        # What it shows is escaped first; base64.
        *("cli/dialogue/answer_view.py", "cli/dialogue/clipboard.py"),
    },
    "Console": {"cli/tables.py", "cli/dialogue/answer_view.py"},  # of rich
    "click.style": {"cli/colours.py"},
    "click.secho": set(),
    "print": {"engines/stopwatch.py"},  # in a process whose output is read
    # Words of its own; what others wrote to the terminal during a call.
    "os.write": {"system/signals.py", "system/panics.py"},
    "sys.__stdout__": set(),
    "sys.__stderr__": set(),
    "sys.stdout.buffer": set(),
    "sys.stderr.buffer": set(),
}
"""What could carry a control sequence to a terminal, and the files that may use it."""


def test_text_reaches_a_terminal_by_streams_that_escape_it():
    users = {name: set() for name in RAW}
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            name = ast.unparse(node) if isinstance(node, (ast.Name, ast.Attribute)) else ""
            if name in users:
                users[name].add(str(path.relative_to(ROOT)))
    assert users == RAW


READERS_OF_JSON = {
    "interpretability/words/__init__.py",
    "system/metadata.py",  # of all files that describe a model or a run
    "system/safe_yaml.py",
    "models/safetensors.py",  # headers, which the safetensors library has checked
    "tokenization/load.py",  # a part of tokenizer.json
    # What this program itself has sent or written.
    *("engines/stopwatch.py", "engines/own_process.py", "engines/ct2/conversion_process.py"),
    "engines/pytorch/gguf_unpacking.py",
    *("tasks/bench.py", "training/output_folder.py"),
    "chat/remote.py",  # answers of a server, each with an error of its own
    # Rows of data, each of which has an error of its own.
    *("data/readers/jsonl.py", "data/squad.py", "data/vectors.py", "data/resumable_output.py"),
    *("evaluation/saved_predictions.py", "evaluation/fields.py", "training/conversations.py"),
    *("data/readers/json_values.py", "evaluation/label_lists.py", "inference/words.py"),
    *("data/part_files.py", "data/run_journal.py", "data/stored_batches.py"),
}


def test_files_of_metadata_have_one_reader():
    """json and yaml trust a file: its size, its depth, that it has an end."""
    calls = ("load", "loads", "safe_load", "raw_decode", "JSONDecoder")
    readers = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in calls
        and (isinstance(node.value, ast.Name) and node.value.id in ("json", "yaml"))
    }
    assert readers <= READERS_OF_JSON


def test_modules_named_in_strings_are_there():
    """As in `python -m llmcli.engines.ct2.conversion_process`, or what tests replace."""
    places = [*ROOT.rglob("*.py"), *(REPOSITORY / "tests").rglob("*.py")]
    places += [*(REPOSITORY / "benchmarks").rglob("*.py"), *(REPOSITORY / "recipes").rglob("*.py")]
    missing = [
        f"{path.relative_to(REPOSITORY)}:{node.lineno}: {name}"
        for path in places
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for name in re.findall(r"\bllmcli(?:\.[a-z_0-9]+)+\b(?![/-])", node.value)
        if not is_there(name)
    ]
    assert missing == []


def is_there(name):
    """True for a module, or for what a module has."""
    module, _, attribute = name.rpartition(".")
    if name in MODULES:
        return True
    return module in MODULES and (
        module == "llmcli" or hasattr(importlib.import_module(module), attribute)
    )


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


@pytest.mark.parametrize("name", NAMES)
def test_worked_examples_in_docstrings_hold(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
