"""What transformers raises about a checkpoint, as one line."""

import contextlib
import functools
import importlib
import pickle
import struct
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError

from llmcli.errors import LlmcliError, ModelUnsuitable
from llmcli.models.checkpoint import Checkpoint
from llmcli.system.extras import PIP_NAMES, missing


@contextlib.contextmanager
def errors_explained(checkpoint: Checkpoint) -> Iterator[None]:
    """Turn what transformers raises about a checkpoint into one line."""
    name = checkpoint.model_id
    try:
        with warnings.catch_warnings(), _silent_gguf(checkpoint):
            warnings.simplefilter("ignore")
            yield
    except LlmcliError:
        raise
    except ImportError as error:
        raise ModelUnsuitable(_missing_package(name, str(error))) from None
    except (MemoryError, torch.OutOfMemoryError):
        raise ModelUnsuitable(f"{name} does not fit into memory: try --dtype bfloat16") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise ModelUnsuitable(f"{name} cannot be loaded: {_one_line(name, error)}") from None
    except (pickle.UnpicklingError, EOFError):
        raise ModelUnsuitable(
            f"{name} is refused: its pickle is damaged, or would run code when it is read"
        ) from None
    except StrictDataclassError as error:
        raise ModelUnsuitable(
            f"{name} has a broken config.json: {_last_line(str(error))}"
        ) from None
    except (SafetensorError, struct.error) as error:
        raise ModelUnsuitable(f"{name} is damaged: {error}") from None


@contextlib.contextmanager
def _silent_gguf(checkpoint: Checkpoint) -> Iterator[None]:
    """Keep the GGUF reader's progress bar off stderr: it heeds no setting of transformers."""
    if checkpoint.gguf_file is None:
        yield
        return
    reader: Any = importlib.import_module("transformers.modeling_gguf_pytorch_utils")
    bar = reader.tqdm
    reader.tqdm = functools.partial(bar, disable=True)
    try:
        yield
    finally:
        reader.tqdm = bar


def _missing_package(name: str, message: str) -> str:
    for package in PIP_NAMES:
        if package in message.lower():
            return missing(package, name)
    return f"{name} needs a package that is not installed: {_first_line(message)}"


def _one_line(name: str, error: Exception) -> str:
    text = str(error)
    if "trust_remote_code" in text:
        return "it brings its own Python code; run it with --trust-remote-code if you trust it"
    if "tokenizer" in text.lower() and isinstance(error, (OSError, ValueError)):
        return f"it has no tokenizer that can be read ({_first_line(text)})"
    if isinstance(error, KeyError):
        return f"its configuration lacks {text}"
    return _first_line(text) or type(error).__name__


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:300].rstrip(".:") if lines else ""


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1].strip().removeprefix("TypeError: ")
