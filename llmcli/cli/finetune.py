"""llmcli finetune: train a language model on text."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from llmcli.cli.options import gather, model_options
from llmcli.cli.types import POSITIVE, CommaList, Real
from llmcli.spec import DTYPES, TASKS, ModelSpec, TrainingSpec

if TYPE_CHECKING:
    from llmcli.core.training import Progress
    from llmcli.tasks.finetune import Trained

DEFAULTS = TrainingSpec(train=(), output="")

training_options = gather(
    TrainingSpec,
    "training",
    [
        click.option(
            "--task",
            type=click.Choice(TASKS),
            default=DEFAULTS.task,
            show_default=True,
            help="What to train for.",
        ),
        click.option(
            "--train",
            multiple=True,
            required=True,
            metavar="FILE",
            help="Text to learn: .txt (one document), .jsonl .csv .tsv (a row is one), "
            "also .gz or .xz. May be repeated.",
        ),
        click.option(
            "-o", "--output", required=True, metavar="DIR", help="Folder of the new model."
        ),
        click.option(
            "--from-scratch",
            metavar="CONFIG",
            help="Begin with a new model of this configuration (JSON), and a new tokenizer.",
        ),
        click.option(
            "--eval", multiple=True, metavar="FILE", help="Text to validate on. May be repeated."
        ),
        click.option(
            "--eval-fraction",
            type=Real(0, 0.5),
            help="Without --eval: hold out this much of the training text.",
        ),
        click.option(
            "--column",
            "columns",
            type=CommaList(),
            default=(),
            metavar="NAME[,NAME]",
            help="Fields with the texts.  [default: text; source,target; question,context]",
        ),
        click.option("--from-lang", metavar="LANG", help="translation: what is translated."),
        click.option("--to-lang", metavar="LANG", help="translation: into what."),
        click.option("--label-smoothing", type=Real(0, 1, max_open=True), default=0.0),
        click.option(
            "--block-size",
            type=click.IntRange(min=2),
            metavar="N",
            help="Tokens in one example.  [default: the model's context, 1024 at most]",
        ),
        click.option(
            "--batch-size",
            type=POSITIVE,
            help="Examples computed together.",
        ),
        click.option(
            "--gradient-accumulation-steps",
            type=POSITIVE,
            default=DEFAULTS.gradient_accumulation_steps,
            show_default=True,
            help="Batches before the weights change.",
        ),
        click.option(
            "--epochs",
            type=Real(min=0, min_open=True),
            help="Passes over the text.",
        ),
        click.option("--max-steps", type=POSITIVE, help="Steps to make, in place of --epochs."),
        click.option(
            "--learning-rate",
            "--lr",
            type=Real(min=0, min_open=True),
            help="Highest step size.  [default: 1e-3 from scratch, 5e-5 from a checkpoint]",
        ),
        click.option(
            "--warmup",
            type=Real(0, 1, max_open=True),
            default=DEFAULTS.warmup,
            show_default=True,
            help="Fraction of the steps in which the learning rate rises.",
        ),
        click.option(
            "--weight-decay",
            type=Real(min=0),
            default=DEFAULTS.weight_decay,
            show_default=True,
        ),
        click.option(
            "--beta2",
            type=Real(0, 1, max_open=True),
            default=DEFAULTS.beta2,
            show_default=True,
            help="AdamW's second decay rate.",
        ),
        click.option(
            "--max-grad-norm",
            type=Real(min=0),
            default=DEFAULTS.max_grad_norm,
            show_default=True,
            help="Clip gradients at this norm.",
        ),
        click.option(
            "--eval-steps",
            type=POSITIVE,
            help="Steps between validations.",
        ),
        click.option(
            "--save-steps",
            type=POSITIVE,
            default=DEFAULTS.save_steps,
            show_default=True,
            help="Steps between checkpoints.",
        ),
        click.option(
            "--save-total-limit",
            type=click.IntRange(min=2),
            default=DEFAULTS.save_total_limit,
            show_default=True,
            help="Checkpoints to keep.",
        ),
        click.option(
            "--log-steps",
            type=POSITIVE,
            default=DEFAULTS.log_steps,
            show_default=True,
            help="Steps between progress reports.",
        ),
        click.option(
            "--device",
            envvar="LLMCLI_DEVICE",
            default=DEFAULTS.device,
            show_default=True,
            help="auto, cpu, cuda or mps.",
        ),
        click.option(
            "--dtype",
            type=click.Choice(DTYPES),
            default=DEFAULTS.dtype,
            show_default=True,
            help="Arithmetic; auto is bfloat16 where the processor has it.",
        ),
        click.option(
            "--save-dtype",
            type=click.Choice([name for name in DTYPES if name != "auto"]),
            default=DEFAULTS.save_dtype,
            show_default=True,
            help="How the finished weights are stored.",
        ),
        click.option(
            "--seed", type=click.IntRange(0, 2**32 - 1), default=DEFAULTS.seed, show_default=True
        ),
        click.option("--resume", is_flag=True, help="Go on from the last checkpoint in DIR."),
    ],
)


@click.command()
@training_options
@model_options(default="", runs=False)
@click.option("-q", "--quiet", is_flag=True, help="Print the folder of the new model alone.")
def finetune(training: TrainingSpec, spec: ModelSpec, quiet: bool) -> None:
    """Train a causal language model: from a checkpoint (-m), or --from-scratch.

    Checkpoints are written as it runs. Ctrl-C saves one more; the same command with --resume
    goes on from there. All settings can stand in a YAML file.

    \b
      llmcli finetune -m gpt2 --train novel.txt -o my-gpt2
      llmcli finetune --from-scratch config.json --train stories.jsonl -o tiny --epochs 4
      llmcli finetune --config recipe.yaml -o tiny
    """
    source = click.get_current_context().get_parameter_source("model_id")
    if training.from_scratch and source is not ParameterSource.COMMANDLINE:
        spec = replace(spec, model_id="")  # a general setting, not meant for this run
    if bool(spec.model_id) == bool(training.from_scratch):
        raise click.UsageError("give either -m MODEL to start from, or --from-scratch CONFIG")
    from llmcli.tasks.finetune import finetune as run

    base = None if training.from_scratch else spec
    screen = _Screen(quiet)
    with _interruptible() as stop_asked, screen:
        result = run(
            training,
            base,
            report=screen.show,
            note=screen.note,
            should_stop=stop_asked,
        )
    screen.finish(result)


@contextmanager
def _interruptible() -> Iterator["_StopAsked"]:
    """The first Ctrl-C asks the run to save and stop; the second one breaks it off."""
    asked = _StopAsked()
    before = signal.signal(signal.SIGINT, asked.on_signal)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


class _StopAsked:
    def __init__(self) -> None:
        self._asked = False

    def __call__(self) -> bool:
        return self._asked

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        click.echo("\nsaving after this step; Ctrl-C again breaks off", err=True)


class _Screen:
    """Progress on stderr: one line that changes on a terminal, a line each in a log."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.live = sys.stderr.isatty()
        self._is_open = False  # a line was begun that the next one would be written over

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        if self._is_open:
            click.echo(err=True)

    def note(self, line: str) -> None:
        if not self.quiet:
            click.echo(line, err=True)

    def show(self, progress: "Progress") -> None:
        if self.quiet:
            return
        line = _line(progress)
        if self.live:
            ends = progress.eval_loss is not None or progress.step == progress.steps
            click.echo(f"\r\x1b[K{line}", nl=ends, err=True)
            self._is_open = not ends
        else:
            click.echo(line, err=True)

    def finish(self, result: "Trained") -> None:
        if result.perplexity is not None:
            self.note(f"perplexity on the held-out text: {result.perplexity:.2f}")
        click.echo(result.output)


def _line(progress: "Progress") -> str:
    parts = [f"step {progress.step}/{progress.steps}"]
    if progress.eval_perplexity is not None:
        parts.append(f"validation perplexity {progress.eval_perplexity:.2f}")
    if progress.loss is not None:
        parts += [
            f"loss {progress.loss:.3f}",
            f"lr {progress.learning_rate:.2e}",
            f"{progress.tokens_per_second:,.0f} tokens/s",
            f"{_clock(progress.seconds_left or 0)} left",
        ]
    return "  ".join(parts)


def _clock(seconds: float) -> str:
    """
    >>> _clock(3725)
    '1:02:05'
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
