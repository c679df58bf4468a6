"""What a causal model answers, or how it goes on with a text, while it is written."""

from collections.abc import Generator as Events
from dataclasses import replace

from llmcli.data.rows import Row
from llmcli.engines.base import Loaded
from llmcli.inference.continuations import Generation
from llmcli.inference.generation import Chunk, Generator, Prompt
from llmcli.inference.prompts import room
from llmcli.spec import Chat, Decoding


def reply(
    loaded: Loaded, ids: list[int], options: Decoding, *, continues: bool = False
) -> Events[Chunk | Generation]:
    """Yield the pieces of the text that follows some ids, then the whole.

    It ends as the model ends it, or where its context does: `max_new_tokens` is a limit only if it
    is set. options: with a seed if it samples. continues: the ids are a text that goes on, so that
    its first word keeps the space before it. Raises InputError where no new token fits.
    """
    if options.max_new_tokens is None and loaded.context is not None:
        options = replace(options, max_new_tokens=-1)
    limit = room(loaded, len(ids), options)
    before = ids if continues else []
    prompt = Prompt(Row(1, ""), ids, limit, max(1, options.beams), before)
    yield from Generator(loaded, options, Chat(), "error").stream(prompt)
