"""What is wrong with the files of a checkpoint from which a training run would continue."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llmcli.engines.pytorch.completeness import named
from llmcli.engines.pytorch.errors import first_line
from llmcli.engines.pytorch.from_pretrained import peft_library
from llmcli.errors import LlmcliError, ModelUnsuitable
from llmcli.models.safetensors import Tensors
from llmcli.models.sound_weights import require_finite
from llmcli.system.resource_errors import scarce_resource


@contextmanager
def damage_explained(checkpoint: str | None) -> Iterator[None]:
    """Turn what transformers raises about a file of a checkpoint into one line.

    Its pickles (optimizer.pt, scheduler.pt, rng_state.pth) are read by torch's weights-only reader,
    which raises where code would run.
    """
    try:
        yield
    except LlmcliError:
        raise
    except Exception as error:  # a damaged pickle raises anything
        if scarce_resource(error) is not None:
            raise
        raise ModelUnsuitable(
            f"{checkpoint} cannot be continued: a file in it is damaged, or would run code when it "
            f"is read ({first_line(str(error)) or type(error).__name__}); remove the folder to "
            "continue from the checkpoint before it"
        ) from error


def require_whole_weights(network: Any, checkpoint: Path) -> None:
    """Raise ModelUnsuitable if a checkpoint lacks weights of a network, or has some not finite."""
    whole, adapters = (
        checkpoint / name for name in ("model.safetensors", "adapter_model.safetensors")
    )
    path = whole if whole.is_file() else adapters
    if not path.is_file():  # divided among several files or GPUs
        return
    require_finite(str(checkpoint), path)
    saved = set(Tensors([path]).names())
    lost = _adapters(network) - saved if path is adapters else _unsaved(network, saved)
    if lost:
        raise ModelUnsuitable(
            f"{path} lacks {named(lost)}: it is damaged; remove the folder to continue from the "
            "checkpoint before it"
        )


def _adapters(network: Any) -> set[str]:
    """The names of the adapters of a network, as they are saved."""
    return set(peft_library().get_peft_model_state_dict(network, save_embedding_layers=False))


def _unsaved(network: Any, saved: set[str]) -> set[str]:
    """The weights of a network that are saved neither by their names nor by those they share."""
    state = network.state_dict()
    places = {state[name].data_ptr() for name in saved & set(state)}
    derived = set(getattr(network, "_keys_to_ignore_on_save", None) or ())
    return {
        name for name, weight in state.items() if weight.numel() and weight.data_ptr() not in places
    } - derived
