"""Options that control how text is generated: length, sampling, beams, chat template."""

import click

from llmcli.cli.options.gather import Option, gather
from llmcli.cli.types import FRACTION, POSITIVE, Real
from llmcli.spec import Chat, Decoding

repetition_options: list[Option] = [
    click.option(
        "--repetition-penalty",
        type=Real(min=0, min_open=True),
        default=1.0,
        metavar="X",
        help="Above 1: make tokens that occurred before less likely.",
    ),
    click.option(
        "--no-repeat-ngram-size",
        type=click.IntRange(min=0),
        default=0,
        metavar="N",
        help="Never generate the same N tokens in a row twice.",
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
        "--top-k", type=POSITIVE, metavar="K", help="Sample from the K most likely tokens."
    ),
    click.option(
        "--top-p",
        type=FRACTION,
        metavar="P",
        help="Sample from the most likely tokens that add up to probability P.",
    ),
    click.option(
        "--min-p",
        type=FRACTION,
        metavar="P",
        help="Sample from tokens at least P times as likely as the most likely one.",
    ),
]

decoding_options = gather(
    Decoding,
    "decoding",
    [
        click.option(
            "-n",
            "--max-new-tokens",
            "--max-tokens",
            type=POSITIVE,
            metavar="N",
            help="Generate at most N tokens.  [default: 256, or what fits]",
        ),
        *sampling_options,
        click.option(
            "--num-beams", type=POSITIVE, default=1, metavar="N", help="Beam search with N beams."
        ),
        *repetition_options,
        click.option(
            "--stop", multiple=True, metavar="TEXT", help="End before TEXT. May be repeated."
        ),
        click.option(
            "--num-return-sequences",
            type=POSITIVE,
            default=1,
            metavar="N",
            help="Generate N texts for each prompt.",
        ),
        click.option(
            "--seed",
            type=click.IntRange(0, 2**63 - 1),
            metavar="N",
            help="Seed for sampling: the same seed gives the same text.",
        ),
        click.option(
            "--logprobs",
            type=click.IntRange(min=0),
            default=0,
            metavar="N",
            help="With --json: report the N most likely tokens of each step.",
        ),
        click.option(
            "--assist",
            metavar="lookup|MODEL",
            help="Speculative decoding: the same greedy text, faster. Tokens are guessed from the "
            "text itself (lookup), or by a smaller MODEL.",
        ),
    ],
)

chat_options = gather(
    Chat,
    "chat",
    [
        click.option("--chat", is_flag=True, help="Put the prompt into the model's chat template."),
        click.option("-s", "--system", metavar="TEXT", help="System message; implies --chat."),
    ],
)
