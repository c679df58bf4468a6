"""What llmcli finetune --check and --dry-run print."""

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from llmcli.cli.colours import PLAIN, Stretch
from llmcli.cli.flags import with_flags
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


def checkup_parts(checkup: "Checkup", *, styled: bool) -> Iterator[Stretch]:
    """The report on the data of a run. styled: mark what is learnt by colour, for a terminal."""
    brief = _brief(checkup)
    sections = [
        f"{checkup.task}: data for {checkup.model}",
        _files(checkup),
        _problems(checkup.problems, brief),
        _findings(checkup.findings, brief),
        _labels(checkup),
        _lengths(checkup.lengths),
        _numbers(dict(checkup.numbers)),
    ]
    yield "\n\n".join(section for section in sections if section), PLAIN
    yield from _samples(checkup, styled)
    yield f"\n\n{verdict(checkup)}", PLAIN


def verdict(checkup: "Checkup") -> str:
    """The last line: how many kinds of problem and of warning there are.

    >>> from llmcli.training.checkup.findings import Checkup, Finding
    >>> verdict(Checkup("", "", (), (), (Finding("cut", "rows are cut", 3),)))
    'no problem, 1 warning: see above'
    """
    there = [finding for finding in checkup.findings if finding.count]
    problems = sum(finding.is_problem for finding in there) + bool(checkup.problems)
    warnings = sum(not finding.is_problem for finding in there)
    if not problems and not warnings:
        return "no problem was found"
    counts = [_counted(problems, "problem")]
    counts += [_counted(warnings, "warning")] * bool(warnings)
    return f"{', '.join(counts)}: see above"


def _counted(count: int, word: str) -> str:
    return f"{count or 'no'} {word}{'s' * (count > 1)}"


def _brief(checkup: "Checkup") -> Callable[[str], str]:
    """What shortens a place to the file's name, where no two files are called the same."""
    paths = sorted({count.file for count in checkup.files}, key=len, reverse=True)
    names = {path: Path(path).name for path in paths}
    if len(set(names.values())) < len(names):
        return str

    def shorten(place: str) -> str:
        for path, name in names.items():
            place = place.replace(path, name)
        return place

    return shorten


def _files(checkup: "Checkup") -> str:
    rows = [
        [count.file, count.use, f"{count.rows:,}", f"{count.unusable:,}"] for count in checkup.files
    ]
    return plain_table(["file", "use", "rows", "unusable"], rows, right={2, 3})


def _problems(problems: "tuple[Problem, ...]", brief: Callable[[str], str]) -> str:
    if not problems:
        return ""
    lines = [f"cannot be used: {len(problems):,}"]
    for problem in problems[:SHOWN]:
        place = brief(f"{problem.file}, {problem.place}" if problem.place else problem.file)
        reason = with_flags(problem.reason)
        lines.append(f"  {place}: {reason}" if place else f"  {reason}")
    if len(problems) > SHOWN:
        lines.append(f"  ... and {len(problems) - SHOWN:,} more: --json has all")
    return "\n".join(lines)


def _findings(findings: "tuple[Finding, ...]", brief: Callable[[str], str]) -> str:
    lines = []
    there = [finding for finding in findings if finding.count]
    for finding in sorted(there, key=lambda finding: not finding.is_problem):
        lines.append(
            f"{'problem' if finding.is_problem else 'warning'}: {finding.count:,} "
            f"{with_flags(finding.text)}"
        )
        lines += [f"  {brief(place)}" for place in finding.places[:SHOWN_PLACES]]
        lines += ["  ..."] * (len(finding.places) > SHOWN_PLACES)
    none = [finding.kind.replace("_", " ") for finding in findings if not finding.count]
    if none:
        shown_text = f"looked for and not found: {', '.join(none)}"
        lines += textwrap.wrap(shown_text, LINE, subsequent_indent="  ")
    return "\n".join(lines)


def _labels(checkup: "Checkup") -> str:
    if not checkup.labels:
        return ""
    by_count = sorted(checkup.labels, key=lambda count: -count.train)
    shown = checkup.labels if len(by_count) <= SHOWN_LABELS else by_count[:SHOWN_LABELS]
    rows = [
        [
            count.label,
            f"{count.train:,}",
            f"{count.train_share:.1%}",
            f"{count.validation:,}",
            f"{count.validation_share:.1%}",
        ]
        for count in shown
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
    shown_text = ", ".join(f"{name} {value:,}" for name, value in lengths.quantiles.items())
    return "\n".join([*lines, f"  {shown_text}"])


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
        shown_text = f" from {rows:,} rows" if rows != count else ""
        lines.append(f"{use}: {count:,} {unit}{shown_text}, {tokens:,} tokens{more}")
    if "learnt_share" in numbers:
        lines.append(f"learnt: {numbers['learnt_share']:.1%} of the tokens")
    if "train_blocks" not in numbers:
        lines.append(f"limit: {numbers['limit']:,} tokens")
    return "\n".join(lines)


def _samples(checkup: "Checkup", styled: bool) -> Iterator[Stretch]:
    if checkup.samples:
        yield f"\n\n{checkup.samples_caption}", PLAIN
    for sample in checkup.samples:
        yield "\n  ", PLAIN
        last = len(sample) - 1
        for at, (text, learnt) in enumerate(sample):
            shown, style = _shown(text, learnt, styled)
            if not learnt:
                shown = shown.lstrip() if at == 0 else shown
                shown = shown.rstrip() if at == last else shown
            yield shown, style


def _shown(text: str, learnt: bool, styled: bool) -> Stretch:
    """A stretch of an example in one line."""
    line = text.replace("\r", "").replace("\n", "⏎")
    line = "".join(char if char.isprintable() else "�" for char in line)
    if not learnt:
        return line, PLAIN
    return (line, {"fg": "green", "bold": True}) if styled else (f"[[{line}]]", PLAIN)


def estimate_text(estimate: "Estimate") -> str:
    """What a run will take, for a person."""
    learnt = "all" if estimate.learnt == estimate.parameters else f"{estimate.learnt:,}"
    memory = "unknown" if estimate.memory is None else human_size(estimate.memory)
    where = "of the GPU" if estimate.device.startswith("cuda") else "of this process"
    batch = f"batch size {estimate.batch_size}"
    if estimate.gradient_accumulation_steps > 1:
        batch += f" x {estimate.gradient_accumulation_steps}"
    lines = {
        "model": estimate.model,
        "parameters": f"{estimate.parameters:,}, {learnt} learnt",
        "data": f"{estimate.examples:,} examples, {estimate.tokens:,} tokens; "
        f"{estimate.validation_examples:,} examples to validate",
        "steps": f"{estimate.steps:,} of {batch}: {estimate.steps_per_epoch:,} an epoch, "
        f"{estimate.epochs:.3g} epoch{'s' * (estimate.epochs != 1)}",
        "tokens a step": f"{estimate.tokens_per_step:,.0f}, the mean; {estimate.padding:.1%} of "
        "the places are padding",
        "speed": f"{estimate.tokens_per_second:,.0f} tokens/s on {estimate.device} in "
        f"{estimate.dtype}, measured in {estimate.steps_taken} "
        f"step{'s' * (estimate.steps_taken != 1)}",
        "time": f"about {clock(estimate.seconds)} for all steps: an estimate; validation and "
        "checkpoints are not counted",
        "memory": f"{memory} {where} at most in these steps",
        "disk": f"{human_size(estimate.disk_bytes)} at most: {estimate.checkpoints} checkpoints of "
        f"{human_size(estimate.checkpoint_bytes)} at once, "
        f"the model {human_size(estimate.model_bytes)}",
    }
    width = max(map(len, lines))
    return "\n".join(f"{name:<{width}}  {text}" for name, text in lines.items())
