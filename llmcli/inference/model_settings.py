"""Which settings of a model's generation_config.json are used, and which are named as left out."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

from llmcli.decoding.generation_config import with_config
from llmcli.engines.base import Loaded
from llmcli.models.checkpoint import Checkpoint, lowest, read_json
from llmcli.spec import Decoding

TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")
RULES = (
    *("repetition_penalty", "no_repeat_ngram_size", "bad_words_ids", "sequence_bias"),
    *("encoder_repetition_penalty", "encoder_no_repeat_ngram_size", "renormalize_logits"),
    *("min_length", "min_new_tokens", "max_length", "max_new_tokens", "suppress_tokens"),
    *("begin_suppress_tokens", "forced_bos_token_id", "forced_eos_token_id"),
    *("exponential_decay_length_penalty", "length_penalty", "early_stopping"),
    *("max_tokens_per_source_token",),
)
"""Settings that every generated text obeys; the length penalty and early stopping are of beams."""
SAMPLING = (
    *("temperature", "top_k", "top_p", "min_p", "top_h", "typical_p", "epsilon_cutoff"),
    "eta_cutoff",
)
"""Settings that sampling obeys; they mean nothing without `do_sample`."""
WITHOUT_EFFECT = (
    *("transformers_version", "_from_model_config", "_commit_hash", "use_cache", "max_cache_len"),
    *("output_attentions", "output_hidden_states", "output_scores", "output_logits"),
    *("return_dict_in_generate", "is_assistant", "assistant_confidence_threshold"),
    *("num_assistant_tokens", "num_assistant_tokens_schedule", "assistant_lookbehind"),
    *("target_lookbehind", "compile_config", "disable_compile", "low_memory"),
    *("prefill_chunk_size", "trust_remote_code", "force_bos_token_to_be_generated"),
)
"""Settings that change no text: of memory, speed, and what transformers returns beside it."""
SETTINGS = ("do_sample", *(field.name for field in fields(Decoding)))
OFF: tuple[Any, ...] = (None, False, 0, 1, [], {}, "")
"""Values of the other settings that ask for nothing."""


def own_settings(checkpoint: Checkpoint) -> dict[str, Any]:
    """The contents of a checkpoint's generation_config.json; nothing if it has no such file."""
    checkpoint = lowest(checkpoint)
    path = checkpoint.folder / "generation_config.json"
    if checkpoint.gguf_file is not None or not path.is_file():
        return {}
    return read_json(checkpoint, path)


def unused_notes(loaded: Loaded, options: Decoding, *, stops: bool = False) -> Iterator[str]:
    """A line for the settings in a model's generation_config.json that are not used.

    options: what the user asks for. stops: the text ends at stop strings.
    """
    own = own_settings(loaded.checkpoint)
    unused = unused_settings(own, options, stops=stops)
    if own.get("do_sample") is True and not options.samples:
        sampling = [name for name in SAMPLING if own.get(name) is not None]
        reason = " unless a setting of sampling is given" if stops else ""
        yield _line(["do_sample", *sampling], reason)
    if unused:
        yield _line(unused)


def unused_settings(own: Mapping[str, Any], options: Decoding, *, stops: bool = False) -> list[str]:
    """The names of the settings that would change a text in transformers, and do not here.

    own: of generation_config.json. options, stops: as in `unused_notes`; do_sample and what it
    turns on are not among them.

    >>> unused_settings({"guidance_scale": 1.5, "top_k": 5, "num_beam_groups": 1}, Decoding())
    ['guidance_scale']
    """
    settled = with_config(options, SimpleNamespace(**own))
    used = {*TOKENS, *RULES, *SAMPLING, *WITHOUT_EFFECT, "do_sample"}
    if options.num_beams is not None or settled.num_beams == own.get("num_beams"):
        used.add("num_beams")
    if stops and (options.stop or settled.stop):
        used.add("stop_strings")
    asked = {name for name, value in own.items() if value is True or value not in OFF}
    return [name for name in own if name in asked - used]


def _line(names: list[str], reason: str = "") -> str:
    """A name that is an option, too, stands without the quotes that would make it a flag."""
    quoted = [name if name in SETTINGS else f"`{name}`" for name in names]
    are = "is" if len(names) == 1 else "are"
    return f"generation_config.json: {', '.join(quoted)} {are} not used{reason}"
