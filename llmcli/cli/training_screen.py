"""Progress of a training run on stderr: a line that changes on a terminal, many in a log."""

import shutil
from contextlib import ExitStack

from llmcli.cli.output import Output
from llmcli.cli.progress import clock
from llmcli.tasks.finetune import Event, Finetuned, Note, Progress

Points = list[tuple[int, float]]
BLOCKS = " ▁▂▃▄▅▆▇█"


class TrainingScreen:
    """Shows the events of a run on stderr, and its result."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._waiting = ExitStack()

    def __enter__(self) -> "TrainingScreen":
        self._waiting.enter_context(self._out.waiting("loading"))
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.close()
        self._out.end_status()

    def show(self, event: Event) -> None:
        """Show one event."""
        self._waiting.close()
        if isinstance(event, Note):
            self._out.say(event.text)
        else:
            stays = event.eval_loss is not None or event.step == event.steps
            self._out.status(_line(event), stays=stays)

    def finish(self, result: Finetuned) -> None:
        """Show the loss curve, if it has more than a few points, and print the folder."""
        if len(result.curves.training) > 2:
            width = min(60, shutil.get_terminal_size().columns - 10)
            self._out.say("loss, over the steps:")
            for line in chart(result.curves.training, width):
                self._out.say(line.rstrip())
        if result.metrics:
            shown = _metrics(result.metrics["loss"], result.metrics, result.perplexity)
            self._out.say(f"on the held-out data: {shown}")
        self._out.line(result.output)


def _line(progress: Progress) -> str:
    parts = [f"step {progress.step}/{progress.steps}"]
    if progress.eval_loss is not None:
        shown = _metrics(progress.eval_loss, progress.metrics, progress.perplexity)
        parts.append(f"validation: {shown}")
    if progress.loss is not None:
        parts += [
            f"loss {progress.loss:.3f}",
            f"lr {progress.learning_rate:.2e}",
            f"{progress.tokens_per_second:,.0f} tokens/s",
            f"{clock(progress.seconds_left or 0)} left",
        ]
    return "  ".join(parts)


def _metrics(loss: float, metrics: dict[str, float], perplexity: float | None) -> str:
    """
    >>> _metrics(1.0, {"accuracy": 0.5}, None)
    'loss 1.000, accuracy 0.500'
    >>> _metrics(1.0, {}, 2.71828)
    'loss 1.000, perplexity 2.72'
    """
    parts = [f"loss {loss:.3f}"]
    if perplexity is not None:
        parts.append(f"perplexity {perplexity:.2f}")
    own = [(name.replace("_", " "), value) for name, value in metrics.items() if name != "loss"]
    return ", ".join(parts + [f"{name} {value:.3f}" for name, value in own])


def chart(points: Points, width: int, height: int = 8) -> list[str]:
    """Lines of a bar chart: the mean of the points in each of `width` stretches of steps.

    It reaches from the lowest of these means to the highest one.

    >>> chart([(1, 4.0), (2, 2.0), (3, 1.0)], width=3, height=2)
    ['4.00 █  ', '1.00 █▆▁']
    """
    if not points:
        return []
    means = _means(points, min(width, len(points)))
    low, high = min(means), max(means)
    span = high - low or 1.0
    eighths = [1 + round((8 * height - 1) * (mean - low) / span) for mean in means]
    lines = []
    for row in reversed(range(height)):
        bars = "".join(BLOCKS[min(8, max(0, size - 8 * row))] for size in eighths)
        label = f"{high:.2f}" if row == height - 1 else f"{low:.2f}" if row == 0 else ""
        lines.append(f"{label:>{len(f'{high:.2f}')}} {bars}")
    return lines


def _means(points: Points, width: int) -> list[float]:
    """The mean of the points in each column; one without points repeats the column before."""
    first, last = points[0][0], points[-1][0]
    columns: list[list[float]] = [[] for _ in range(width)]
    for step, value in points:
        columns[(step - first) * width // (last - first + 1)].append(value)
    means: list[float] = []
    for column in columns:
        means.append(sum(column) / len(column) if column else means[-1])
    return means
