"""One answer: from a conversation to the text that is added to it."""

from collections.abc import Callable, Generator

from llmcli.chat.conversation import Conversation
from llmcli.chat.partner import Ending, Partner, TooLong
from llmcli.chat.window import Window
from llmcli.spec import Decoding


def answered(
    partner: Partner,
    conversation: Conversation,
    options: Decoding,
    on_window: Callable[[Window], None],
) -> Generator[str | Ending]:
    """Yield the pieces of the next answer, then how it ended.

    What was written is added to the conversation, also where the iterator is closed before the end.
    A partner that says only when asked that the conversation is too long is asked without its
    oldest turns. on_window: is told what is read. Raises as the partner does; then the
    conversation has no answer, unless a part was written.
    """
    window = partner.window(conversation, options)
    pieces: list[str] = []
    try:
        while True:
            on_window(window)
            try:
                for event in partner.answer(window, options):
                    if isinstance(event, str):
                        pieces.append(event)
                    yield event
                return
            except TooLong:
                if window.skipped + 1 >= conversation.turns:
                    raise
                skipped = window.skipped + 1
                window = Window(conversation.messages(skipped), skipped, None)
    finally:
        if pieces:
            conversation.answer("".join(pieces))
