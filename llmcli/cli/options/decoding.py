"""Options that control how text is generated: length, sampling, beams, chat template."""

from dataclasses import replace
from functools import wraps
from typing import Any

import click

from llmcli.cli.options.gather import Command, Option, add_options, gather
from llmcli.cli.types import FRACTION, INPUT_PATH, POSITIVE, OrOff, Real
from llmcli.spec import Chat, Decoding, InputOptions

repetition_options: list[Option] = [
    click.option(
        "--repetition-penalty",
        type=OrOff(Real(min=0, min_open=True), (0, -1)),
        metavar="X",
        help="Above 1: make tokens that occurred before less likely. 1 is off.  "
        "[default: the model's own, else off]",
    ),
    click.option(
        "--no-repeat-ngram-size",
        type=OrOff(click.IntRange(min=0), (-1,)),
        metavar="N",
        help="Never generate the same N tokens in a row twice. 0 is off.  "
        "[default: the model's own, else off]",
    ),
]

sampling_options: list[Option] = [
    click.option(
        "--temperature",
        "--temp",
        type=Real(min=0),
        metavar="T",
        help="Sample; below 1, unlikely tokens become rarer. 0 is greedy.",
    ),
    click.option(
        "--top-k",
        type=OrOff(click.IntRange(min=1), (0, -1)),
        metavar="K",
        help="Sample from the K most likely tokens. 0 is off.",
    ),
    click.option(
        "--top-p",
        type=OrOff(FRACTION, (-1,)),
        metavar="P",
        help="Sample from the most likely tokens that add up to probability P.",
    ),
    click.option(
        "--min-p",
        type=OrOff(FRACTION, (0, -1)),
        metavar="P",
        help="Sample from tokens at least P times as likely as the most likely one. 0 is off.",
    ),
]

length_option: Option = click.option(
    "-n",
    "--max-new-tokens",
    "--max-tokens",
    type=OrOff(click.IntRange(min=1), (-1,)),
    metavar="N",
    help="Generate at most N tokens; -1: as many as fit.  [default: the model's own, else "
    "256, or what fits]",
)
stop_option: Option = click.option(
    "--stop", multiple=True, metavar="TEXT", help="End before TEXT. May be repeated."
)
seed_option: Option = click.option(
    "--seed",
    type=OrOff(click.IntRange(0, 2**63 - 1), (-1,)),
    metavar="N",
    help="Seed for sampling: the same seed gives the same text. -1 is another each time.",
)
_decoding_options = gather(
    Decoding,
    "decoding",
    [
        length_option,
        click.option(
            "--strict",
            is_flag=True,
            help="Refuse a prompt after which fewer than -n tokens fit, instead of ending early.",
        ),
        *sampling_options,
        click.option(
            "--num-beams",
            type=OrOff(click.IntRange(min=1), (0, -1)),
            metavar="N",
            help="Beam search with N beams; 1 is none.  [default: the model's own, else 1]",
        ),
        *repetition_options,
        stop_option,
        click.option(
            "--num-return-sequences",
            type=POSITIVE,
            default=1,
            metavar="N",
            help="Generate N texts for each prompt.",
        ),
        seed_option,
        click.option(
            "--logprobs",
            type=click.IntRange(min=0),
            default=0,
            metavar="N",
            help="With --json: report the N most likely tokens of each step.",
        ),
        click.option(
            "--assist",
            type=INPUT_PATH,
            metavar="lookup|MODEL|none",
            help="Speculative decoding: the same greedy text, faster. Tokens are guessed from the "
            "text itself (lookup), by a smaller MODEL, or not at all (none). Left out, torch looks "
            "tokens up by itself where that is faster.",
        ),
    ],
)

chat_options = gather(
    Chat,
    "chat",
    [
        click.option("--chat", is_flag=True, help="Put the prompt into the model's chat template."),
        click.option("-s", "--system", metavar="TEXT", help="System message; implies --chat."),
        click.option(
            "--chat-template",
            type=INPUT_PATH,
            metavar="NAME|FILE",
            help="One of the model's chat templates, or a file with one; implies --chat.",
        ),
    ],
)


def decoding_options(command: Command) -> Command:
    """Add the options for decoding, and pass them on as `decoding`.

    --do-sample of transformers turns sampling on, as any sampling flag does.
    """

    @wraps(command)
    def with_sampling(*args: Any, do_sample: bool, decoding: Decoding, **values: Any) -> None:
        if do_sample and decoding.temperature == 0:
            raise click.UsageError("--do-sample and --temperature 0 contradict each other")
        if do_sample and not decoding.samples:
            decoding = replace(decoding, temperature=1.0)
        command(*args, decoding=decoding, **values)

    switch = click.option("--do-sample", is_flag=True, hidden=True, help="Sample.")
    return _decoding_options(add_options(with_sampling, [switch]))


def prompt_option(command: Command) -> Command:
    """Add -p and --prompt, which give a TEXT, as in mlx-lm; input_options stands above this."""

    @wraps(command)
    def with_prompt(
        *args: Any, source: InputOptions, prompt: tuple[str, ...], **values: Any
    ) -> None:
        if prompt and source.texts:
            raise click.UsageError("give a text as an argument or by --prompt, not both")
        if prompt:
            source = replace(source, texts=prompt)
        command(*args, source=source, **values)

    return add_options(
        with_prompt, [click.option("-p", "--prompt", multiple=True, hidden=True, help="The TEXT.")]
    )
