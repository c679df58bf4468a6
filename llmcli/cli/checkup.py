"""What llmcli finetune --check and --dry-run print."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmcli.cli.output import human_size
from llmcli.cli.plain_tables import plain_table
from llmcli.cli.progress import clock

if TYPE_CHECKING:
    from llmcli.training.checkup.findings import Checkup, Finding, Lengths, Problem
    from llmcli.training.results import Estimate

SHOWN = 20  # rows that cannot be used
SHOWN_PLACES = 3  # of a finding
SHOWN_LABELS = 20
WIDTH = 40  # of the longest bar
LINE = 96


def checkup_text(checkup: "Checkup", *, styled: bool) -> str:
    """The report on the data of a run. styled: mark what is learnt by colour, for a terminal."""
    brief = _brief(checkup)
    parts = [
        f"{checkup.task}: data for {checkup.model}",
        _files(checkup),
        _problems(checkup.problems, brief),
        _findings(checkup.findings, brief),
        _labels(checkup),
        _lengths(checkup.lengths),
        _numbers(dict(checkup.numbers)),
        _samples(checkup, styled),
        "no problem was found" if checkup.is_sound else "there are problems: see above",
    ]
    return "\n\n".join(part for part in parts if part)


def _brief(checkup: "Checkup") -> Callable[[str], str]:
    """What shortens a place to the file's name, where no two files are called the same."""
    paths = sorted({one.file for one in checkup.files}, key=len, reverse=True)
    names = {path: Path(path).name for path in paths}
    if len(set(names.values())) < len(names):
        return str

    def shorten(place: str) -> str:
        for path, name in names.items():
            place = place.replace(path, name)
        return place

    return shorten


def _files(checkup: "Checkup") -> str:
    rows = [[one.file, one.use, f"{one.rows:,}", f"{one.unusable:,}"] for one in checkup.files]
    return plain_table(["file", "use", "rows", "unusable"], rows, right={2, 3})


def _problems(problems: "tuple[Problem, ...]", brief: Callable[[str], str]) -> str:
    if not problems:
        return ""
    lines = [f"cannot be used: {len(problems):,}"]
    for one in problems[:SHOWN]:
        place = brief(f"{one.file}, {one.place}" if one.place else one.file)
        lines.append(f"  {place}: {one.reason}" if place else f"  {one.reason}")
    if len(problems) > SHOWN:
        lines.append(f"  ... and {len(problems) - SHOWN:,} more: --json has all")
    return "\n".join(lines)


def _findings(findings: "tuple[Finding, ...]", brief: Callable[[str], str]) -> str:
    lines = []
    there = [one for one in findings if one.count]
    for one in sorted(there, key=lambda one: not one.is_problem):
        lines.append(f"{'problem' if one.is_problem else 'warning'}: {one.count:,} {one.text}")
        lines += [f"  {brief(place)}" for place in one.places[:SHOWN_PLACES]]
        lines += ["  ..."] * (len(one.places) > SHOWN_PLACES)
    none = [one.kind.replace("_", " ") for one in findings if not one.count]
    if none:
        told = f"looked for and not found: {', '.join(none)}"
        lines += textwrap.wrap(told, LINE, subsequent_indent="  ")
    return "\n".join(lines)


def _labels(checkup: "Checkup") -> str:
    if not checkup.labels:
        return ""
    by_count = sorted(checkup.labels, key=lambda one: -one.train)
    shown = checkup.labels if len(by_count) <= SHOWN_LABELS else by_count[:SHOWN_LABELS]
    rows = [
        [
            one.label,
            f"{one.train:,}",
            f"{one.train_share:.1%}",
            f"{one.validation:,}",
            f"{one.validation_share:.1%}",
        ]
        for one in shown
    ]
    table = plain_table(["label", "train", "", "validation", ""], rows, right={1, 2, 3, 4})
    more = len(by_count) - len(shown)
    return table + (f"\n... and {more} more labels" if more else "")


def _lengths(lengths: "Lengths | None") -> str:
    if lengths is None:
        return ""
    most = max(bar.count for bar in lengths.bars)
    names = [f"{bar.low:,}-{bar.high:,}" for bar in lengths.bars]
    names = [
        name if bar.low < bar.high else f"{bar.low:,}"
        for name, bar in zip(names, lengths.bars, strict=True)
    ]
    width, digits = max(map(len, names)), len(f"{most:,}")
    lines = [f"tokens of a training {lengths.unit}, before any is cut"]
    for name, bar in zip(names, lengths.bars, strict=True):
        drawn = "█" * max(round(WIDTH * bar.count / most), bar.count > 0)
        lines.append(f"  {name:>{width}}  {bar.count:>{digits},}  {drawn}".rstrip())
    told = ", ".join(f"{name} {value:,}" for name, value in lengths.quantiles.items())
    return "\n".join([*lines, f"  {told}"])


def _numbers(numbers: dict[str, float]) -> str:
    if not numbers:
        return ""
    lines = []
    unit = "documents" if "train_documents" in numbers else "examples"
    for use in ("train", "validation"):
        count, tokens = numbers[f"{use}_{unit}"], numbers[f"{use}_tokens"]
        blocks = numbers.get(f"{use}_blocks")
        more = "" if blocks is None else f", {blocks:,} blocks of {numbers['limit']:,}"
        if not tokens:
            lines.append(f"{use}: nothing" + "; give --eval" * (use == "validation"))
            continue
        rows = numbers.get(f"{use}_rows", count)
        told = f" from {rows:,} rows" if rows != count else ""
        lines.append(f"{use}: {count:,} {unit}{told}, {tokens:,} tokens{more}")
    if "learnt_share" in numbers:
        lines.append(f"learnt: {numbers['learnt_share']:.1%} of the tokens")
    if "train_blocks" not in numbers:
        lines.append(f"limit: {numbers['limit']:,} tokens")
    return "\n".join(lines)


def _samples(checkup: "Checkup", styled: bool) -> str:
    if not checkup.samples:
        return ""
    lines = [checkup.samples_caption]
    for sample in checkup.samples:
        text = "".join(_shown(text, learnt, styled) for text, learnt in sample)
        lines.append(f"  {text.strip()}")
    return "\n".join(lines)


def _shown(text: str, learnt: bool, styled: bool) -> str:
    """A stretch of an example in one line."""
    line = text.replace("\r", "").replace("\n", "⏎")
    line = "".join(char if char.isprintable() else "�" for char in line)
    if not learnt:
        return line
    return click.style(line, fg="green", bold=True) if styled else f"[[{line}]]"


def estimate_text(found: "Estimate") -> str:
    """What a run will take, for a person."""
    learnt = "all" if found.learnt == found.parameters else f"{found.learnt:,}"
    memory = "unknown" if found.memory is None else human_size(found.memory)
    where = "of the GPU" if found.device.startswith("cuda") else "of this process"
    batch = f"batch size {found.batch_size}"
    if found.gradient_accumulation_steps > 1:
        batch += f" x {found.gradient_accumulation_steps}"
    lines = {
        "model": found.model,
        "parameters": f"{found.parameters:,}, {learnt} learnt",
        "data": f"{found.examples:,} examples, {found.tokens:,} tokens; "
        f"{found.validation_examples:,} examples to validate",
        "steps": f"{found.steps:,} of {batch}: {found.steps_per_epoch:,} an epoch, "
        f"{found.epochs:.3g} epoch{'s' * (found.epochs != 1)}",
        "tokens a step": f"{found.tokens_per_step:,.0f}, the mean; {found.padding:.1%} of the "
        "places are padding",
        "speed": f"{found.tokens_per_second:,.0f} tokens/s on {found.device} in {found.dtype}, "
        f"measured in {found.steps_taken} step{'s' * (found.steps_taken != 1)}",
        "time": f"about {clock(found.seconds)} for all steps: an estimate; validation and "
        "checkpoints are not counted",
        "memory": f"{memory} {where} at most in these steps",
        "disk": f"{human_size(found.disk_bytes)} at most: {found.checkpoints} checkpoints of "
        f"{human_size(found.checkpoint_bytes)} at once, the model {human_size(found.model_bytes)}",
    }
    width = max(map(len, lines))
    return "\n".join(f"{name:<{width}}  {text}" for name, text in lines.items())
