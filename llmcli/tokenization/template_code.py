"""The code of a chat template: that of jinja2, with calls that count what it does.

They stand in the body of each loop, around literals, sums, slices and comparisons, and after text
that is written as it is.
"""

from collections.abc import Callable
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame

from llmcli.tokenization.template_budget import current


class CountingGenerator(CodeGenerator):
    """Writes calls of `wrote`, `ticked`, `made` and `fitting` of the sandbox into the code."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._loop_bodies: set[int] = set()
        self._left_sums: set[int] = set()
        self._constant = 0  # characters that one output writes as they are

    def visit(self, node: nodes.Node, *args: Any, **named: Any) -> Any:
        current().tick()
        return super().visit(node, *args, **named)

    def visit_For(self, node: nodes.For, frame: Frame) -> None:
        self._loop_bodies.add(id(node.body))
        super().visit_For(node, frame)

    def blockvisit(self, body: Any, frame: Frame) -> None:
        if id(body) in self._loop_bodies:
            self.writeline("environment.ticked()")
        super().blockvisit(body, frame)

    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:
        self._constant = 0
        super().visit_Output(node, frame)
        if self._constant:
            self.writeline(f"environment.wrote({self._constant})")

    def _output_const_repr(self, group: Any) -> str:
        self._constant += sum(map(len, group))
        return super()._output_const_repr(group)

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:
        if not isinstance(node, (nodes.Const, nodes.TemplateData)):
            raise nodes.Impossible  # nothing is computed before a budget counts it
        return super()._output_child_to_const(node, frame, finalize)

    def _within(self, name: str, visit: Callable[[Any, Frame], None], node: Any, at: Frame) -> None:
        self.write(f"environment.{name}(")
        visit(node, at)
        self.write(")")

    def visit_List(self, node: nodes.List, frame: Frame) -> None:
        if all(isinstance(item, nodes.Const) for item in node.items):
            super().visit_List(node, frame)
        else:
            self._within("made", super().visit_List, node, frame)

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:
        self._within("made", super().visit_Dict, node, frame)

    def visit_Tuple(self, node: nodes.Tuple, frame: Frame) -> None:
        if node.ctx == "load":
            self._within("made", super().visit_Tuple, node, frame)
        else:
            super().visit_Tuple(node, frame)

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:
        if isinstance(node.arg, nodes.Const):
            super().visit_Getitem(node, frame)
        else:  # a slice, or a key, which may be a long tuple
            self._within("ticked", super().visit_Getitem, node, frame)

    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:
        operands = [node.expr, *(operand.expr for operand in node.ops)]
        equality = all(operand.op in ("eq", "ne") for operand in node.ops)
        if equality and any(isinstance(operand, nodes.Const) for operand in operands):
            super().visit_Compare(node, frame)  # takes no longer than the constant
        else:
            self._within("ticked", super().visit_Compare, node, frame)

    def visit_Add(self, node: nodes.BinExpr, frame: Frame) -> None:
        chain, left = 0, node.left
        if isinstance(left, nodes.Add):
            self._left_sums.add(id(left))
        while isinstance(left, nodes.Add):
            chain, left = chain + 1, left.left
        if id(node) in self._left_sums and chain % 8:  # a sum of several is counted as one
            super().visit_Add(node, frame)
        else:
            self._within("made", super().visit_Add, node, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        joined = "markup_join" if frame.eval_ctx.autoescape else "str_join"
        if frame.eval_ctx.volatile:
            joined = "(markup_join if context.eval_ctx.volatile else str_join)"
        self.write(f"environment.made({joined}(environment.fitting((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))))")
