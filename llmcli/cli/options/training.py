"""Options of finetune: the data, the steps, checkpoints, and low-rank adapters."""

from typing import Any

import click

from llmcli.cli.options.gather import Option, gather
from llmcli.cli.options.input import file_options
from llmcli.cli.options.model import special_option
from llmcli.cli.types import INPUT_PATH, OUTPUT_PATH, DtypeChoice, comma_list
from llmcli.spec import DTYPES, FileOptions
from llmcli.spec.training import SCHEDULES, LoraOptions, Training
from llmcli.tasks.finetune import training_tasks

DEFAULTS = {"training": Training((), ""), "adapters": LoraOptions()}


def _setting(name: str, help: str, *aliases: str, of: str = "training", **settings: Any) -> Option:
    """An option with the default of the field that it sets; --help shows it unless it is None.

    of: the object with the field. Ranges of numbers are checked where all settings are.
    """
    default = getattr(DEFAULTS[of], name.removeprefix("--").replace("-", "_"))
    shows = default is not None
    return click.option(name, *aliases, default=default, show_default=shows, help=help, **settings)


def _count(name: str, help: str, *aliases: str, of: str = "training") -> Option:
    return _setting(name, help, *aliases, of=of, type=click.INT, metavar="N")


def _number(name: str, help: str, *aliases: str, of: str = "training") -> Option:
    return _setting(name, help, *aliases, of=of, type=click.FLOAT, metavar="X")


DATA: list[Option] = [
    click.option(
        "--task",
        type=click.Choice(training_tasks()),
        help="What the model is trained for.  [default: what the data and the model allow]",
    ),
    click.option(
        "--train",
        multiple=True,
        type=INPUT_PATH,
        metavar="FILE",
        help="Training data: .txt (one document), .jsonl .json .csv .tsv .parquet, SQuAD's .json, "
        "also as .gz, .xz or .bz2. May be repeated.",
    ),
    click.option(
        "--parts",
        type=INPUT_PATH,
        metavar="FILE",
        help="Train several tasks on one body: a YAML list of them, in place of --train.",
    ),
    click.option(
        "-o",
        "--output",
        type=OUTPUT_PATH,
        metavar="DIR",
        default="",
        help="Folder of the new model.",
    ),
    click.option(
        "--from-scratch",
        type=INPUT_PATH,
        metavar="CONFIG",
        help="Start with a new model and a new tokenizer: gpt2, llama, bert or marian, each small, "
        "or a configuration (JSON).",
    ),
    click.option(
        "--eval",
        multiple=True,
        type=INPUT_PATH,
        metavar="FILE",
        help="Validation data. May be repeated.",
    ),
    _number(
        "--eval-fraction",
        "Without --eval: hold out this fraction of the training rows.  [default: 0.1; of text, "
        "0.01]",
    ),
    special_option,
    comma_list(
        "--column",
        "columns",
        metavar="NAME[,NAME]",
        help="Fields with the texts.  [default: text; tokens; source,target]",
    ),
    click.option(
        "--label-column", metavar="NAME", help="Field with the label.  [default: label; ner_tags]"
    ),
    click.option(
        "--multi-label",
        is_flag=True,
        help="classification: a text has any number of labels: a list, or a;b, a|b or a,b.",
    ),
    comma_list(
        "--labels",
        metavar="A,B,...",
        help="classification: names of the classes, in order; numbers in the file are their "
        "places.  [default: the labels that occur]",
    ),
    click.option(
        "--chat",
        is_flag=True,
        help="causal-lm: rows have messages, or a prompt and a completion; only the answers are "
        "learnt.",
    ),
    click.option(
        "--chat-template",
        type=INPUT_PATH,
        metavar="NAME|FILE",
        help="With --chat: one of the model's chat templates, or a file; it is saved with the "
        "new model.",
    ),
    click.option("--from-lang", metavar="LANG", help="translation: the source language."),
    click.option("--to-lang", metavar="LANG", help="translation: the target language."),
    click.option("--prefix", default="", metavar="TEXT", help="seq2seq: precedes each source."),
    _count(
        "--block-size",
        "Tokens of one example.  [default: what the model takes, up to a limit of the task]",
        "--max-length",
    ),
    _number("--mask-fraction", "masked-lm: fraction of the tokens to hide."),
]
STEPS: list[Option] = [
    _count("--batch-size", "Examples computed together.  [default: 32; of text, 8]"),
    _count("--gradient-accumulation-steps", "Batches before the weights change."),
    _number("--epochs", "Passes over the data.  [default: 3; of text, 1]"),
    _count("--max-steps", "Number of steps, in place of --epochs."),
    _number(
        "--learning-rate",
        "Highest learning rate.  [default: 1e-3 from scratch, 5e-5 or 1e-4 from a checkpoint]",
        "--lr",
    ),
    _setting("--schedule", "How the learning rate falls.", type=click.Choice(SCHEDULES)),
    _number("--warmup", "Fraction of the steps in which the learning rate rises."),
    _number("--weight-decay", "Weight decay of AdamW."),
    _number("--beta2", "Second decay rate of AdamW."),
    _number("--max-grad-norm", "Clip gradients at this norm."),
    _number("--label-smoothing", "Probability that is spread over the other labels."),
    comma_list("--class-weights", metavar="W", help="balanced, or LABEL=WEIGHT,LABEL=WEIGHT,..."),
    comma_list(
        "--freeze",
        metavar="WHAT",
        help="Do not train: body, embeddings, a number of lower layers, or parts of weight names.",
    ),
    click.option(
        "--init-from",
        type=INPUT_PATH,
        metavar="MODEL",
        help="Take weights that would be new from this model.",
    ),
    click.option(
        "--group-by-length/--no-group-by-length",
        default=True,
        help="Put examples of similar length into one batch.  [default: on]",
    ),
]
CHECKPOINTS: list[Option] = [
    _count("--eval-steps", "Steps between validations.  [default: a tenth of all]"),
    _count("--early-stopping", "Stop after N validations without a better result."),
    click.option(
        "--best-metric",
        metavar="NAME",
        help="Metric that decides which checkpoint is the best.  [default: loss, accuracy or f1]",
    ),
    _count("--save-steps", "Steps between checkpoints."),
    _count("--save-total-limit", "Checkpoints to keep, beside the best."),
    _count("--log-steps", "Steps between progress reports."),
    _setting("--device", "auto, cpu, cuda or mps.", envvar="LLMCLI_DEVICE"),
    _setting(
        "--dtype",
        "Number format of the computation; auto is bfloat16 where that is faster (on a CPU, as "
        "measured).",
        type=DtypeChoice(DTYPES),
    ),
    _setting(
        "--save-dtype",
        "Number format of the stored weights.",
        type=DtypeChoice([name for name in DTYPES if name != "auto"]),
    ),
    _count("--seed", "Seed of all random numbers."),
    click.option(
        "--fsdp", is_flag=True, help="Divide the weights among the processes, one for each GPU."
    ),
    click.option("--resume", is_flag=True, help="Continue from the last checkpoint in DIR."),
]
ADAPTERS: list[Option] = [
    click.option("--lora", is_flag=True, help="Train low-rank adapters, not all weights."),
    _count("--lora-rank", "Rank of the adapters: a higher one can learn more.", of="adapters"),
    _number(
        "--lora-alpha", "Their scale is alpha / rank.  [default: twice the rank]", of="adapters"
    ),
    _number("--lora-dropout", "Dropout of their input.", of="adapters"),
    comma_list(
        "--lora-targets",
        metavar="NAME,...",
        help="Layers that get an adapter.  [default: all linear layers of the body]",
    ),
    click.option("--merge", is_flag=True, help="Save a whole model with the adapters added in."),
]

training_options = gather(Training, "training", DATA + STEPS + CHECKPOINTS)
files_options = gather(FileOptions, "files", file_options)
lora_options = gather(LoraOptions, "adapters", ADAPTERS)
