"""Examples decoded for people, with what is learnt of them marked."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, TypeVar

from llmcli.training.checkup.findings import Sample, Stretch

T = TypeVar("T")
AROUND = 120  # characters shown on each side of what is left out
ALL = 300  # characters of a stretch that are shown whole


def marked(tokenizer: Any, ids: Sequence[int], learnt: Sequence[bool]) -> list[Stretch]:
    """Decode ids in stretches that are learnt or not.

    A stretch is what the decoded text grows by, so that spaces are where they are in the whole.
    """
    stretches: list[Stretch] = []
    for flag, stretch in growth(tokenizer, ids, learnt):
        space = " " if flag and stretch.startswith(" ") else ""  # marks begin with the word
        if space and stretches:
            stretches[-1] = (stretches[-1][0] + space, stretches[-1][1])
            stretch = stretch[1:]
        stretches.append((stretch, flag))
    return stretches


def growth(tokenizer: Any, ids: Sequence[int], keys: Sequence[T]) -> Iterator[tuple[T, str]]:
    """For each run of equal keys of the ids: the key, and what the decoded text grows by."""
    before, stop = "", 0
    for key, same in groupby(keys):
        start, stop = stop, stop + len(list(same))
        text = tokenizer.decode(ids[:stop], clean_up_tokenization_spaces=False)
        if text.startswith(before):
            stretch = text[len(before) :]
        else:  # characters that are cut in two
            stretch = tokenizer.decode(ids[start:stop], clean_up_tokenization_spaces=False)
        yield key, stretch
        before = text


def shortened(stretches: Sequence[Stretch]) -> Sample:
    """Leave out the middle of long stretches.

    >>> shortened([("a" * 400, False)])[0][0] == "a" * 120 + " ... " + "a" * 120
    True
    """
    return tuple(
        (text if len(text) <= ALL else f"{text[:AROUND]} ... {text[-AROUND:]}", learnt)
        for text, learnt in stretches
        if text
    )
