"""llmcli compare: two models on the same rows."""

from dataclasses import asdict
from typing import Any

import click

from llmcli.cli.evaluate import plan_of, shared_options
from llmcli.cli.options.model import model_options
from llmcli.cli.output import Output
from llmcli.cli.predicting import BaselineSpec
from llmcli.cli.reporting import comparison_text
from llmcli.errors import UsageError
from llmcli.spec import ModelSpec


@click.command()
@click.argument("a")
@click.argument("b")
@shared_options
@model_options(named=False)
@click.option(
    "--rows",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    metavar="N",
    help="Show the N rows that changed most.",
)
def compare(a: str, b: str, model: ModelSpec, rows: int, out: Output, **shared: Any) -> None:
    """Compare two models, or two files of predictions, on the same rows.

    A and B are each a model, as -m takes it, or a file as llmcli evaluate --predictions takes it.
    Every metric of both is told, and the difference with a 95% interval, the same rows being drawn
    for both; where rows are right or wrong, McNemar's exact test; and the rows that changed.

    \b
      llmcli compare --task classification my-sentiment my-other -i dev.jsonl
      llmcli compare --task translation old.jsonl new.jsonl --target-column fr --rows 20
      llmcli compare --task causal-lm gpt2 distilgpt2 -i wiki.txt
    """
    plan = plan_of(model, BaselineSpec(), shared)
    if plan.data.input == "-":
        raise UsageError("both models read the rows, and stdin can be read once: give a file")
    from llmcli.cli.predictors import predictions_of

    first, second = (predictions_of(plan, name, out) for name in (a, b))
    for one in (first, second):
        one.report(out)
    from llmcli.tasks.compare import compare as run

    labels = tuple(dict.fromkeys([*first.labels, *second.labels]))
    result = run(first.examples, second.examples, plan.options, labels, rows)
    record = {
        "task": result.task,
        "a": first.name,
        "b": second.name,
        "input": plan.data.input or first.name,
        "rows": result.rows,
        "unit": first.unit,
        "metrics": {one.name: _without_name(asdict(one)) for one in result.differences},
        "bootstrap": plan.options.bootstrap,
        "seed": plan.options.seed,
        "mcnemar": asdict(result.mcnemar) if result.mcnemar is not None else None,
        "became_right": result.became_right,
        "became_wrong": result.became_wrong,
        "better": result.better,
        "worse": result.worse,
        "changed": [asdict(one) for one in result.changed],
    }
    with out.records(comparison_text) as writer:
        writer.write(record)
    first.check()
    second.check()


def _without_name(difference: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in difference.items() if key != "name"}
