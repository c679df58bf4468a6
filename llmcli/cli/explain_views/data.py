"""The data of an explanation, in a terminal."""

from typing import Any

from llmcli.cli.explain_views import View
from llmcli.cli.output import human_size


def show(result: Any, view: View) -> None:
    """Show how many arrays there are, and how to get them."""
    size = human_size(sum(array.bytes for array in result.stored))
    view.paragraph(view.words("data")["lead"].format(count=len(result.stored), size=size))
