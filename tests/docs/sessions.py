"""The Python sessions of the documentation (```pycon blocks): run them, compare them."""

import doctest
import re

BLOCK = re.compile(r"^```pycon\n(.*?)^```", re.DOTALL | re.MULTILINE)


def run_sessions(text: str, name: str) -> str:
    """Run all sessions of a page as one; return what does not hold, empty if all does."""
    lines = []
    for match in BLOCK.finditer(text):
        lines.append("\n" * (text.count("\n", 0, match.start(1)) - "".join(lines).count("\n")))
        lines.append(match[1])
    source = "".join(lines)
    test = doctest.DocTestParser().get_doctest(source, {}, name, name, 0)
    report: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(test, out=report.append)
    return "".join(report)
