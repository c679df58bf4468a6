"""Run a notebook's code cells: python -m tests.notebook FILE... writes their outputs into it.

Enough for notebooks of plain Python, without Jupyter: what a cell prints, then the value of its
last expression.
"""

import ast
import contextlib
import io
import json
import sys
from pathlib import Path


def execute(notebook: dict) -> list[dict]:
    """The cells of a notebook, those with code with new outputs, run one after another."""
    names: dict = {"__name__": "__main__"}
    cells, count = [], 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            count += 1
            outputs = _run("".join(cell["source"]), names, count)
            cell = {**cell, "execution_count": count, "outputs": outputs}
        cells.append(cell)
    return cells


def _run(source: str, names: dict, count: int) -> list[dict]:
    body = ast.parse(source).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    value = None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(ast.Module(body, []), "cell", "exec"), names)  # noqa: S102  our own notebook
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)  # noqa: S307
    outputs = []
    if printed.getvalue():
        lines = printed.getvalue().splitlines(keepends=True)
        outputs.append({"name": "stdout", "output_type": "stream", "text": lines})
    if value is not None:
        data = {"text/plain": repr(value).splitlines(keepends=True)}
        result = {"data": data, "execution_count": count, "metadata": {}}
        outputs.append({**result, "output_type": "execute_result"})
    return outputs


def read(path: Path) -> dict:
    """A notebook as its JSON has it."""
    notebook: dict = json.loads(path.read_text("utf-8"))
    return notebook


def main() -> None:
    """Write new outputs into notebooks."""
    for name in sys.argv[1:]:
        notebook = read(Path(name))
        notebook["cells"] = execute(notebook)
        text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)
        Path(name).write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
