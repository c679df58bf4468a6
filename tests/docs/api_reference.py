"""The reference of the Python API in Markdown, made from `llmcli.__all__` and the docstrings."""

import ast
import functools
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import llmcli
from llmcli.data.results import Result
from tests.docs.markup import marked_up

WIDTH = 88


def api_reference() -> str:
    """Describe every public name, by kind."""
    values = {name: getattr(llmcli, name) for name in llmcli.__all__ if name != "__version__"}
    parts = []
    for title, kind in KINDS.items():
        names = [name for name, value in values.items() if kind_of(value) == kind]
        parts.append(f"\n### {title}\n")
        parts += [f"\n#### llmcli.{name}\n\n{DESCRIBE[kind](name, values[name])}" for name in names]
    return "".join(parts) + "\n"


KINDS = {
    "Functions": "function",
    "Options": "options",
    "Results": "result",
    "Errors": "error",
    "Other types": "other",
}


def kind_of(value: Any) -> str:
    """Say which section a public name belongs to."""
    if inspect.isfunction(value):
        return "function"
    if inspect.isclass(value) and issubclass(value, Exception):
        return "error"
    if inspect.isclass(value) and issubclass(value, Result):
        return "result"
    if is_dataclass(value) and value.__module__.startswith("llmcli.spec"):
        return "options"
    return "other"


def function(name: str, value: Any) -> str:
    """Describe a function: its signature and its docstring."""
    node = definition(value)
    text = prose(value.__doc__, parameters(node))
    return f"```python\n{signature(f'llmcli.{name}', node)}\n```\n\n{text}"


def structure(name: str, value: Any) -> str:
    """Describe a class: its docstring, its fields and its methods; or an alias of types."""
    if not inspect.isclass(value):
        return alias(name)
    parts = [prose(value.__doc__)]
    if is_dataclass(value):
        parts.append(field_table(value))
    for method, node in public_methods(value):
        heading = signature(f"{name}.{method}", node)
        parts.append(f"```python\n{heading}\n```\n\n{prose(ast.get_docstring(node))}")
    return "\n".join(parts)


DESCRIBE: dict[str, Callable[[str, Any], str]] = {
    "function": function,
    "options": structure,
    "result": structure,
    "error": structure,
    "other": structure,
}


@functools.cache
def tree(path: str) -> ast.Module:
    """Parse a source file."""
    return ast.parse(Path(path).read_text("utf-8"))


def definition(value: Any) -> Any:
    """Find the definition of a function or a class; of an overloaded one, the last."""
    nodes = [
        node
        for node in ast.walk(tree(inspect.getsourcefile(value) or ""))
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == value.__name__
    ]
    return nodes[-1]


def signature(name: str, node: ast.FunctionDef) -> str:
    """Write a call with its types, an argument a line if it is long."""
    arguments = node.args
    if arguments.args and arguments.args[0].arg == "self":
        arguments = ast.arguments(**{**vars(arguments), "args": arguments.args[1:]})
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    line = f"{name}({ast.unparse(arguments)}){returns}"
    if len(line) <= WIDTH:
        return line
    inside = "".join(f"    {part},\n" for part in split_arguments(arguments))
    return f"{name}(\n{inside}){returns}"


def split_arguments(arguments: ast.arguments) -> list[str]:
    """Write each argument by itself."""
    first = len(arguments.args) - len(arguments.defaults)
    parts = []
    for number, argument in enumerate(arguments.args):
        default = arguments.defaults[number - first] if number >= first else None
        parts.append(written(argument, default))
    if arguments.kwonlyargs:
        parts.append("*")
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return parts + [written(argument, default) for argument, default in pairs]


def written(argument: ast.arg, default: ast.expr | None) -> str:
    """Write an argument with its type and default."""
    return ast.unparse(argument) + (f" = {ast.unparse(default)}" if default else "")


def parameters(node: ast.FunctionDef) -> list[str]:
    """Name the parameters of a function."""
    return [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]


def prose(docstring: str | None, names: Sequence[str] = ()) -> str:
    """Turn a docstring into Markdown: paragraphs, and its examples as sessions of Python.

    names: the parameters, which become a list where a paragraph tells of them.
    """
    parts = []
    for paragraph in inspect.cleandoc(docstring or "").split("\n\n"):
        if paragraph.startswith(">>> "):
            parts.append(f"```pycon\n{paragraph}\n```\n")
        else:
            parts.append("\n\n".join(sentences(paragraph, names)) + "\n")
    return "\n".join(parts)


def sentences(paragraph: str, names: Sequence[str]) -> Iterator[str]:
    """Give what a paragraph says of parameters as a list, of errors as a paragraph of its own."""
    text, raises, errors = paragraph.partition("\nRaises ")
    starts = "|".join(names)
    parts = re.split(rf"(?:^|(?<=[.;] )|(?<=[.;]\n))({starts}): ", text) if names else [text]
    if parts[0]:
        yield marked_up(parts[0])
    told = zip(parts[1::2], parts[2::2], strict=True)
    items = [f"- `{name}`: {marked_up(meaning)}" for name, meaning in told]
    if items:
        yield "\n".join(items)
    if raises:
        yield marked_up(f"Raises {errors}")


def field_table(value: Any) -> str:
    """List the fields of a dataclass, with their types, defaults and docstrings."""
    types, meanings = {}, {}
    for parent in reversed(value.__mro__[:-1]):
        body = definition(parent).body
        for node, after in zip(body, [*body[1:], None], strict=True):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                types[node.target.id] = ast.unparse(node.annotation)
                meanings[node.target.id] = docstring_of(after)
    lines = ["| field | type | meaning |", "|---|---|---|"]
    for field in fields(value):
        default = "" if field.default is MISSING else f" Default: {field.default!r}."
        text = marked_up((meanings[field.name] + default).strip())
        kind = types[field.name].replace("|", r"\|")
        lines.append(f"| `{field.name}` | `{kind}` | {text} |")
    return "\n".join(lines) + "\n"


def docstring_of(node: ast.stmt | None) -> str:
    """Read the string that stands alone after a field."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return str(node.value.value)
    return ""


def public_methods(value: Any) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Give the methods that a class itself documents."""
    for node in definition(value).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            if ast.get_docstring(node):
                yield node.name, node


def alias(name: str) -> str:
    """Describe an alias of types, by its line in the module that holds it."""
    module = import_module(f"llmcli.{llmcli._HOME[name]}")
    body = tree(module.__file__ or "").body
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return f"```python\n{ast.unparse(node)}\n```\n\n{prose(docstring_of(after))}"
    raise LookupError(f"{name} is neither a class, nor a function, nor an alias")
