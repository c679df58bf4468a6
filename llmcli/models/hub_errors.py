"""The error messages of the hub: what huggingface_hub raises, as one line with a remedy."""

import errno
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from llmcli.errors import DiskFull, LlmcliError, ModelNotFound
from llmcli.models.checkpoint import starters
from llmcli.models.suggestions import did_you_mean
from llmcli.spec import ModelSpec
from llmcli.system.resource_errors import FULL

CONNECT_SECONDS = 10.0  # a network that drops packets would make us wait for minutes


def http_library() -> Any:
    """The HTTP library of the installed huggingface_hub: httpx of 1.x, httpx2 of 2.x."""
    from huggingface_hub.errors import HfHubHTTPError

    base = next(parent for parent in HfHubHTTPError.__mro__ if parent.__name__ == "HTTPError")
    return import_module(base.__module__.partition(".")[0])


@contextmanager
def hub_errors_explained(model: ModelSpec) -> Iterator[None]:
    """Turn every failure of huggingface_hub into one line; it prints nothing itself."""
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    http = http_library()
    _prepare()
    try:
        yield
    except LocalEntryNotFoundError as error:  # its cause says what went wrong
        raise _explained(error.__cause__ or error, model) from None
    except (http.HTTPError, http.InvalidURL, OSError, RuntimeError) as error:
        # RuntimeError is hf_xet's
        raise _explained(error, model) from None
    except HFValidationError:
        name = model.model_id
        raise ModelNotFound(
            f"no model {name!r}: no such file or folder, and not a valid hub id"
        ) from None
    except (ValueError, KeyError, TypeError, AssertionError, ImportError) as error:
        # an answer that is not the hub's, or a token or proxy that httpx cannot use
        raise ModelNotFound(
            f"cannot download {model.model_id} from {_endpoint()}: {_one_line(error)}; check "
            "HF_ENDPOINT, HF_TOKEN and the proxy, and whether the network requires a login"
        ) from None


def _prepare() -> None:
    """Silence the log, show progress bars only on a terminal, limit the time to connect."""
    from huggingface_hub import get_session
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]
    from huggingface_hub.utils.logging import set_verbosity

    set_verbosity(logging.ERROR)
    warnings.filterwarnings("ignore", "Not enough free disk space")
    if not sys.stderr.isatty():
        disable_progress_bars()
    get_session().timeout = http_library().Timeout(None, connect=CONNECT_SECONDS)


def _explained(error: BaseException, model: ModelSpec) -> LlmcliError:
    from huggingface_hub import errors as hub

    http = http_library()
    name = model.model_id
    if isinstance(error, hub.HfHubHTTPError):
        return _answered(error, model)
    if isinstance(error, (hub.LocalEntryNotFoundError, hub.OfflineModeIsEnabled)):
        return not_here(model)
    if isinstance(error, (http.ReadError, http.RemoteProtocolError, RuntimeError)):
        return _interrupted(error, name)
    if isinstance(error, (http.HTTPError, http.InvalidURL, hub.FileMetadataError)):
        return ModelNotFound(
            f"cannot reach {_endpoint()} for {name}: check the network, set HF_ENDPOINT to a "
            f"mirror, or give a local folder{did_you_mean(name)}"
        )
    assert isinstance(error, OSError)
    return _disk_error(error, name)


def _answered(error: Any, model: ModelSpec) -> ModelNotFound:
    """The error for an HfHubHTTPError."""
    from huggingface_hub import errors as hub

    name, status = model.model_id, error.response.status_code
    if isinstance(error, hub.GatedRepoError):
        return ModelNotFound(
            f"{name} is gated: accept its terms at {_endpoint()}/{repo_of(name)}, then run "
            "hf auth login or set HF_TOKEN"
        )
    if isinstance(error, hub.RevisionNotFoundError):
        return ModelNotFound(f"{name} has no revision {model.revision!r}")
    if isinstance(error, hub.RemoteEntryNotFoundError):
        return ModelNotFound(f"no such file on the hub: {name}")
    if isinstance(error, hub.RepositoryNotFoundError) or (
        status == 401 and "authorization" not in error.response.request.headers
    ):
        return ModelNotFound(
            f"no model {name!r} at {_endpoint()}; if it is private, set HF_TOKEN"
            + ("" if "/" in name else f"; starters are: {', '.join(starters())}")
            + did_you_mean(name)
        )
    if status == 401:
        return ModelNotFound(
            f"{_endpoint()} refuses the token for {name}: renew HF_TOKEN, or run hf auth login"
        )
    return ModelNotFound(f"{_endpoint()} answered {status} for {name}: try again later")


def _disk_error(error: OSError, name: str) -> LlmcliError:
    if error.errno in FULL:
        return DiskFull(
            f"no space left for {name} in {cache_dir()}: free space, or set HF_HOME to another disk"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
        return ModelNotFound(f"cannot write to {cache_dir()}: {error.strerror}; set HF_HOME")
    return _interrupted(error, name)


def _interrupted(error: BaseException, name: str) -> ModelNotFound:
    return ModelNotFound(f"the download of {name} was interrupted ({_one_line(error)}): try again")


def not_here(model: ModelSpec) -> ModelNotFound:
    """The error for a model that would have to be downloaded while offline."""
    name = model.model_id
    reason = "`offline` is set" if model.offline else "HF_HUB_OFFLINE is set"
    return ModelNotFound(
        f"{name} is not in the cache, or not complete, and {reason}: "
        f"download it once with llmcli models pull {name}{did_you_mean(name)}"
    )


def repo_of(model_id: str) -> str:
    """The repository on the hub of a model id, which may name a GGUF file in it.

    >>> repo_of("owner/name/file.gguf")
    'owner/name'
    """
    return "/".join(model_id.split("/")[:2])


def cache_dir() -> str:
    """The folder of the cache, which all Hugging Face tools share."""
    from huggingface_hub import constants

    return str(constants.HF_HUB_CACHE)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _endpoint() -> str:
    return os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
