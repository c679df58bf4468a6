import ast
import importlib
import re
from pathlib import Path

import pytest

import llmcli
from llmcli.errors import InputError, ModelUnsuitable
from llmcli.system.extras import PIP_NAMES, is_installed, load_extra, missing, require_extra

ROOT = Path(llmcli.__file__).parent
FOR_DEVELOPERS = {"dev", "docs"}


def imported(name):
    """What is imported of a package, by its name for pip."""
    return "prompt_toolkit" if name == "prompt-toolkit" else name.partition("-")[0]


@pytest.fixture(scope="module")
def extras():
    """The packages of each extra that pyproject.toml names."""
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]
    return {
        extra: {imported(re.split("[^a-z-]", line)[0]) for line in lines}
        for extra, lines in project["optional-dependencies"].items()
    }


def test_each_package_of_an_extra_is_named_with_it(extras):
    expected = {
        package: f"llmcli[{name}]"
        for name in {*extras} - FOR_DEVELOPERS - {"all"}
        for package in extras[name]
    }
    installed_always = {"ctranslate2", "sentencepiece"}
    assert {name: PIP_NAMES[name] for name in {*PIP_NAMES} - installed_always} == expected


def test_the_page_on_installing_names_every_extra(extras):
    page = (ROOT.parent / "docs/install.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.M)) == {*extras}


def test_all_is_every_extra_for_users():
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]
    (line,) = project["optional-dependencies"]["all"]
    names = {*project["optional-dependencies"]} - FOR_DEVELOPERS - {"all"}
    assert line == f"llmcli[{','.join(sorted(names))}]"


def test_a_package_that_is_there_is_imported():
    assert is_installed("json")
    assert load_extra("json", "this") is importlib.import_module("json")


def test_a_missing_package_is_an_error_of_one_line(monkeypatch):
    monkeypatch.setitem(PIP_NAMES, "not_there", "llmcli[more]")
    message = "this needs the not_there package: pip install 'llmcli[more]'"
    assert missing("not_there", "this") == message
    for fails in (
        lambda: load_extra("not_there.part", "this"),
        lambda: require_extra("not_there", "this"),
    ):
        with pytest.raises(InputError) as caught:
            fails()
        assert str(caught.value) == message
    with pytest.raises(ModelUnsuitable):
        load_extra("not_there", "this", ModelUnsuitable)


def test_optional_packages_are_imported_through_load_extra():
    """Else a missing one would be a traceback; some rooms run only where theirs is there."""
    behind = {
        "ctranslate2": ROOT / "engines/ct2",
        "gguf": ROOT / "engines/pytorch/gguf_unpacking.py",
        "prompt_toolkit": ROOT / "cli/dialogue",
        "pyarrow": ROOT / "data",
    }
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            for package in {name.partition(".")[0] for name in names} & {*PIP_NAMES}:
                if package != "sentencepiece":  # which is always installed
                    assert path.is_relative_to(behind.get(package, Path("nowhere"))), path
