"""The part of a model's configuration that describes its text model."""

from typing import Any


def text_config(config: Any) -> Any:
    """The configuration of the text model: of a model for texts alone, all of it.

    A model that also reads images or sounds keeps it in a section of its own, and so do models
    made of two; of an encoder and a decoder, it is the decoder's. config: of transformers, or
    `Settings` of the ct2 engine, which have no sections.
    """
    choose = getattr(config, "get_text_config", None)
    if choose is None:
        return config
    try:
        return choose()
    except ValueError:  # a text encoder beside a decoder
        return choose(decoder=True)


def text_setting(config: Any, name: str) -> Any:
    """A setting of the text model, else of the whole model; None where neither has it."""
    value = getattr(text_config(config), name, None)
    return getattr(config, name, None) if value is None else value


def set_text_setting(config: Any, name: str, value: Any) -> None:
    """Set it for the text model and for the whole model: the code of models reads either."""
    for part in (text_config(config), config):
        setattr(part, name, value)
