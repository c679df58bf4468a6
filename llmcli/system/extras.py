"""Optional packages: which extra of llmcli installs each, and the error where one is missing."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from llmcli.errors import InputError, LlmcliError

PIP_NAMES = {
    "ctranslate2": "ctranslate2",  # installed by default wherever it has wheels
    "gguf": "llmcli[gguf]",
    "ipadic": "llmcli[mecab]",
    "matplotlib": "llmcli[plot]",
    "mecab": "llmcli[mecab]",
    "nltk": "llmcli[ngrams]",
    "opencc": "llmcli[chinese]",
    "peft": "llmcli[lora]",
    "prompt_toolkit": "llmcli[chat]",
    "pyarrow": "llmcli[parquet]",
    "sacrebleu": "llmcli[bleu]",
    "protobuf": "llmcli[tokenizers]",
    "sacremoses": "llmcli[tokenizers]",
    "sentencepiece": "llmcli[tokenizers]",
    "tiktoken": "llmcli[tokenizers]",
}
"""What to give to pip for each package that llmcli can do without."""


def is_installed(package: str) -> bool:
    """True if a package can be imported. Does not import it."""
    return find_spec(package) is not None


def missing(package: str, user: str) -> str:
    """The message for a package that is not installed.

    user: what needs it, in the singular.

    >>> missing("pyarrow", "a Parquet file")
    "a Parquet file needs the pyarrow package: pip install 'llmcli[parquet]'"
    """
    return f"{user} needs the {package} package: pip install '{PIP_NAMES[package]}'"


def require_extra(package: str, user: str) -> None:
    """Raise InputError, in one line that says how to install it, where a package is missing.

    user: as for `missing`.
    """
    if not is_installed(package):
        raise InputError(missing(package, user))


def load_extra(module: str, user: str, error: type[LlmcliError] = InputError) -> Any:
    """Import a module of an optional package.

    user: what needs it, as for `missing`. Raises `error`, in one line that says how to install
    the package, where it is not there.
    """
    try:
        return import_module(module)
    except ImportError:
        raise error(missing(module.partition(".")[0], user)) from None
