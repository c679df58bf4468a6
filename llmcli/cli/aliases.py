"""Other spellings of flags that are accepted, though --help does not list them."""

SPELLINGS = {
    "n-predict": "max-new-tokens",  # llama.cpp
    "repeat-penalty": "repetition-penalty",  # llama.cpp, ollama
    "beam-size": "num-beams",  # CTranslate2
}
"""Spellings of other programs, where they mean exactly the same."""


def canonical(name: str) -> str:
    """The spelling of a flag that llmcli uses, without dashes in front.

    >>> canonical("top_k"), canonical("repeat_penalty")
    ('top-k', 'repetition-penalty')
    """
    name = name.replace("_", "-")
    return SPELLINGS.get(name, name)
