"""Loading the tokenizer of a checkpoint without transformers, whose import takes seconds.

A tokenizer that may give other results than in transformers is refused, so that the caller can
load that of transformers. The rules are those of transformers 5.24: which class a folder has,
which special tokens it adds, and which components of tokenizer.json it replaces by its own.
"""

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmcli.errors import LlmcliError
from llmcli.models.checkpoint import Checkpoint, metadata, read_json, with_vocabulary
from llmcli.system.panics import panics_caught
from llmcli.tokenization.base import ROLES, Settings, UnsupportedTokenizer
from llmcli.tokenization.chat_template import DEFAULT, by_name
from llmcli.tokenization.components import (
    add_missing,
    load_backend,
    replace_components,
    replace_template,
    require_usable,
    text_of,
)
from llmcli.tokenization.fast import FastTokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from llmcli.tokenization.marian import MarianTokenizer

GPT2 = dict.fromkeys(("unk", "bos", "eos"), "<|endoftext|>")
BERT = {name: f"[{name.upper()}]" for name in ("unk", "sep", "pad", "cls", "mask")}
ENDS = {"unk": "<unk>", "bos": "<s>", "eos": "</s>"}
SPECIAL: dict[str, dict[str, str | None]] = {
    "TokenizersBackend": {},
    "BertTokenizer": {**BERT},
    "DistilBertTokenizer": {**BERT},
    "RobertaTokenizer": {**ENDS, "sep": "</s>", "cls": "<s>", "pad": "<pad>", "mask": "<mask>"},
    "GPT2Tokenizer": {**GPT2, "pad": None},
    "GPTNeoXTokenizer": {**GPT2, "pad": "<|padding|>"},
    "Qwen2Tokenizer": {**GPT2, "bos": None, "pad": "<|endoftext|>"},
    "LlamaTokenizer": {**ENDS},
    "MarianTokenizer": {"unk": "<unk>", "eos": "</s>", "pad": "<pad>"},
}
"""The classes that are supported, with the special tokens of each unless its settings say else."""

SAME = {
    "BartTokenizer": "RobertaTokenizer",
    "ElectraTokenizer": "BertTokenizer",
    "BloomTokenizer": "TokenizersBackend",
    "PreTrainedTokenizer": "TokenizersBackend",
}

REGISTERED: dict[str, str | None] = {
    **dict.fromkeys(("bert", "distilbert", "electra", "nomic_bert"), "BertTokenizer"),
    **dict.fromkeys(("roberta", "bart"), "RobertaTokenizer"),
    **dict.fromkeys(("gpt2", "gpt_neo", "gptj", "codegen", "opt", "phi"), "GPT2Tokenizer"),
    "starcoder2": "GPT2Tokenizer",
    **dict.fromkeys(("gpt_neox", "mamba", "mpt", "olmo"), "GPTNeoXTokenizer"),
    **dict.fromkeys(("qwen2", "qwen2_moe", "qwen3", "qwen3_moe"), "Qwen2Tokenizer"),
    **dict.fromkeys(("gpt_bigcode", "stablelm", "olmo2", "phi3", "granite"), "TokenizersBackend"),
    "modernbert": "TokenizersBackend",
    **dict.fromkeys(("llama", "bloom", "falcon", "smollm3"), None),
    "marian": "MarianTokenizer",
    "": None,
}
"""The tokenizer class that transformers registers for each `model_type`; None: none."""

UNKNOWN = (
    "auto_map",
    "fast_tokenizer_files",
    "fix_mistral_regex",
    "init_inputs",
    "model_specific_special_tokens",
    "separate_vocabs",
    "sp_model_kwargs",
)
"""Settings that would change the results."""


FAULTS = (
    AttributeError,
    ArithmeticError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What the libraries below raise about files that they cannot use; transformers judges those."""


def load_tokenizer(checkpoint: Checkpoint) -> "FastTokenizer | MarianTokenizer":
    """Load a checkpoint's tokenizer without transformers.

    Raises UnsupportedTokenizer unless it is known to give the same results, ModelUnsuitable for
    damaged settings.
    """
    checkpoint = with_vocabulary(checkpoint)
    if checkpoint.gguf_file is not None:
        raise UnsupportedTokenizer("its tokenizer is in a GGUF file")
    settings = _read(checkpoint, "tokenizer_config.json")
    try:
        _check_settings(settings)
        _add_chat_template(checkpoint, settings)
        name = _class_of(checkpoint, settings)
        tokens = _special_tokens(checkpoint, settings, SPECIAL[name])
        if name == "MarianTokenizer":
            return _load_marian(checkpoint, settings, tokens)
        return _load_fast(checkpoint, name, settings, tokens)
    except FAULTS as error:
        raise UnsupportedTokenizer(f"its tokenizer has unusual settings: {error}") from None


ADDED = re.compile(rb'"added_tokens"\s*:\s*')
BEGINNING = 64 << 10  # bytes of tokenizer.json that hold the added tokens of most models


@dataclass(slots=True)
class _SpecialTokens:
    """Each token is its text, or a dictionary of its text and the rules for matching it."""

    by_role: dict[str, Any]
    """None: the role has no token."""
    extra: list[Any]

    def texts(self) -> tuple[dict[str, str], list[str]]:
        """The texts of both."""
        by_role = {
            role: text_of(self.by_role[role])
            for role in ROLES
            if self.by_role.get(role) is not None
        }
        return by_role, [text_of(token) for token in self.extra]


def _load_fast(
    checkpoint: Checkpoint, name: str, settings: Settings, tokens: _SpecialTokens
) -> FastTokenizer:
    types = ["token_type_ids"] if name == "BertTokenizer" else []
    settings.setdefault("model_input_names", ["input_ids", *types, "attention_mask"])
    backend = load_backend(checkpoint.folder, name, tokens.by_role)
    _check_added(checkpoint, backend, settings)
    if "pad" not in tokens.by_role and backend.padding is not None:
        tokens.by_role["pad"] = backend.padding["pad_token"]
    backend.no_truncation()
    backend.no_padding()
    if name != "TokenizersBackend":
        replace_components(backend, name, settings, tokens.by_role)
    special, extra = tokens.texts()
    add_missing(backend, [*(tokens.by_role[role] for role in special), *tokens.extra])
    replace_template(backend, name, settings, special)
    try:
        with panics_caught():
            require_usable(backend)
    except LlmcliError:
        raise
    except Exception as error:  # the package raises nothing narrower
        raise UnsupportedTokenizer(f"its tokenizer cannot be used: {error}") from None
    return FastTokenizer(backend, settings, special, extra)


def _check_settings(settings: Settings) -> None:
    """Raise UnsupportedTokenizer for settings that would change the results."""
    for key, value in settings.items():
        is_known_role = key.removesuffix("_token") in ROLES or not key.endswith("_token")
        if (value and key in UNKNOWN) or not (is_known_role or isinstance(value, bool | None)):
            raise UnsupportedTokenizer(f"its tokenizer has the setting {key}")


def _add_chat_template(checkpoint: Checkpoint, settings: Settings) -> None:
    """Put the chat template, or several templates by their names, into the settings."""
    folder = checkpoint.folder
    files = {path.stem: path for path in (folder / "additional_chat_templates").glob("*.jinja")}
    if (folder / "chat_template.jinja").is_file():
        files[DEFAULT] = folder / "chat_template.jinja"
    templates = settings.get("chat_template")
    if files:
        read = {name: metadata(checkpoint, files[name]).text() for name in sorted(files)}
        settings["chat_template"] = read[DEFAULT] if [*read] == [DEFAULT] else read
    elif isinstance(templates, list):
        settings["chat_template"] = by_name(templates, folder / "tokenizer_config.json")


def _read(checkpoint: Checkpoint, name: str) -> Settings:
    path = checkpoint.folder / name
    return read_json(checkpoint, path) if path.is_file() else {}


def _class_of(checkpoint: Checkpoint, settings: Settings) -> str:
    """The class that transformers would take for these types of model and tokenizer."""
    if checkpoint.unpacked_from is not None:  # a GGUF file states its tokenizer whole
        return "TokenizersBackend"
    config = _read(checkpoint, "config.json")
    model_type = config.get("model_type", None if config else "")
    if model_type not in REGISTERED:
        raise UnsupportedTokenizer(f"its model type is {model_type}")
    registered = REGISTERED[model_type]
    if model_type == "qwen2":  # some files name a wrong class
        return "Qwen2Tokenizer"
    name = settings.get("tokenizer_class") or config.get("tokenizer_class") or registered
    if name is None:
        raise UnsupportedTokenizer("it does not name the class of its tokenizer")
    name = str(name).removesuffix("Fast")
    name = SAME.get(name, name)
    if "TokenizersBackend" in (registered, name):
        return "TokenizersBackend"
    if name == "LlamaTokenizer" and _is_byte_level(checkpoint.folder):  # a wrong class, too
        return "TokenizersBackend"
    if name not in SPECIAL or (name == "MarianTokenizer") != (registered == "MarianTokenizer"):
        raise UnsupportedTokenizer(f"its tokenizer is of class {name}")
    return name


def _is_byte_level(folder: Path) -> bool:
    path = folder / "tokenizer.json"
    return path.is_file() and b'"ByteLevel"' in path.read_bytes()


def _special_tokens(
    checkpoint: Checkpoint, settings: Settings, defaults: dict[str, str | None]
) -> _SpecialTokens:
    """The special tokens of the settings, else of special_tokens_map.json, else of the class."""
    by_role: dict[str, Any] = {**defaults, **_roles(settings)}
    keys = ("extra_special_tokens", "additional_special_tokens")
    extra = settings.get(keys[0]) or settings.get(keys[1]) or []
    if "added_tokens_decoder" not in settings:
        stored = _read(checkpoint, "special_tokens_map.json")
        by_role |= _roles(stored)
        unknown = stored.keys() - {f"{role}_token" for role in ROLES} - {keys[1]}
        if unknown:
            raise UnsupportedTokenizer(f"its special tokens have {sorted(unknown)[0]}")
        if not any(key in settings for key in keys):
            extra = stored.get(keys[1], [])
    tokens = [*by_role.values(), *extra] if isinstance(extra, list) else [extra]
    if not all(token is None or isinstance(text_of(token), str) for token in tokens):
        raise UnsupportedTokenizer("its special tokens have an unknown format")
    return _SpecialTokens(by_role, extra)


def _roles(settings: Settings) -> dict[str, Any]:
    return {role: settings[f"{role}_token"] for role in ROLES if f"{role}_token" in settings}


def _check_added(checkpoint: Checkpoint, backend: "Tokenizer", settings: Settings) -> None:
    """Raise UnsupportedTokenizer if the files that list added tokens contradict one another."""
    from tokenizers import AddedToken

    added = backend.get_added_tokens_decoder()
    states = {token_id: token.__getstate__() for token_id, token in added.items()}
    ids = {state["content"]: token_id for token_id, state in states.items()}
    path = checkpoint.folder / "tokenizer.json"
    stored = stored_tokens(path) if path.is_file() else []
    agree = all(ids.get(token["content"]) == token["id"] for token in stored)
    if "added_tokens_decoder" in settings:
        decoder = settings["added_tokens_decoder"].items()
        agree &= {int(at): AddedToken(**token).__getstate__() for at, token in decoder} == states
    else:
        agree &= _read(checkpoint, "added_tokens.json").items() <= ids.items()
    if not agree:
        raise UnsupportedTokenizer("its added tokens are not those of its tokenizer.json")


def stored_tokens(path: Path) -> list[Any]:
    """The added tokens in a tokenizer.json, which mostly come before its long vocabulary.

    Raises OSError, ValueError.
    """
    with path.open("rb") as file:
        beginning = file.read(BEGINNING)
        key = ADDED.search(beginning)
        if key is not None:
            with suppress(ValueError):  # the list goes on beyond these bytes
                return _first_list(beginning[key.end() :].decode("utf-8", "ignore"))
        whole = beginning + file.read()
    key = ADDED.search(whole)
    return _first_list(whole[key.end() :].decode("utf-8")) if key else []


def _first_list(text: str) -> list[Any]:
    values: list[Any] = json.JSONDecoder().raw_decode(text)[0]
    return values


MARIAN_FILES = {"source.spm", "target.spm", "vocab.json"}
OTHER_FILES = {"tokenizer.json", "added_tokens.json"}


def _load_marian(
    checkpoint: Checkpoint, settings: Settings, tokens: _SpecialTokens
) -> "MarianTokenizer":
    from llmcli.tokenization.marian import MarianTokenizer

    files = {name for name in MARIAN_FILES | OTHER_FILES if (checkpoint.folder / name).is_file()}
    if files != MARIAN_FILES:
        raise UnsupportedTokenizer("its files are not those of a Marian model")
    rules = settings.get("added_tokens_decoder", {}).values()
    if any(rule.get(key) for rule in rules for key in ("lstrip", "rstrip", "single_word")):
        raise UnsupportedTokenizer("its added tokens include the spaces around them")
    if "model_input_names" in settings:
        raise UnsupportedTokenizer("it has model_input_names of its own")
    special, extra = tokens.texts()
    vocabulary = _read(checkpoint, "vocab.json")
    if not {"unk", "eos"} <= special.keys() or special["unk"] not in vocabulary:
        raise UnsupportedTokenizer("it lacks <unk> or </s>")
    return MarianTokenizer(checkpoint.folder, vocabulary, settings, special, extra)
