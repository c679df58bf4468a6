"""A conversation in a terminal: reads a message, shows the answer, and so on."""

import signal
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from llmcli.chat.conversation import Conversation
from llmcli.chat.exchange import answered
from llmcli.chat.partner import Ending, Partner
from llmcli.chat.window import FULL, Window
from llmcli.cli.dialogue.answer_view import MarkdownView, PlainView
from llmcli.cli.dialogue.editor import Editor
from llmcli.cli.output import Output
from llmcli.errors import LlmcliError
from llmcli.spec import Decoding
from llmcli.system import signals

PROMPT = "> "
SKIPPED = "{n} of {turns} turns no longer fit: the model does not read the oldest"


@dataclass
class Dialogue:
    """One conversation, and what it is held with."""

    partner: Partner
    conversation: Conversation
    options: Decoding
    out: Output
    view: Callable[[], "PlainView | MarkdownView"]
    """Makes what shows an answer."""
    load: Callable[[str, Decoding], Partner]
    """Loads another model by its name, for some settings."""
    prompts: bool = True
    """Somebody is there to be asked."""
    path: Path | None = None
    """The file of the conversation, once it has one."""
    changed: bool = False
    """Something was said since it was saved."""
    ended: bool = False
    failed: int = 0
    """Messages that had no answer."""
    draft: str = ""
    """The text that the next message begins with."""
    _skipped: int = field(default=0, repr=False)
    _is_warned: bool = field(default=False, repr=False)

    def run(self, editor: Editor, run_command: "RunCommand", texts: Sequence[str] = ()) -> None:
        """Converse until the input ends, /exit is typed, or Ctrl-C twice.

        editor: reads the messages. run_command: does what a line that begins with / says. texts:
        the first messages.
        """
        interrupts = 0
        with signals.asking(_interrupt, lambda: True, [signal.SIGINT]):
            for first in texts:
                self._take(f" {first}" if first.startswith("/") else first, run_command)
            while not self.ended:
                try:
                    text = self._read(editor)
                except KeyboardInterrupt:
                    interrupts += 1
                    if interrupts == 2:
                        return
                    self.out.note("Ctrl-C again leaves, and so does /exit")
                    continue
                if text is None:
                    return
                interrupts = 0
                if text.strip():
                    self._take(text, run_command)

    def _read(self, editor: Editor) -> str | None:
        draft, self.draft = self.draft, ""
        return editor.read(PROMPT if self.prompts else "", draft)

    def _take(self, text: str, run_command: "RunCommand") -> None:
        """Answer a message, or run a command. A failure is one line, and the dialogue goes on."""
        try:
            if text.startswith("/"):
                run_command(self, text[1:])
            else:
                self.ask(text.removeprefix(" ") if text.startswith(" /") else text)
        except LlmcliError as error:
            self.failed += 1
            self.out.say(f"Error: {error}")
        except KeyboardInterrupt:
            self.out.note("interrupted")

    def ask(self, text: str) -> None:
        """Say something and show the answer. One that cannot be answered is taken back."""
        self.conversation.ask(text)
        try:
            self.show_answer()
        finally:
            if self.conversation.last_is_open():
                self.conversation.undo()
                if self.prompts:
                    self.draft = text

    def show_answer(self) -> None:
        """Show the answer to the newest message while it is written. Ctrl-C keeps the part."""
        view, ending, is_open = self.view(), None, False
        events = answered(self.partner, self.conversation, self.options, self._on_window)
        try:
            with closing(events):
                for event in events:
                    if isinstance(event, Ending):
                        ending = event
                    else:
                        view.push(event)
                        is_open = True
        finally:
            if is_open:
                view.end()
                self.changed = True
        self._report(ending, is_empty=not is_open)

    def _report(self, ending: Ending | None, *, is_empty: bool) -> None:
        if ending is None:
            return
        if is_empty:
            self.out.note("the model answers with nothing")
        if ending.reason == "length":
            self.out.note("cut at the limit of tokens")
        if ending.new_tokens is not None and ending.seconds:
            rate = ending.new_tokens / ending.seconds
            self.out.detail(
                f"{ending.new_tokens} new tokens in {ending.seconds:.2f} s ({rate:.1f} tokens/s); "
                f"ended by {ending.reason}"
            )

    def _on_window(self, window: Window) -> None:
        """Say once what fell out of the context, and that it will soon."""
        if window.skipped > self._skipped:
            self.out.note(SKIPPED.format(n=window.skipped, turns=self.conversation.turns))
        self._skipped = window.skipped
        if window.most is None or window.tokens is None:
            return
        is_full = window.tokens >= FULL * window.most
        if is_full and not self._is_warned and not window.skipped:
            self.out.note(
                f"{window.tokens:,} of {window.most:,} tokens that fit beside an answer: soon the "
                "oldest turns are left out; /clear begins again"
            )
        self._is_warned = is_full


RunCommand = Callable[[Dialogue, str], None]


def _interrupt(number: int) -> None:
    raise KeyboardInterrupt
