"""llmcli finetune: train a language model on text."""

import json
import math
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from llmcli.cli.checkup import checkup_text, clock, estimate_text
from llmcli.cli.flags import with_flags
from llmcli.cli.options.gather import Option, gather
from llmcli.cli.options.model import model_options
from llmcli.cli.types import POSITIVE, CommaList, Real
from llmcli.spec import DTYPES, ModelSpec
from llmcli.spec.training import SCHEDULES, LoraOptions, Training
from llmcli.training.distributed import is_first
from llmcli.training.objectives import task_names
from llmcli.training.results import Note

if TYPE_CHECKING:
    from llmcli.training.results import Event, Finetuned, Progress

OF_TOKENS = ("causal-lm", "masked-lm", "translation", "seq2seq")
DEFAULTS = Training(train=(), output="")


def _number(
    *names: str, help: str, metavar: str = "N", type: click.ParamType[Any] = POSITIVE
) -> Option:
    """A number whose usual value depends on the task, so that no default is shown."""
    return click.option(*names, type=type, metavar=metavar, help=help)


def _with_default(name: str, type: click.ParamType[Any], help: str, *more: str) -> Option:
    """An option with the default of the training spec."""
    default = getattr(DEFAULTS, name.removeprefix("--").replace("-", "_"))
    return click.option(name, *more, type=type, default=default, show_default=True, help=help)


data_options: list[Option] = [
    click.option(
        "--task",
        type=click.Choice(task_names()),
        default=DEFAULTS.task,
        show_default=True,
        help="What to train for.",
    ),
    click.option(
        "--train",
        multiple=True,
        metavar="FILE",
        help="What to learn from: .txt (one document), .jsonl .csv .tsv .parquet, SQuAD's .json, "
        "also .gz or .xz. May be repeated.",
    ),
    click.option(
        "--parts",
        metavar="FILE",
        help="Learn several tasks on one body: a YAML list of them, in place of --train.",
    ),
    click.option("-o", "--output", metavar="DIR", default="", help="Folder of the new model."),
    click.option(
        "--from-scratch",
        metavar="CONFIG",
        help="Begin with a new model of this configuration (JSON), and a new tokenizer.",
    ),
    click.option(
        "--eval", multiple=True, metavar="FILE", help="What to validate on. May be repeated."
    ),
    _number(
        "--eval-fraction",
        type=Real(0, 0.5),
        metavar="X",
        help="Without --eval: hold out this much of the training rows.  [default: 0.1; of text, "
        "0.01]",
    ),
    click.option(
        "--column",
        "columns",
        type=CommaList(),
        default=(),
        metavar="NAME[,NAME]",
        help="Fields with the texts.  [default: text; tokens; source,target]",
    ),
    click.option(
        "--label-column", metavar="NAME", help="Field with the label.  [default: label; ner_tags]"
    ),
    click.option("--multi-label", is_flag=True, help="A text has any number of labels."),
    click.option(
        "--chat",
        is_flag=True,
        help="causal-lm: rows have messages, or a prompt and a completion; the answers alone are "
        "learnt.",
    ),
    click.option("--from-lang", metavar="LANG", help="translation: the source's language."),
    click.option("--to-lang", metavar="LANG", help="translation: the target's language."),
    click.option("--prefix", default="", metavar="TEXT", help="seq2seq: goes before each source."),
    _number(
        "--block-size",
        "--max-length",
        type=click.IntRange(min=2),
        help="Tokens in one example.  [default: what the model takes, up to a usual number]",
    ),
    _with_default("--mask-fraction", Real(0, 1, min_open=True), "masked-lm: tokens to guess."),
]
step_options: list[Option] = [
    _number("--batch-size", help="Examples computed together.  [default: 32; of text, 8]"),
    _with_default("--gradient-accumulation-steps", POSITIVE, "Batches before the weights change."),
    _number(
        "--epochs",
        type=Real(min=0, min_open=True),
        metavar="X",
        help="Passes over the data.  [default: 3; of text, 1]",
    ),
    click.option("--max-steps", type=POSITIVE, help="Steps to make, in place of --epochs."),
    _number(
        "--learning-rate",
        "--lr",
        type=Real(min=0, min_open=True),
        metavar="X",
        help="Highest step size.  [default: 1e-3 from scratch, 5e-5 or 1e-4 from a checkpoint]",
    ),
    _with_default("--schedule", click.Choice(SCHEDULES), "How the step size falls."),
    _with_default(
        "--warmup", Real(0, 1, max_open=True), "Fraction of the steps in which it rises."
    ),
    _with_default("--weight-decay", Real(min=0), "AdamW's pull towards zero."),
    _with_default("--beta2", Real(0, 1, max_open=True), "AdamW's second decay rate."),
    _with_default("--max-grad-norm", Real(min=0), "Clip gradients at this norm."),
    _with_default(
        "--label-smoothing", Real(0, 1, max_open=True), "Spread this much over other labels."
    ),
    click.option(
        "--class-weights",
        type=CommaList(),
        default=(),
        metavar="W",
        help="balanced, or LABEL=WEIGHT,LABEL=WEIGHT,...",
    ),
    click.option(
        "--freeze",
        type=CommaList(),
        default=(),
        metavar="WHAT",
        help="Leave as it is: body, embeddings, a number of lower layers, or parts of names.",
    ),
    click.option(
        "--init-from", metavar="MODEL", help="Take weights that would be new from this model."
    ),
    click.option(
        "--group-by-length/--no-group-by-length",
        default=True,
        help="Put examples of like length together.  [default: on]",
    ),
]
check_options: list[Option] = [
    _number("--eval-steps", help="Steps between validations.  [default: a tenth of all]"),
    _number("--early-stopping", help="Stop after N validations without a better result."),
    click.option(
        "--best-metric",
        metavar="NAME",
        help="What the best checkpoint is told by.  [default: loss, accuracy or f1]",
    ),
    _with_default("--save-steps", POSITIVE, "Steps between checkpoints."),
    _with_default(
        "--save-total-limit", click.IntRange(min=2), "Checkpoints to keep, beside the best."
    ),
    _with_default("--log-steps", POSITIVE, "Steps between progress reports."),
    click.option(
        "--device",
        envvar="LLMCLI_DEVICE",
        default=DEFAULTS.device,
        show_default=True,
        help="auto, cpu, cuda or mps.",
    ),
    _with_default(
        "--dtype",
        click.Choice(DTYPES),
        "Arithmetic; auto is bfloat16 where the processor has it.",
    ),
    _with_default(
        "--save-dtype",
        click.Choice([name for name in DTYPES if name != "auto"]),
        "How the finished weights are stored.",
    ),
    _with_default("--seed", click.IntRange(0, 2**32 - 1), "Of all that is drawn at random."),
    click.option(
        "--fsdp", is_flag=True, help="Of several processes, each holds a part of the weights."
    ),
    click.option("--resume", is_flag=True, help="Go on from the last checkpoint in DIR."),
]
training_options = gather(Training, "training", data_options + step_options + check_options)

LORA = LoraOptions()
lora_options = gather(
    LoraOptions,
    "adapters",
    [
        click.option("--lora", is_flag=True, help="Learn low-rank adapters, not all weights."),
        click.option(
            "--lora-rank",
            type=POSITIVE,
            default=LORA.lora_rank,
            show_default=True,
            metavar="N",
            help="Numbers that each of them passes on: more can learn more.",
        ),
        click.option(
            "--lora-alpha",
            type=Real(min=0, min_open=True),
            metavar="X",
            help="Their scale is alpha / rank.  [default: twice the rank]",
        ),
        click.option(
            "--lora-dropout",
            type=Real(0, 1, max_open=True),
            default=LORA.lora_dropout,
            show_default=True,
            help="Leave out this much of their input while they learn.",
        ),
        click.option(
            "--lora-targets",
            type=CommaList(),
            default=(),
            metavar="NAME,...",
            help="Layers that get one.  [default: all linear layers of the body]",
        ),
        click.option(
            "--merge", is_flag=True, help="Save a whole model with the adapters added in."
        ),
    ],
)


@click.command()
@training_options
@lora_options
@model_options(default="", runs=False)
@click.option(
    "--nproc",
    type=POSITIVE,
    default=1,
    metavar="N",
    help="Run in N processes on this machine; --batch-size is of each.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print the folder of the new model alone.")
@click.option(
    "--check", is_flag=True, help="Examine the data, tell all that is wrong; train nothing."
)
@click.option(
    "--dry-run", is_flag=True, help="Take three steps in memory, and tell what a run takes."
)
@click.option("--json", "as_json", is_flag=True, help="With these two: print JSON.")
def finetune(
    training: Training,
    adapters: LoraOptions,
    model: ModelSpec,
    nproc: int,
    quiet: bool,
    check: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train a model on your files: from a checkpoint (-m), or --from-scratch.

    Language models, classifiers, taggers, models that answer, fill in or translate. Checkpoints
    are written as it runs. Ctrl-C saves one more; the same command with --resume goes on from
    there. All settings can stand in a YAML file.

    \b
      llmcli finetune -m gpt2 --train novel.txt -o my-gpt2
      llmcli finetune -m bert-base-uncased --task classification --train mails.csv -o sorter
      llmcli finetune --from-scratch config.json --train stories.jsonl -o tiny --epochs 4
      llmcli finetune --config recipe.yaml -o tiny
      llmcli finetune -m gpt2 --train novel.txt --check
    """
    training = replace(training, adapters=adapters)
    if check and dry_run:
        raise click.UsageError("give --check or --dry-run, one at a time")
    if as_json and not (check or dry_run):
        raise click.UsageError("--json goes with --check and --dry-run")
    source = click.get_current_context().get_parameter_source("model_id")
    if training.from_scratch and source is not ParameterSource.COMMANDLINE:
        model = replace(model, model_id="")  # a general setting, not meant for this run
    base = model if model.model_id else None
    screen = _Screen(quiet, of_tokens=training.task in OF_TOKENS and not training.parts)
    if check or dry_run:
        (_check if check else _estimate)(training, base, screen, as_json)
        return
    if nproc > 1 and "RANK" not in os.environ:
        from llmcli.cli.launching import launch

        sys.exit(launch(sys.argv[1:], nproc))
    from llmcli.tasks.finetune import finetune as run

    with _interruptible() as stop_asked, screen:
        result = run(
            training,
            base,
            on_event=screen.take,
            should_stop=stop_asked,
        )
    screen.finish(result)


def _check(training: Training, base: ModelSpec | None, screen: "_Screen", as_json: bool) -> None:
    from llmcli.tasks.finetune import check

    result = check(training, base, on_event=screen.take)
    if as_json:
        click.echo(json.dumps(result.to_dict(), ensure_ascii=False))
    else:
        styled = sys.stdout.isatty()
        texts = [checkup_text(checkup, styled=styled) for checkup in result.checkups]
        click.echo("\n\n\n".join(texts))
    if not result.is_sound:
        click.get_current_context().exit(1)


def _estimate(training: Training, base: ModelSpec | None, screen: "_Screen", as_json: bool) -> None:
    from llmcli.tasks.finetune import dry_run

    result = dry_run(training, base, on_event=screen.take)
    click.echo(json.dumps(result.to_dict()) if as_json else estimate_text(result))


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

    def __init__(self, quiet: bool, of_tokens: bool) -> None:
        """of_tokens: the loss is of tokens, so that it has a perplexity."""
        self.speaks = is_first()
        self.quiet, self.of_tokens = quiet or not self.speaks, of_tokens
        self.live = sys.stderr.isatty()
        self._is_open = False  # a line was begun that the next one would be written over

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        if self._is_open:
            click.echo(err=True)

    def take(self, event: "Event") -> None:
        if isinstance(event, Note):
            self.note(event.text)
        else:
            self.show(event)

    def note(self, line: str) -> None:
        if not self.quiet:
            click.echo(with_flags(line), err=True)

    def show(self, progress: "Progress") -> None:
        if self.quiet:
            return
        line = _line(progress, self.of_tokens)
        if self.live:
            ends = progress.eval_loss is not None or progress.step == progress.steps
            click.echo(f"\r\x1b[K{line}", nl=ends, err=True)
            self._is_open = not ends
        else:
            click.echo(line, err=True)

    def finish(self, result: "Finetuned") -> None:
        if self.speaks:
            self._draw(result)
            if result.metrics:
                shown = _metrics(result.metrics["loss"], result.metrics, self.of_tokens)
                self.note(f"on the held-out data: {shown}")
            click.echo(result.output)

    def _draw(self, result: "Finetuned") -> None:
        """The loss curve, where there is more than a point."""
        from llmcli.training.curves import chart

        training = result.curves.training
        if len(training) > 2 and not self.quiet:
            width = min(60, shutil.get_terminal_size().columns - 10)
            self.note("loss, over the steps:")
            for line in chart(training, width):
                self.note(line.rstrip())


def _line(progress: "Progress", of_tokens: bool) -> str:
    parts = [f"step {progress.step}/{progress.steps}"]
    if progress.eval_loss is not None:
        parts.append(f"validation: {_metrics(progress.eval_loss, progress.metrics, of_tokens)}")
    if progress.loss is not None:
        parts += [
            f"loss {progress.loss:.3f}",
            f"lr {progress.learning_rate:.2e}",
            f"{progress.tokens_per_second:,.0f} tokens/s",
            f"{clock(progress.seconds_left or 0)} left",
        ]
    return "  ".join(parts)


def _metrics(loss: float, metrics: dict[str, float], of_tokens: bool) -> str:
    """
    >>> _metrics(1.0, {"accuracy": 0.5}, of_tokens=False)
    'loss 1.000, accuracy 0.500'
    >>> _metrics(1.0, {}, of_tokens=True)
    'loss 1.000, perplexity 2.72'
    """
    parts = [f"loss {loss:.3f}"]
    if of_tokens:
        parts.append(f"perplexity {math.exp(min(loss, 700)):.2f}")
    own = [(name.replace("_", " "), value) for name, value in metrics.items() if name != "loss"]
    return ", ".join(parts + [f"{name} {value:.3f}" for name, value in own])
