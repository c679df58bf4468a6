"""The lines that begin with /: what each does in a conversation."""

from collections.abc import Callable
from dataclasses import dataclass

from llmcli.chat import store
from llmcli.chat.local import joined
from llmcli.cli.dialogue import clipboard, settings
from llmcli.cli.dialogue.dialogue import Dialogue
from llmcli.errors import InputError, UsageError

Run = Callable[[Dialogue, str], None]


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """A command of a conversation."""

    usage: str
    summary: str
    run: Run


def run_command(dialogue: Dialogue, line: str) -> None:
    """Run a line without its /. Raises UsageError for one that is no command."""
    name, _, argument = line.partition(" ")
    name = ALIASES.get(name.lower(), name.lower())
    if name not in COMMANDS:
        raise UsageError(
            f"no such command: /{name}; /help lists them. A message that begins with / is sent "
            "with a space before it"
        )
    COMMANDS[name].run(dialogue, argument.strip())


def _help(dialogue: Dialogue, argument: str) -> None:
    width = max(len(command.usage) for command in COMMANDS.values())
    for command in COMMANDS.values():
        dialogue.out.line(f"  {command.usage:<{width}}  {command.summary}")
    dialogue.out.line('  Alt-Enter begins a line; """ begins and ends a message of several lines.')


def _system(dialogue: Dialogue, argument: str) -> None:
    conversation = dialogue.conversation
    if not argument:
        dialogue.out.line(conversation.system or "no system message")
        return
    if not dialogue.partner.chats:
        raise UsageError(f"{dialogue.partner.name} is no chat model: it reads no system message")
    conversation.system = None if argument.lower() in settings.OFF else argument
    dialogue.changed = True


def _set(dialogue: Dialogue, argument: str) -> None:
    name, _, value = argument.replace("=", " ", 1).partition(" ")
    if not name:
        for line in settings.shown(dialogue.options):
            dialogue.out.line(line)
    elif not value.strip():
        raise UsageError(f"/set {name} needs a value; off takes the setting back")
    else:
        dialogue.options = settings.changed(dialogue.options, name, value.strip())


def _model(dialogue: Dialogue, argument: str) -> None:
    if not argument:
        dialogue.out.line(dialogue.partner.name)
        return
    partner = dialogue.load(argument, dialogue.options)
    if dialogue.conversation.system is not None and not partner.chats:
        raise UsageError(f"{partner.name} is no chat model: /system off comes first")
    dialogue.partner = partner
    dialogue.out.note(f"now with {partner.name}")


def _save(dialogue: Dialogue, argument: str) -> None:
    path = store.path_of(argument) if argument else dialogue.path or store.new_path()
    if argument and path.exists() and path != dialogue.path:
        raise InputError(f"{path} is there already: choose another name")
    store.save(dialogue.conversation, path, dialogue.partner.name)
    dialogue.path, dialogue.changed = path, False
    dialogue.out.note(f"saved as {path}")


def _load(dialogue: Dialogue, argument: str) -> None:
    if not argument:
        raise UsageError("/load needs the name of a conversation, or a file")
    path = store.path_of(argument)
    dialogue.conversation = store.load(path)
    dialogue.path, dialogue.changed = path, False
    dialogue.out.note(f"{dialogue.conversation.turns} turns of {path}")


def _regenerate(dialogue: Dialogue, argument: str) -> None:
    answer = dialogue.conversation.last("assistant")
    if not dialogue.conversation.forget_answer():
        raise UsageError("there is no answer yet to write again")
    if not dialogue.options.samples or dialogue.options.seed is not None:
        dialogue.out.note("the same settings give the same answer: /set temperature 0.8 samples")
    try:
        dialogue.show_answer()
    finally:
        if dialogue.conversation.last_is_open() and answer is not None:
            dialogue.conversation.answer(answer)


def _edit(dialogue: Dialogue, argument: str) -> None:
    text = dialogue.conversation.last("user")
    if text is None:
        raise UsageError("there is no message yet to change")
    if not argument and not dialogue.prompts:
        raise UsageError("/edit needs the new text where nobody can be asked")
    dialogue.conversation.undo()
    dialogue.changed = True
    if argument:
        dialogue.ask(argument)
    else:
        dialogue.draft = text


def _undo(dialogue: Dialogue, argument: str) -> None:
    text = dialogue.conversation.undo()
    if text is None:
        raise UsageError("there is no turn yet to take back")
    dialogue.changed = True
    dialogue.out.note(f"taken back: {_short(text)}")


def _clear(dialogue: Dialogue, argument: str) -> None:
    dialogue.conversation.clear()
    dialogue.path, dialogue.changed = None, False
    dialogue.out.note("a new conversation")


def _context(dialogue: Dialogue, argument: str) -> None:
    partner, conversation = dialogue.partner, dialogue.conversation
    if not conversation.turns:
        dialogue.out.line("nothing was said yet")
        return
    window = partner.window(conversation, dialogue.options)
    tokens = (
        "a number of tokens that the server knows"
        if window.tokens is None
        else (f"{window.tokens:,} tokens")
    )
    limit = "" if window.most is None else f" of {window.most:,} that fit beside an answer"
    read = conversation.turns - window.skipped
    dialogue.out.line(f"{tokens}{limit}; the newest {read} of {conversation.turns} turns are read")


def _copy(dialogue: Dialogue, argument: str) -> None:
    conversation = dialogue.conversation
    text = conversation.last("assistant")
    if text is None:
        raise UsageError("there is no answer yet to copy")
    if not dialogue.partner.chats:
        text = joined(conversation.messages())
    dialogue.out.note(clipboard.copy(text))


def _exit(dialogue: Dialogue, argument: str) -> None:
    dialogue.ended = True


def _short(text: str, most: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


COMMANDS = {
    "help": SlashCommand("/help", "This list.", _help),
    "system": SlashCommand("/system [TEXT]", "Show or change the system message; off.", _system),
    "set": SlashCommand("/set [NAME VALUE]", "Show or change how answers are written.", _set),
    "model": SlashCommand("/model [NAME]", "Go on with another model.", _model),
    "regenerate": SlashCommand("/regenerate", "Write the last answer again.", _regenerate),
    "edit": SlashCommand("/edit [TEXT]", "Change your last message, and answer that.", _edit),
    "undo": SlashCommand("/undo", "Take back the last turn.", _undo),
    "clear": SlashCommand("/clear", "Begin a new conversation.", _clear),
    "context": SlashCommand("/context", "Show what of the conversation the model reads.", _context),
    "copy": SlashCommand("/copy", "Copy the last answer to the clipboard.", _copy),
    "save": SlashCommand("/save [NAME]", "Save the conversation.", _save),
    "load": SlashCommand("/load NAME", "Go on with a saved conversation.", _load),
    "exit": SlashCommand("/exit", "Leave; Ctrl-D does too.", _exit),
}
ALIASES = {"quit": "exit", "bye": "exit", "q": "exit", "?": "help", "retry": "regenerate"}
