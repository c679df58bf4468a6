"""Names that the user may have meant, for a model that is not there."""

from collections.abc import Iterator
from pathlib import Path

from llmcli.models.checkpoint import starters

WELL_KNOWN = (
    *("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", "distilgpt2", "t5-small", "t5-base"),
    *("bert-base-uncased", "bert-base-cased", "bert-base-chinese", "roberta-base"),
    *("distilbert-base-uncased", "xlm-roberta-base", "facebook/bart-large-mnli"),
    *("sentence-transformers/all-MiniLM-L6-v2", "Qwen/Qwen3-0.6B"),
    "HuggingFaceTB/SmolLM2-135M-Instruct",
)
CLOSE = 0.75  # of difflib's ratio: gpt2 and gtp2 have that
TYPO = 0.8  # bert-eng, gpt2-storys; no model of the Hub without an owner is as close to a starter


def nearest_starter(name: str) -> str | None:
    """The starter that a name must be a mistake for: on the Hub, new names have an owner."""
    if "/" in name or name in WELL_KNOWN:
        return None
    from difflib import get_close_matches

    return next(iter(get_close_matches(name.lower(), starters(), 1, TYPO)), None)


def did_you_mean(name: str) -> str:
    """`; did you mean NAME?` with the nearest starter, cached model, folder or well-known model.

    Empty if none is near.
    """
    if name in WELL_KNOWN:
        return ""
    from difflib import get_close_matches

    names = dict.fromkeys([*starters(), *_cached(), *_beside(name), *WELL_KNOWN])
    near = get_close_matches(name, [other for other in names if other != name], 1, CLOSE)
    return f"; did you mean {near[0]}?" if near else ""


def _cached() -> Iterator[str]:
    """The models in the Hub's cache, by the names of their folders."""
    from huggingface_hub import constants

    for folder in Path(constants.HF_HUB_CACHE).glob("models--*"):
        yield folder.name.removeprefix("models--").replace("--", "/")


def _beside(name: str) -> Iterator[str]:
    """Folders with a model, and GGUF files, where a path points to."""
    path = Path(name)
    try:
        for other in path.parent.iterdir():
            is_model = any(
                (other / file).is_file() for file in ("config.json", "adapter_config.json")
            )
            if is_model or other.suffix == ".gguf":
                yield str(other) if path.parent != Path() or "/" in name else other.name
    except OSError:
        return
