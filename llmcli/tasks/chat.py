"""A model to chat with."""

from llmcli.chat.local import LocalPartner
from llmcli.decoding.generation_config import read_rules, with_config
from llmcli.decoding.validation import check_decoding
from llmcli.engines.base import Loaded
from llmcli.engines.choose import Purpose
from llmcli.errors import UsageError
from llmcli.inference.loading import AnyModel, Model, load_model
from llmcli.inference.model_settings import unused_notes
from llmcli.models.starters import GENERATE, Note, choose_model, ignore
from llmcli.spec import Chat, Decoding
from llmcli.tokenization.chat_template import choose_template


def load(model: AnyModel, options: Decoding, chat: Chat, *, note: Note = ignore) -> LocalPartner:
    """Load a causal language model to chat with, or to write a text together with.

    model: None, or one without a name, takes the task's default. The engine is the fastest that
    does what `options` say; for others, an answer loads another one. Raises ModelNotFound,
    ModelUnsuitable; UsageError for settings that contradict one another, and for a system message
    to a model without a chat template.
    """
    kept = model if isinstance(model, Model) else Model(choose_model(model, GENERATE, note))

    def load_for(options: Decoding) -> Loaded:
        check_decoding(options)
        purpose = Purpose(
            ("causal",),
            decoding={"causal": options},
            decoding_by=lambda config: (with_config(options, config), read_rules(config)),
        )
        return load_model(kept, GENERATE, purpose, note)

    loaded = load_for(options)
    for line in unused_notes(loaded, options, stops=True):
        note(line)
    partner = LocalPartner(loaded, load_for, chat.chat_template)
    if partner.chats:
        choose_template(loaded.tokenizer, chat.chat_template, partner.name)
    elif chat.system is not None:
        raise UsageError(
            f"{partner.name} is no chat model, so it reads no `system` message: leave that out, "
            "or name another `model`"
        )
    return partner
