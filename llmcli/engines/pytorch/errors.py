"""What transformers raises about a checkpoint, as one line."""

import contextlib
import functools
import importlib
import pickle
import struct
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError

from llmcli.errors import LlmcliError, ModelUnsuitable, OutOfMemory
from llmcli.models.checkpoint import Checkpoint, lowest
from llmcli.system.extras import PIP_NAMES, missing
from llmcli.system.resource_errors import scarce_resource

_LOADING = threading.RLock()
"""While it loads, transformers changes torch's default dtype for the process, and we the warnings:
one thread at a time."""


@contextlib.contextmanager
def errors_explained(checkpoint: Checkpoint) -> Iterator[None]:
    """Turn what transformers raises while it loads a checkpoint into one line."""
    name = checkpoint.model_id
    if lowest(checkpoint).gguf_file is not None:
        _silence_gguf_reader()
    try:
        with _LOADING, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except LlmcliError:
        raise
    except Exception as error:
        raise _explained(name, error) from None


def _explained(name: str, error: Exception) -> LlmcliError:
    """The error for what a library raised, which about a stranger's files may be anything."""
    if isinstance(error, ImportError):
        return ModelUnsuitable(_missing_package(name, str(error)))
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return OutOfMemory(f"{name} does not fit into memory: try `dtype`=bfloat16")
    if isinstance(error, (pickle.UnpicklingError, EOFError)):
        return ModelUnsuitable(
            f"{name} is refused: its pickle is damaged, or would run code when it is read"
        )
    if isinstance(error, StrictDataclassError):
        return ModelUnsuitable(f"{name} has a broken config.json: {last_line(str(error))}")
    if isinstance(error, (SafetensorError, struct.error)):
        return ModelUnsuitable(f"{name} is damaged: {error}")
    scarce = scarce_resource(error)
    return scarce or ModelUnsuitable(f"{name} cannot be loaded: {_one_line(error)}")


@functools.cache
def _silence_gguf_reader() -> None:
    """Turn off the progress bar of the GGUF reader, which ignores the settings of transformers."""
    reader: Any = importlib.import_module("transformers.modeling_gguf_pytorch_utils")
    reader.tqdm = functools.partial(reader.tqdm, disable=True)


def _missing_package(name: str, message: str) -> str:
    for package in PIP_NAMES:
        if package in message.lower():
            return missing(package, name)
    return f"{name} needs a package that is not installed: {first_line(message)}"


def _one_line(error: Exception) -> str:
    text = str(error)
    if "trust_remote_code" in text:
        return "it comes with Python code of its own; set `trust_remote_code` to run that"
    if "tokenizer" in text.lower() and isinstance(error, (OSError, ValueError)):
        return f"its tokenizer cannot be read ({first_line(text)})"
    if isinstance(error, KeyError):
        return f"its configuration lacks {text}"
    return first_line(text) or type(error).__name__


def first_line(text: str) -> str:
    """The first line of an error message that is not blank, at most 300 characters."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:300].rstrip(".:") if lines else ""


def last_line(text: str) -> str:
    """The last line of an error message, where validation errors state the reason."""
    return text.strip().splitlines()[-1].strip().removeprefix("TypeError: ")
