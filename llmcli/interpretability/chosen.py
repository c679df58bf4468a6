"""Layers and heads that were asked for by their numbers."""

from llmcli.errors import UsageError


def chosen(asked: tuple[int, ...], count: int, name: str) -> tuple[int, ...]:
    """The numbers that were asked for, in order; all of `count` where none was.

    name: of the setting. Raises UsageError for a number that the model does not have.

    >>> chosen((3, 1), 6, "layers"), chosen((), 3, "heads")
    ((1, 3), (0, 1, 2))
    """
    for number in asked:
        if number >= count:
            last = f"are 0 to {count - 1}" if count > 1 else "are one: 0"
            raise UsageError(f"`{name}` {number}: the model's {name} {last}")
    return tuple(sorted(asked)) or tuple(range(count))
