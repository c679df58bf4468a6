"""YAML within limits: an alias that holds itself, or one that multiplies, is an error."""

from typing import Any

import yaml

from llmcli.errors import in_one_line
from llmcli.system.shapes import DEPTH, Misshapen

FAULTS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What the constructors of values raise, for example about a date with a month 13."""
VALUES = 100_000  # that a file may have once its aliases are replaced


class _Loader(yaml.SafeLoader):
    """Stops where values nest too deeply: the scanner needs quadratic time for them."""

    def fetch_flow_collection_start(self, token: Any) -> None:
        """Begin a list or a mapping in brackets."""
        self._require(self.flow_level)
        super().fetch_flow_collection_start(token)

    def add_indent(self, column: int) -> bool:
        """Begin a list or a mapping by indentation."""
        self._require(len(self.indents))
        return super().add_indent(column)

    def _require(self, depth: int) -> None:
        if depth >= DEPTH:
            raise Misshapen(f"nests more than {DEPTH} values in one another")


def load(text: str) -> Any:
    """The value in a text. Raises Misshapen, in one line that follows the name of the file."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _require_small(node)
        return loader.construct_document(node)
    except Misshapen:
        raise
    except (yaml.YAMLError, *FAULTS) as error:
        raise Misshapen(f"is not YAML: {_in_words(error)}") from None
    except RecursionError:
        raise Misshapen(f"nests more than {DEPTH} values in one another") from None


def _in_words(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem and error.problem_mark:
        mark = error.problem_mark
        return f"{error.problem} at line {mark.line + 1}, column {mark.column + 1}"
    if isinstance(error, yaml.YAMLError):
        return in_one_line(error)
    return f"a value does not fit its tag ({in_one_line(error) or type(error).__name__})"


def _require_small(root: Any) -> None:
    """Raise Misshapen for a node that holds itself, nests too deeply or expands to too much."""
    sizes: dict[int, int] = {}
    open_nodes: dict[int, Any] = {}
    stack = [(root, False)]
    while stack:
        node, is_done = stack.pop()
        if is_done:
            sizes[id(node)] = 1 + sum(sizes[id(part)] for part in _parts(node))
            del open_nodes[id(node)]
            if sizes[id(node)] > VALUES:
                raise Misshapen(f"expands to more than {VALUES:,} values")
        elif id(node) in open_nodes:
            raise Misshapen("has an alias that holds itself")
        elif id(node) not in sizes:
            if len(open_nodes) > DEPTH:
                raise Misshapen(f"nests more than {DEPTH} values in one another")
            open_nodes[id(node)] = node
            stack.append((node, True))
            stack.extend((part, False) for part in _parts(node))


def _parts(node: Any) -> list[Any]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
