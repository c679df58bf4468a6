"""What keeps the code readable in one sitting: sizes, docstrings."""

import ast
from pathlib import Path

import pytest

import llmcli

PACKAGE = Path(llmcli.__file__).parent
REPOSITORY = PACKAGE.parent
FILES = [
    path for folder in (PACKAGE, REPOSITORY / "tests") for path in sorted(folder.rglob("*.py"))
]
MOST_LINES = 350
MOST_LINES_OF_A_FUNCTION = 40
LONG_FUNCTIONS: dict[str, str] = {}
"""Functions that may be longer, at most five, each with the reason."""


def name(path):
    return str(path.relative_to(REPOSITORY))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_is_read_in_one_sitting(path):
    assert len(path.read_text().splitlines()) <= MOST_LINES


def functions(path):
    """Each function of a file, as `file: name`, with its length from `def` to its last line."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield f"{name(path)}: {node.name}", node.end_lineno - node.lineno + 1


def test_functions_are_short():
    long = {
        function: length
        for path in FILES
        for function, length in functions(path)
        if length > MOST_LINES_OF_A_FUNCTION and function not in LONG_FUNCTIONS
    }
    assert long == {}


def test_exceptions_are_few_and_needed():
    known = {function: length for path in FILES for function, length in functions(path)}
    assert len(LONG_FUNCTIONS) <= 5
    assert all(known.get(function, 0) > MOST_LINES_OF_A_FUNCTION for function in LONG_FUNCTIONS)


TREES = {path: ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}
CLASSES = [
    node for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
]
OWN = {node.name for node in CLASSES}


def methods(node):
    return [each for each in node.body if isinstance(each, ast.FunctionDef)]


DOCUMENTED = {
    method.name for node in CLASSES for method in methods(node) if ast.get_docstring(method)
}
"""Methods that some class explains: others that bear the name implement it."""


def overrides_a_library(node):
    """True for a class with a base that is not of this package, such as click.Group."""
    bases = {ast.unparse(base).split("[")[0].split(".")[-1] for base in node.bases}
    return bool(bases - OWN - {"Protocol", "Generic", "NamedTuple", "Exception"})


def undocumented(tree):
    """Public classes, functions and methods without a docstring, and the file itself."""
    if not ast.get_docstring(tree):
        yield "the file"
    for node in tree.body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith("_"):
            continue
        if "overload" in map(ast.unparse, node.decorator_list):
            continue
        if not ast.get_docstring(node):
            yield node.name
        if isinstance(node, ast.ClassDef) and not overrides_a_library(node):
            yield from (
                f"{node.name}.{method.name}"
                for method in methods(node)
                if not method.name.startswith("_") and method.name not in DOCUMENTED
            )


@pytest.mark.parametrize("path", sorted(TREES), ids=name)
def test_what_is_public_has_a_docstring(path):
    assert list(undocumented(TREES[path])) == []
