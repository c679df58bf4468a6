"""Tokenizers that give what those of transformers give, without the seconds of importing it.

What is not known to come out equal is refused, so that a caller can take transformers' own. The
rules are those of transformers 5.24: which class a folder has, which special tokens it adds, and
which parts of tokenizer.json it replaces by its own.
"""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmcli.models.checkpoint import Checkpoint, read_json
from llmcli.tokenization.classes import NAMED, FastTokenizer, MarianTokenizer
from llmcli.tokenization.components import (
    Settings,
    UnsupportedTokenizer,
    add_missing,
    load_backend,
    replace_parts,
    replace_template,
    text_of,
)

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["FastTokenizer", "MarianTokenizer", "UnsupportedTokenizer", "load_tokenizer"]

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
"""The classes that come out equal, and the special tokens that each has unless it is told."""

SAME = {
    "BartTokenizer": "RobertaTokenizer",
    "ElectraTokenizer": "BertTokenizer",
    "BloomTokenizer": "TokenizersBackend",
    "PreTrainedTokenizer": "TokenizersBackend",
}

OWN: dict[str, str | None] = {
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
"""The class of tokenizer that each `model_type` is registered with."""

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


def load_tokenizer(checkpoint: Checkpoint) -> FastTokenizer | MarianTokenizer:
    """Load a checkpoint's tokenizer without transformers.

    Raises UnsupportedTokenizer where it is not known to be the same, ModelUnsuitable for damaged
    settings.
    """
    if checkpoint.gguf_file is not None:
        raise UnsupportedTokenizer("its tokenizer is in a GGUF file")
    settings = _read(checkpoint, "tokenizer_config.json")
    try:
        _add_templates(checkpoint.folder, settings)
        name = _class(checkpoint, settings)
        given, extra = _special(checkpoint, settings, SPECIAL[name])
        if name == "MarianTokenizer":
            return _load_marian(checkpoint, settings, given, extra)
        return _load_fast(checkpoint, name, settings, given, extra)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnsupportedTokenizer(f"its tokenizer has unusual settings: {error}") from None


def _load_fast(
    checkpoint: Checkpoint, name: str, settings: Settings, given: dict[str, Any], extra: list[Any]
) -> FastTokenizer:
    types = ["token_type_ids"] if name == "BertTokenizer" else []
    settings.setdefault("model_input_names", ["input_ids", *types, "attention_mask"])
    backend = load_backend(checkpoint.folder, name, given)
    _check_added(checkpoint, backend, settings)
    if "pad" not in given and backend.padding is not None:
        given["pad"] = backend.padding["pad_token"]
    backend.no_truncation()
    backend.no_padding()
    if name != "TokenizersBackend":
        replace_parts(backend, name, settings, given)
    special = {one: text_of(given[one]) for one in NAMED if given.get(one) is not None}
    add_missing(backend, [*(given[one] for one in special), *extra])
    replace_template(backend, name, settings, special)
    return FastTokenizer(backend, settings, special, [text_of(token) for token in extra])


def _add_templates(folder: Path, settings: Settings) -> None:
    """Make the chat template, or several by name, part of the settings, and check these."""
    for key, value in settings.items():
        own = key.removesuffix("_token") in NAMED or not key.endswith("_token")
        if (value and key in UNKNOWN) or not (own or isinstance(value, bool | None)):
            raise UnsupportedTokenizer(f"its tokenizer has the setting {key}")
    if (folder / "additional_chat_templates").exists():
        raise UnsupportedTokenizer("it has several chat templates")
    if (folder / "chat_template.jinja").is_file():
        settings["chat_template"] = (folder / "chat_template.jinja").read_text(encoding="utf-8")
    if isinstance(settings.get("chat_template"), list):
        templates = settings["chat_template"]
        settings["chat_template"] = {one["name"]: one["template"] for one in templates}


def _read(checkpoint: Checkpoint, name: str) -> Settings:
    path = checkpoint.folder / name
    return read_json(checkpoint, path) if path.is_file() else {}


def _class(checkpoint: Checkpoint, settings: Settings) -> str:
    """The class that transformers would take, by the names of the model and of its tokenizer."""
    config = _read(checkpoint, "config.json")
    model = config.get("model_type", None if config else "")
    if model not in OWN:
        raise UnsupportedTokenizer(f"its model type is {model}")
    own = OWN[model]
    if model == "qwen2":  # known to be named wrongly
        return "Qwen2Tokenizer"
    name = settings.get("tokenizer_class") or config.get("tokenizer_class") or own
    if name is None:
        raise UnsupportedTokenizer("its tokenizer is of no class")
    name = str(name).removesuffix("Fast")
    name = SAME.get(name, name)
    if "TokenizersBackend" in (own, name):
        return "TokenizersBackend"
    if name == "LlamaTokenizer" and _is_byte_level(checkpoint.folder):  # named wrongly, too
        return "TokenizersBackend"
    if name not in SPECIAL or (name == "MarianTokenizer") != (own == "MarianTokenizer"):
        raise UnsupportedTokenizer(f"its tokenizer is of class {name}")
    return name


def _is_byte_level(folder: Path) -> bool:
    path = folder / "tokenizer.json"
    return path.is_file() and b'"ByteLevel"' in path.read_bytes()


def _special(
    checkpoint: Checkpoint, settings: Settings, own: dict[str, Any]
) -> tuple[dict[str, Any], list[Any]]:
    """The special tokens by what they are for, and more of them: text, or text with its rules."""
    given = own | {one: settings[f"{one}_token"] for one in NAMED if f"{one}_token" in settings}
    keys = ("extra_special_tokens", "additional_special_tokens")
    extra = settings.get(keys[0]) or settings.get(keys[1]) or []
    if "added_tokens_decoder" not in settings:
        named = _read(checkpoint, "special_tokens_map.json")
        given |= {one: named.pop(f"{one}_token") for one in NAMED if f"{one}_token" in named}
        more = named.pop(keys[1], [])
        if named:
            raise UnsupportedTokenizer(f"its special tokens have {next(iter(named))}")
        if not any(key in settings for key in keys):
            extra = more
    everything = [*given.values(), *extra] if isinstance(extra, list) else [extra]
    if not all(one is None or isinstance(text_of(one), str) for one in everything):
        raise UnsupportedTokenizer("its special tokens are given in an unknown way")
    return given, extra


def _check_added(checkpoint: Checkpoint, backend: "Tokenizer", settings: Settings) -> None:
    """Make sure that all places where added tokens are listed agree."""
    from tokenizers import AddedToken

    found = {at: token.__getstate__() for at, token in backend.get_added_tokens_decoder().items()}
    places = {token["content"]: at for at, token in found.items()}
    path = checkpoint.folder / "tokenizer.json"
    listed = _listed(path.read_text(encoding="utf-8")) if path.is_file() else []
    agree = all(places.get(token["content"]) == token["id"] for token in listed)
    if "added_tokens_decoder" in settings:
        own = settings["added_tokens_decoder"]
        agree &= {int(at): AddedToken(**token).__getstate__() for at, token in own.items()} == found
    else:
        agree &= _read(checkpoint, "added_tokens.json").items() <= places.items()
    if not agree:
        raise UnsupportedTokenizer("its added tokens are not those of its tokenizer.json")


def _listed(text: str) -> list[Any]:
    """The added tokens of a tokenizer.json, which come before its long vocabulary."""
    key = re.search(r'"added_tokens"\s*:\s*', text)
    return json.JSONDecoder().raw_decode(text, key.end())[0] if key else []


def _load_marian(
    checkpoint: Checkpoint, settings: Settings, given: dict[str, Any], extra: list[Any]
) -> MarianTokenizer:
    names = ("source.spm", "target.spm", "vocab.json")
    strange = ("tokenizer.json", "added_tokens.json")
    there = {name for name in (*names, *strange) if (checkpoint.folder / name).is_file()}
    if there != set(names):
        raise UnsupportedTokenizer("its files are not those of a Marian model")
    rules = settings.get("added_tokens_decoder", {}).values()
    if any(rule.get(key) for rule in rules for key in ("lstrip", "rstrip", "single_word")):
        raise UnsupportedTokenizer("its added tokens take the spaces beside them")
    if "model_input_names" in settings:
        raise UnsupportedTokenizer("it has model_input_names of its own")
    special = {one: text_of(given[one]) for one in NAMED if given.get(one) is not None}
    vocabulary = _read(checkpoint, "vocab.json")
    if not {"unk", "eos"} <= special.keys() or special["unk"] not in vocabulary:
        raise UnsupportedTokenizer("it lacks <unk> or </s>")
    more = [text_of(token) for token in extra]
    return MarianTokenizer(checkpoint.folder, vocabulary, settings, special, more)
