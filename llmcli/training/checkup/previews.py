"""Examples as the model sees them, decoded, with what it learns of them marked."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from llmcli.training.objectives.base import NO_LABEL, Objective
from llmcli.training.objectives.distillation import Likeness
from llmcli.training.objectives.masked import Masked
from llmcli.training.objectives.seq2seq import Seq2Seq
from llmcli.training.objectives.spans import Spans
from llmcli.training.objectives.tagging import OUTSIDE, Tagging

Stretch = tuple[str, bool]
"""Some text, and whether it is learnt."""
Sample = tuple[Stretch, ...]
AROUND = 120  # characters shown on each side of what is left out
ALL = 300  # characters of a stretch that are shown whole


def sample_of(objective: Objective, feature: dict[str, Any], number: int = 0) -> Sample:
    """An example in the first epoch. number: its place, by which masked-lm hides words."""
    ids = list(feature["input_ids"])
    tokenizer = objective.tokenizer
    if isinstance(objective, Seq2Seq):
        source, target = tokenizer.decode(ids), tokenizer.decode(feature["labels_ids"])
        return shortened([(f"{source} → ", False), (target, True)])
    if isinstance(objective, Masked):
        (labels,) = objective.collate([{**feature, "key": (0, number)}])["labels"].tolist()
        return shortened(marked(tokenizer, ids, [one != NO_LABEL for one in labels]))
    if isinstance(objective, Spans):
        first, last = feature["labels"]
        return shortened(marked(tokenizer, ids, [first <= at <= last for at in range(len(ids))]))
    if isinstance(objective, Tagging):
        return shortened(_tagged(objective, ids, feature["labels"]))
    if isinstance(objective, Likeness):
        return shortened([(tokenizer.decode(ids), False)])
    labels = list(feature["labels"])
    names: list[str] | None = getattr(objective, "labels", None)
    if names is not None:
        said = ", ".join(names[at] for at in labels) or "no label"
        return shortened([(f"{tokenizer.decode(ids)} → ", False), (said, True)])
    return shortened(marked(tokenizer, ids, [one != NO_LABEL for one in labels]))


def marked(tokenizer: Any, ids: Sequence[int], learnt: Sequence[bool]) -> list[Stretch]:
    """Decode ids in stretches that are learnt or not.

    A stretch is what the decoded text grows by, so that spaces are where they are in the whole.
    """
    stretches: list[Stretch] = []
    before, stop = "", 0
    for flag, same in groupby(learnt):
        start, stop = stop, stop + len(list(same))
        text = tokenizer.decode(ids[:stop], clean_up_tokenization_spaces=False)
        if text.startswith(before):
            stretch = text[len(before) :]
        else:  # characters that are cut in two
            stretch = tokenizer.decode(ids[start:stop], clean_up_tokenization_spaces=False)
        space = " " if flag and stretch.startswith(" ") else ""  # marks begin with the word
        if space and stretches:
            stretches[-1] = (stretches[-1][0] + space, stretches[-1][1])
            stretch = stretch[1:]
        stretches.append((stretch, flag))
        before = text
    return stretches


def _tagged(objective: Tagging, ids: Sequence[int], labels: Sequence[int]) -> list[Stretch]:
    """Words, with their tags behind them; O is learnt as well, but shown nowhere."""
    starts = [at for at, label in enumerate(labels) if label != NO_LABEL]
    stretches: list[Stretch] = []
    for start, stop in zip(starts, [*starts[1:], len(ids)], strict=True):
        word = objective.tokenizer.decode(ids[start:stop], skip_special_tokens=True).strip()
        tag = objective.labels[labels[start]]
        stretches.append((f"{word} ", False))
        if tag != OUTSIDE:
            stretches += [(tag, True), (" ", False)]
    return stretches


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
