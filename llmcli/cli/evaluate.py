"""llmcli evaluate: how good a model's predictions are."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from llmcli.cli.options.gather import Command, gather
from llmcli.cli.options.model import model_options
from llmcli.cli.options.output import output_options
from llmcli.cli.output import Output
from llmcli.cli.predicting import COMMANDS, BaselineSpec, Data, Plan, from_file, with_model
from llmcli.cli.reporting import evaluation_text
from llmcli.cli.running import announce_default, is_named_here
from llmcli.cli.types import POSITIVE, BatchSize
from llmcli.data.records import Record
from llmcli.errors import UsageError
from llmcli.spec import BatchOptions, Format, ModelSpec
from llmcli.spec.tasks import EVALUATION_TASKS, EvaluateOptions, PerplexityOptions, TranslateOptions
from llmcli.system.extras import require_extra

if TYPE_CHECKING:
    from llmcli.cli.predicting import Predictions
    from llmcli.evaluation.report import Measure
    from llmcli.tasks.evaluate import Evaluation

FORMS: tuple[Format, ...] = ("text", "json", "jsonl")


class LabelMap(click.ParamType):  # type: ignore[type-arg]  # generic in new releases alone
    """What labels are called, as in 0=negative,1=positive."""

    name = "labels"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        pairs = [one.partition("=") for one in value.split(",")]
        found = tuple((old.strip(), new.strip()) for old, _, new in pairs)
        olds = [old for old, _ in found]
        if any(not old or not new for old, new in found) or len(set(olds)) < len(olds):
            self.fail(f"{value!r}: write it as 0=negative,1=positive", param, ctx)
        return found


def _require_task(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    if value is None:  # click's own message takes a line for each
        raise click.UsageError(f"name the task by --task: {', '.join(EVALUATION_TASKS)}")
    return value


data_options = gather(
    Data,
    "data",
    [
        click.option(
            "-i",
            "--input",
            metavar="FILE",
            help="Rows with what is right: .jsonl, .csv, .tsv, .parquet, SQuAD's .json; "
            "for causal-lm, .txt or stdin (-) is one text.",
        ),
        click.option(
            "--column",
            "columns",
            multiple=True,
            metavar="NAME",
            help="Field with the text; twice for pairs.  [default: text; question and context; "
            "query and text]",
        ),
        click.option("--limit", type=POSITIVE, metavar="N", help="Evaluate the first N rows only."),
    ],
)
how_options = gather(
    EvaluateOptions,
    "options",
    [
        click.option(
            "--task",
            type=click.Choice(EVALUATION_TASKS),
            callback=_require_task,
            help="What the model does.  [required]",
        ),
        click.option(
            "--label-column",
            "--target-column",
            "label_column",
            metavar="NAME",
            help="Field with what is right.  [default: label, tags, answers or answer, target; "
            "with it, embedding measures similarity, else retrieval]",
        ),
        click.option(
            "--prediction-column",
            metavar="NAME",
            help="Field of saved predictions.  [default: label, predicted_tags, answer, "
            "translation, similarity]",
        ),
        click.option(
            "--label-map",
            type=LabelMap(),
            default=(),
            metavar="OLD=NEW,..",
            help="What the model calls the labels of FILE, as in 0=negative,1=positive.",
        ),
        click.option(
            "--bootstrap",
            type=click.IntRange(min=0),
            default=1000,
            show_default=True,
            metavar="N",
            help="Samples for the 95% intervals; 0: none.",
        ),
        click.option(
            "--seed",
            type=click.IntRange(0, 2**32 - 1),
            default=0,
            show_default=True,
            metavar="N",
            help="Of those samples.",
        ),
        click.option(
            "--bleu-tokenize",
            type=click.Choice(["13a", "zh", "char", "intl", "none"]),
            help="How sacrebleu finds words.  [default: zh with -t zh, else 13a]",
        ),
        click.option(
            "--characters",
            is_flag=True,
            help="Question answering: F1 of characters, for Chinese and the like, not of words.",
        ),
    ],
)
perplexity_options = gather(
    PerplexityOptions,
    "perplexity",
    [
        click.option(
            "--block-size",
            type=click.IntRange(min=2),
            metavar="N",
            help="Perplexity: tokens read at once.  [default: the model's context, 1024 at most]",
        ),
        click.option(
            "--stride",
            type=POSITIVE,
            metavar="N",
            help="Tokens scored at once, after those of the block before them.  [default: half]",
        ),
        click.option(
            "--bos/--no-bos",
            default=None,
            help="Score the first token, too, after the model's token for the beginning.  "
            "[default: if it has one]",
        ),
    ],
)
language_options = gather(
    TranslateOptions,
    "translate",
    [
        click.option("-f", "--from-lang", metavar="LANG", help="Translation: from this language."),
        click.option("-t", "--to-lang", metavar="LANG", help="Translation: into this one."),
    ],
)
batch_option = gather(
    BatchOptions,
    "batch",
    [
        click.option(
            "--batch-size",
            type=BatchSize(),
            metavar="N",
            help="Texts run together.  [default: auto, as many as fill a budget of tokens]",
        )
    ],
)


def shared_options(command: Command) -> Command:
    """Add what evaluate and compare share; pass on `data`, `how`, `perplexity` and so on."""
    command = output_options(FORMS)(command)
    for add in (batch_option, language_options, perplexity_options, how_options, data_options):
        command = add(command)
    return command


@click.command()
@shared_options
@model_options()
@click.option(
    "--predictions",
    metavar="FILE",
    help="Evaluate what llmcli classify, answer or translate wrote; no model is loaded. "
    "What is right is in its rows, or in --input.",
)
@click.option(
    "--by",
    multiple=True,
    metavar="COLUMN",
    help="Measure rows apart by this column, or by length. May be repeated.",
)
@click.option(
    "--mistakes",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    metavar="N",
    help="Show the N mistakes that the model was surest of, or the N worst rows.",
)
@gather(
    BaselineSpec,
    "baseline",
    [
        click.option(
            "--baseline",
            type=click.Choice(["ngram"]),
            help="Perplexity: show that of n-grams (Kneser-Ney) of the same tokens beside it.",
        ),
        click.option(
            "--baseline-train",
            metavar="FILE",
            help="Text to learn the n-grams from.  [default: the other four fifths of --input]",
        ),
        click.option(
            "--ngram-order",
            type=click.IntRange(2, 6),
            default=3,
            show_default=True,
            metavar="N",
            help="Tokens of an n-gram.",
        ),
    ],
)
def evaluate(
    model: ModelSpec,
    predictions: str | None,
    baseline: BaselineSpec,
    out: Output,
    **shared: Any,
) -> None:
    """Measure how good a model is on rows whose answers are known.

    Perplexity; accuracy, F1 and calibration; entities; exact match and F1 of answers; BLEU and
    chrF; retrieval and similarity: each with a 95% interval, by bootstrap over the rows. The
    predictions are those of classify, answer, translate and embed.

    \b
      llmcli evaluate --task causal-lm -m gpt2 -i wiki.txt --stride 512 --baseline ngram
      llmcli evaluate --task classification -m my-sentiment -i dev.jsonl --by length
      llmcli evaluate --task question-answering -m my-squad -i dev.json --mistakes 10
      llmcli translate -f en -t fr -i dev.csv --column en -o out.jsonl
      llmcli evaluate --task translation --predictions out.jsonl --target-column fr
      llmcli evaluate --task embedding -m minilm -i pairs.csv --column a --column b --json
    """
    plan = plan_of(model, baseline, shared)
    if baseline.baseline_train is not None and baseline.baseline is None:
        raise UsageError("--baseline-train goes with --baseline ngram")
    if baseline.baseline_train == "-" == plan.data.input:
        raise UsageError("--input and --baseline-train cannot both read stdin")
    if predictions is None:
        plan = with_model(plan)
        if plan.options.task in COMMANDS:  # another is refused below
            announce_default(plan.model, out, COMMANDS[plan.options.task])
        from llmcli.cli.predictors import from_model

        found = from_model(plan, out)
    else:
        if is_named_here():
            raise UsageError("--predictions loads no model: leave out -m")
        found = from_file(plan, predictions)
    found.report(out)
    from llmcli.tasks.evaluate import evaluate as run

    result = run(found.examples, plan.options, found.labels, found.baseline)
    with out.records(evaluation_text) as writer:
        writer.write(_record(result, found, plan))
    found.check()


def plan_of(model: ModelSpec, baseline: BaselineSpec, shared: dict[str, Any]) -> Plan:
    """The plan of a command. Raises UsageError for options that do not go with its task."""
    from dataclasses import replace

    options: EvaluateOptions = shared["options"]
    translate: TranslateOptions = shared["translate"]
    perplexity: PerplexityOptions = shared["perplexity"]
    if options.task != "causal-lm" and (baseline.baseline or perplexity != PerplexityOptions()):
        raise UsageError("--baseline, --block-size, --stride and --bos go with --task causal-lm")
    if options.task != "translation" and (translate != TranslateOptions() or options.bleu_tokenize):
        raise UsageError("-f, -t and --bleu-tokenize go with --task translation")
    if options.task != "question-answering" and options.characters:
        raise UsageError("--characters goes with --task question-answering")
    if options.task != "classification" and options.label_map:
        raise UsageError("--label-map goes with --task classification")
    if options.task == "translation":
        require_extra("sacrebleu", "scoring translations")
    tokenize = options.bleu_tokenize
    if options.task == "translation" and tokenize is None:
        tokenize = "zh" if _is_chinese(translate.to_lang) else "13a"
    options = replace(options, bleu_tokenize=tokenize)
    return Plan(options, shared["data"], model, perplexity, translate, shared["batch"], baseline)


def _is_chinese(language: str | None) -> bool:
    if language is None:
        return False
    from llmcli.inference.translation.languages import base, find_language

    return base(find_language(language)) == "zh"


def _record(result: "Evaluation", found: "Predictions", plan: Plan) -> Record:
    """A result as JSON has it: metrics by name."""
    record: Record = {
        "task": result.task,
        "source": found.name,
        "input": plan.data.input or found.name,
        "rows": result.rows,
        "unit": found.unit,
        "failed": len(found.failures),
        "metrics": _values(result.measures),
        "bootstrap": plan.options.bootstrap,
        "seed": plan.options.seed,
    }
    parts: tuple[tuple[str, Callable[[], Any], Any], ...] = (
        ("settings", lambda: found.settings, found.settings),
        ("baseline", lambda: _values(result.baseline), result.baseline),
        ("signatures", lambda: result.signatures, result.signatures),
        ("classes", lambda: [asdict(one) for one in result.classes], result.classes),
        ("labels", lambda: list(result.labels), result.labels),
        ("confusion", lambda: [list(row) for row in result.confusion], result.confusion),
    )
    record |= {name: make() for name, make, there in parts if there}
    record["slices"] = [
        {
            "by": one.by,
            "value": one.value,
            "rows": one.rows,
            "metrics": {measure.name: measure.value for measure in one.measures},
        }
        for one in result.slices
    ]
    record["mistakes"] = [asdict(one) for one in result.mistakes]
    return record


def _values(measures: "tuple[Measure, ...]") -> Record:
    return {one.name: {"value": one.value, "low": one.low, "high": one.high} for one in measures}
