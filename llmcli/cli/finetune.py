"""llmcli finetune: train a model on files, check the data, or estimate what a run takes."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click
from click.core import ParameterSource

from llmcli.cli.checkup import checkup_parts, estimate_text
from llmcli.cli.colours import PLAIN, has_colours
from llmcli.cli.command import Command
from llmcli.cli.options.gather import gather
from llmcli.cli.options.model import model_options
from llmcli.cli.options.training import files_options, lora_options, training_options
from llmcli.cli.output import Output
from llmcli.cli.training_screen import TrainingScreen
from llmcli.cli.types import INPUT_PATH, POSITIVE
from llmcli.errors import Interrupted, Terminated, UsageError
from llmcli.spec import FileOptions, Format, ModelSpec, OutputOptions
from llmcli.spec.training import LoraOptions, Training
from llmcli.system import signals
from llmcli.system.processes import end_with_parent, is_first, is_one_of_several

FORMS: tuple[Format, ...] = ("text", "json")


@dataclass(frozen=True, slots=True)
class Mode:
    """What the command does with the settings, and what it prints."""

    nproc: int
    check: bool
    dry_run: bool
    quiet: bool
    as_json: bool


mode_options = gather(
    Mode,
    "mode",
    [
        click.option(
            "--nproc",
            type=POSITIVE,
            default=1,
            metavar="N",
            help="Run in N processes on this machine, each with its own --batch-size.",
        ),
        click.option("-q", "--quiet", is_flag=True, help="Print only the folder of the new model."),
        click.option(
            "--check", is_flag=True, help="Examine the data and report all problems; train nothing."
        ),
        click.option(
            "--dry-run", is_flag=True, help="Make three steps in memory and estimate the whole run."
        ),
        click.option("--json", "as_json", is_flag=True, help="With these two: print JSON."),
    ],
)


@click.command(cls=Command)
@click.argument("data", nargs=-1, type=INPUT_PATH, metavar="[FILE]...")
@training_options
@files_options
@lora_options
@model_options(default="", runs=False, reads=False)
@mode_options
def finetune(
    training: Training,
    files: FileOptions,
    adapters: LoraOptions,
    model: ModelSpec,
    mode: Mode,
    data: tuple[str, ...],
) -> None:
    """Train a model on your files: from a checkpoint (-m), or --from-scratch.

    Language models, classifiers, taggers, models that rate, answer, fill in or translate.
    Checkpoints are written as it runs. Ctrl-C saves another one; the same command with --resume
    continues from there. All settings can stand in a YAML file.

    \b
      llmcli finetune -m gpt2 --train novel.txt -o my-gpt2
      llmcli finetune -m bert-base-uncased --task classification --train mails.csv -o sorter
      llmcli finetune --from-scratch config.json --train stories.jsonl -o tiny --epochs 4
      llmcli finetune --config recipe.yaml -o tiny
      llmcli finetune -m gpt2 --train novel.txt --check
    """
    if mode.check and mode.dry_run:
        raise UsageError("give --check or --dry-run, one at a time")
    if mode.as_json and not (mode.check or mode.dry_run):
        raise UsageError("--json goes with --check and --dry-run")
    training = replace(training, files=files, adapters=adapters, task=training.task or "")
    training = _with_data(training, data)
    base = model if _is_meant(model, training) else None
    form: Format = "json" if mode.as_json else "text"
    out = Output(OutputOptions(form, quiet=mode.quiet or not is_first()), FORMS)
    if mode.check:
        _check(training, base, out)
    elif mode.dry_run:
        _dry_run(training, base, out)
    elif mode.nproc > 1 and not is_one_of_several():
        _launch(mode.nproc, out)
    else:
        _train(training, base, out)


def _with_data(training: Training, files: tuple[str, ...]) -> Training:
    """The settings with files that are named without a flag, which are training data."""
    if not files:
        return training
    if training.train or training.parts:
        raise UsageError(f"{files[0]}: name all training data by --train, or all without a flag")
    if Path(files[0]).suffix in (".yaml", ".yml", ".cfg", ".toml"):
        raise UsageError(f"{files[0]}: a file with settings is given by --config FILE (YAML)")
    if not Path(files[0]).exists():
        raise UsageError(f"{files[0]}: no such file; a model is named by -m, data by --train")
    return replace(training, train=files)


def _is_meant(model: ModelSpec, training: Training) -> bool:
    """False without a name, and for one of the environment or a config file with --from-scratch."""
    source = click.get_current_context().get_parameter_source("model_id")
    is_named_here = source is ParameterSource.COMMANDLINE
    return bool(model.model_id) and (is_named_here or not training.from_scratch)


def _train(training: Training, base: ModelSpec | None, out: Output) -> None:
    from llmcli.cli.next_command import next_commands
    from llmcli.tasks.finetune import completed, pipeline_tags
    from llmcli.tasks.finetune import finetune as run

    if is_one_of_several():
        end_with_parent()
    with TrainingScreen(out) as screen, _interruptible(out) as stop_asked:
        training, base = completed(training, base, on_event=screen.show)
        result = run(training, base, on_event=screen.show, should_stop=stop_asked)
    if is_first():
        screen.finish(result)
        for command in next_commands(pipeline_tags(training), training):
            out.say(f"use it: {command}")


def _check(training: Training, base: ModelSpec | None, out: Output) -> None:
    from llmcli.tasks.finetune import check

    with TrainingScreen(out) as screen:
        result = check(training, base, on_event=screen.show)
    if out.format == "json":
        out.line(json.dumps(result.to_dict(), ensure_ascii=False))
    else:
        styled = has_colours(sys.stdout)
        for at, checkup in enumerate(result.checkups):
            gap = "\n\n\n" if at else ""
            out.styled([(gap, PLAIN), *checkup_parts(checkup, styled=styled)])
        out.line()
    if not result.is_sound:
        click.get_current_context().exit(1)


def _dry_run(training: Training, base: ModelSpec | None, out: Output) -> None:
    from llmcli.tasks.finetune import dry_run

    with TrainingScreen(out) as screen:
        result = dry_run(training, base, on_event=screen.show)
    out.line(json.dumps(result.to_dict()) if out.format == "json" else estimate_text(result))


def _launch(count: int, out: Output) -> None:
    from llmcli.cli.launch_processes import launch

    code, errors = launch(sys.argv[1:], count)
    out.warn(errors)
    sys.exit(code)


@contextmanager
def _interruptible(out: Output) -> Iterator["_StopAsked"]:
    """The first Ctrl-C or SIGTERM asks the run to save and stop; the second one aborts it.

    Before the first step there is nothing to save: there, the first one aborts it.
    Raises Terminated in the place of Interrupted for what is not a Ctrl-C.
    """
    asked = _StopAsked(out)
    try:
        with signals.asking(asked.on_signal, lambda: asked.has_begun and asked.number is None):
            yield asked
    except Interrupted as error:
        if asked.number in (None, signal.SIGINT):
            raise
        raise Terminated(str(error)) from None


class _StopAsked:
    """True when called after a signal."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self.number: int | None = None
        """Of the signal."""
        self.has_begun = False
        """A step has been made."""

    def __call__(self) -> bool:
        self.has_begun = True
        return self.number is not None

    def on_signal(self, number: int) -> None:
        """Take a signal."""
        if self.number is not None:
            return
        self.number = number
        self._out.warn("saving after this step; Ctrl-C again aborts at once")
