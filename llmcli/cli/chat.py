"""llmcli chat: a conversation with a model, here or behind a server."""

import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmcli.cli.command import LITERAL, Command
from llmcli.cli.options.decoding import (
    length_option,
    repetition_options,
    sampling_options,
    seed_option,
    stop_option,
)
from llmcli.cli.options.gather import gather, is_given
from llmcli.cli.options.model import model_options
from llmcli.cli.output import Output
from llmcli.cli.types import INPUT_PATH
from llmcli.errors import UsageError
from llmcli.spec import Chat, Decoding, ModelSpec, OutputOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmcli.chat.conversation import Conversation
    from llmcli.chat.partner import Partner
    from llmcli.cli.dialogue.answer_view import MarkdownView, PlainView
    from llmcli.cli.dialogue.dialogue import Dialogue

_decoding = gather(
    Decoding,
    "decoding",
    [length_option, *sampling_options, *repetition_options, stop_option, seed_option],
)
_chat = gather(
    Chat,
    "prompt",
    [
        click.option("-s", "--system", metavar="TEXT", help="System message."),
        click.option(
            "--chat-template",
            type=INPUT_PATH,
            metavar="NAME|FILE",
            help="One of the model's chat templates, or a file with one.",
        ),
    ],
    chat=True,
)


def _require_one(
    context: click.Context, argument: click.Parameter, texts: tuple[str, ...]
) -> tuple[str, ...]:
    """The callback of TEXT. Raises UsageError for several, and for what names a model."""
    if len(texts) > 1:
        raise UsageError("chat begins with one TEXT: put it in quotation marks")
    for text in texts:
        if MODEL.fullmatch(text) and not context.meta[LITERAL]:
            raise UsageError(
                f"{text!r} looks like a model: llmcli chat -m {text}; after -- it is a text"
            )
    return texts


MODEL = re.compile(r"[\w.-]+/[\w./:-]+|(?=\S*[A-Za-z])(?=\S*\d)[\w.:-]+", re.ASCII)
"""A word that is a path, a hub id, or letters and digits, as in gpt2: other programs take a model
in the place of TEXT."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """Which saved conversation goes on, and whether this one is saved."""

    goes_on: bool
    name: str | None
    saves: bool


_keeping = gather(
    Keeping,
    "keeping",
    [
        click.option(
            "-c", "--continue", "goes_on", is_flag=True, help="Go on with the last saved one."
        ),
        click.option(
            "--load", "name", metavar="NAME", help="Go on with a saved conversation, or a file."
        ),
        click.option("--save", "saves", is_flag=True, help="Save the conversation when it ends."),
    ],
)
_output = gather(
    OutputOptions,
    "output",
    [
        click.option("-q", "--quiet", is_flag=True, help="Print only answers."),
        click.option(
            "-v", "--verbose", is_flag=True, help="Report what was chosen, and how fast it is."
        ),
    ],
)


@click.command(cls=Command)
@click.argument("texts", nargs=-1, metavar="[TEXT]", callback=_require_one)
@model_options()
@click.option(
    "--url",
    metavar="URL",
    envvar="LLMCLI_URL",
    help="Ask a server that speaks OpenAI's protocol, such as http://127.0.0.1:8000/v1. Its key "
    "is in LLMCLI_API_KEY or OPENAI_API_KEY.",
)
@_chat
@_decoding
@_keeping
@click.option("--markdown/--no-markdown", default=True, help="Show Markdown as what it means.")
@_output
@click.pass_context
def chat(
    context: click.Context,
    texts: tuple[str, ...],
    model: ModelSpec,
    url: str | None,
    prompt: Chat,
    decoding: Decoding,
    keeping: Keeping,
    markdown: bool,
    output: OutputOptions,
) -> None:
    """Talk with a chat model; with another causal model, write a text together.

    TEXT is the first message.
    /help lists the commands of a conversation. Ctrl-C ends an answer and keeps what was written;
    at the prompt it clears the line, and twice it leaves. In a pipe, each line is a message.
    Nothing is saved unless you say so. An answer ends as the model ends it; -n limits its tokens.

    \b
      llmcli chat -m HuggingFaceTB/SmolLM2-135M-Instruct
      llmcli chat -m Qwen/Qwen3-0.6B -s "Answer in one sentence." --temperature 0.7
      llmcli chat --url http://127.0.0.1:8000/v1
      llmcli chat -c
    """
    out = Output(output, ("text",))
    conversation, path = _conversation(keeping, prompt.system, out)
    prompt = replace(prompt, system=conversation.system)
    partner = _partner(model, url, decoding, prompt, out)
    from llmcli.cli.dialogue.dialogue import Dialogue

    dialogue = Dialogue(
        *(partner, conversation, decoding, out),
        view=_view(markdown),
        load=_loader(model, url, prompt, out),
        prompts=sys.stdin is not None and sys.stdin.isatty(),
        path=path,
    )
    _hold(dialogue, texts, keeping.saves)
    if dialogue.failed and not dialogue.prompts:
        context.exit(1)


def _hold(dialogue: "Dialogue", texts: tuple[str, ...], saves: bool) -> None:
    """Hold the conversation, and save it if that was asked for."""
    from llmcli.cli.dialogue.commands import COMMANDS, run_command
    from llmcli.cli.dialogue.editor import open_editor

    partner, out = dialogue.partner, dialogue.out
    if not partner.chats:
        out.note(f"{partner.name} is no chat model: write a text together, each a piece in turn")
    if dialogue.prompts:
        out.note(f"{partner.name}; /help lists the commands, /exit leaves")
    try:
        dialogue.run(open_editor(COMMANDS, out.note), run_command, texts)
    finally:
        _leave(dialogue, saves)


def _conversation(
    keeping: Keeping, system: str | None, out: Output
) -> "tuple[Conversation, Path | None]":
    """A new conversation, or one that was saved, with its file."""
    if keeping.goes_on and keeping.name is not None:
        raise UsageError("--continue and --load contradict each other: give one")
    from llmcli.chat.conversation import Conversation
    from llmcli.chat.store import load, newest_path, path_of

    if not keeping.goes_on and keeping.name is None:
        return Conversation(system), None
    path = newest_path() if keeping.name is None else path_of(keeping.name)
    conversation = load(path)
    out.note(f"{conversation.turns} turns of {path}")
    if system is not None:
        conversation.system = system
    return conversation, path


def _partner(
    model: ModelSpec, url: str | None, decoding: Decoding, prompt: Chat, out: Output
) -> "Partner":
    """The model that answers: behind a server, or loaded here."""
    if url is not None:
        _refuse_local_settings()
        from llmcli.chat.remote import RemotePartner

        return RemotePartner(url, model.model_id)
    with out.waiting(f"loading {model.model_id or 'the model'}"):
        from llmcli.tasks.chat import load

        partner = load(model, decoding, prompt, note=out.note)
    out.describe(partner.loaded)
    return partner


def _loader(
    model: ModelSpec, url: str | None, prompt: Chat, out: Output
) -> "Callable[[str, Decoding], Partner]":
    """What loads another model by its name, for the settings of that moment."""
    prompt = replace(prompt, system=None)  # the conversation has it, and may have changed it

    def load(name: str, decoding: Decoding) -> "Partner":
        return _partner(replace(model, model_id=name), url, decoding, prompt, out)

    return load


def _refuse_local_settings() -> None:
    """Raise UsageError for options that say how a model runs here, beside a server's address."""
    names = ("device", "dtype", "engine", "revision", "trust_remote_code", "chat_template")
    for name in (*names, "offline", "allow_special"):
        if is_given(name):
            raise UsageError(f"`url` asks a server, which has no `{name}` for you to choose")


def _view(markdown: bool) -> "type[PlainView | MarkdownView]":
    """What shows an answer: Markdown on a terminal that has styles."""
    from llmcli.cli.colours import has_colours
    from llmcli.cli.dialogue.answer_view import MarkdownView, PlainView

    shows = markdown and sys.stdout.isatty() and has_colours(sys.stdout)
    return MarkdownView if shows else PlainView


def _leave(dialogue: "Dialogue", saves: bool) -> None:
    """Save what was said, if that was asked for; on a terminal, say so if it was not."""
    if saves and dialogue.changed:
        from llmcli.cli.dialogue.commands import run_command

        run_command(dialogue, "save")
    elif dialogue.changed and dialogue.prompts and dialogue.path is not None:
        dialogue.out.note(f"what was said since is not in {dialogue.path}")
