"""The command lines that the steps end with."""

import shlex

from llmcli.interpretability.tour.course import Course


def command_line(command: str, text: str, course: Course, *more: str) -> str:
    """A command on a text by the tour's model, which is named unless it is the default.

    more: further words, put after the text as they are.
    """
    named = () if course.is_default else ("-m", shlex.quote(course.model_id))
    return " ".join(["llmcli", command, *named, quoted_word(text), *more])


def quoted_word(text: str) -> str:
    """A text as one word of a shell, in double quotation marks where these are enough.

    >>> quoted_word("I'll go."), quoted_word("a $5 cat")
    ('"I\\'ll go."', "'a $5 cat'")
    """
    return shlex.quote(text) if set(text) & set('"$`\\\\!') else f'"{text}"'
