"""Reading checkpoints with transformers and peft: the only file that calls from_pretrained.

What these functions raise about a checkpoint, `errors_explained` turns into one line.
"""

from typing import Any

from transformers import AutoConfig, AutoTokenizer
from transformers.utils import logging

from llmcli.models.checkpoint import Checkpoint, check_tokenizer
from llmcli.models.safetensors import Tensors
from llmcli.spec import ModelSpec
from llmcli.system.extras import load_extra

logging.set_verbosity_error()
logging.disable_progress_bar()  # stderr belongs to cli/output.py


def read_config(checkpoint: Checkpoint, model: ModelSpec) -> Any:
    """The configuration of transformers, with the defaults of its class.

    A padding token that has no row in the embedding table, such as -1, is left out: torch would
    refuse it, and what is padding is masked.
    """
    config = AutoConfig.from_pretrained(checkpoint.folder, **_access(checkpoint, model))
    pad, rows = (getattr(config, name, None) for name in ("pad_token_id", "vocab_size"))
    if isinstance(pad, int) and isinstance(rows, int) and not 0 <= pad < rows:
        config.pad_token_id = None
    return config


def read_tokenizer(checkpoint: Checkpoint, model: ModelSpec) -> Any:
    """The tokenizer of a checkpoint. Raises ModelUnsuitable if it has no vocabulary."""
    if checkpoint.gguf_file is None:
        check_tokenizer(checkpoint)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint.folder, **_access(checkpoint, model))
    tokenizer.allow_special = model.allow_special
    return tokenizer


def read_tokenizer_folder(folder: Any) -> Any:
    """The tokenizer in a folder that this program wrote."""
    return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def read_network(
    network_class: Any, checkpoint: Checkpoint, model: ModelSpec, config: Any, dtype: Any
) -> tuple[Any, dict[str, Any]]:
    """A torch module with a checkpoint's weights, and what transformers says about them.

    config: of transformers. dtype: of torch. The second value lists `missing_keys`, weights that
    got random values, and `mismatched_keys`, those whose shape was another one.
    """
    network, info = network_class.from_pretrained(
        checkpoint.folder,
        config=config,
        dtype=dtype,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # listed in `info`, for the caller to judge
        use_safetensors=True,
        **_access(checkpoint, model),
    )
    return network, info


def read_pickled_network(network_class: Any, checkpoint: Checkpoint, model: ModelSpec) -> Any:
    """A torch module with weights from pickles; torch's weights-only reader runs no code.

    Safetensors are read where there are any: then only a module beside the network is pickled.
    """
    access = _access(checkpoint, model)
    safe = any(checkpoint.folder.glob("model*.safetensors"))
    return network_class.from_pretrained(checkpoint.folder, use_safetensors=safe, **access)


def merge_adapters(network: Any, checkpoint: Checkpoint) -> Any:
    """Add a checkpoint's adapters to the weights of the model that they were trained on.

    Where they bring an embedding table of another size, for tokens that were added, the model is
    resized first.
    """
    rows = _adapted_rows(network, checkpoint)
    if rows is not None:
        network.resize_token_embeddings(rows, mean_resizing=False)
    adapted = peft_library().PeftModel.from_pretrained(network, str(checkpoint.folder))
    return adapted.merge_and_unload()


def _adapted_rows(network: Any, checkpoint: Checkpoint) -> int | None:
    """Rows of the embedding table or output layer among adapters; None if there is none."""
    tables = (network.get_input_embeddings(), network.get_output_embeddings())
    weights = [table.weight for table in tables if table is not None]
    names = [
        f"base_model.model.{name}"
        for name, weight in network.named_parameters(remove_duplicate=False)
        if any(weight is own for own in weights)
    ]
    shapes = Tensors([checkpoint.folder / "adapter_model.safetensors"]).shapes()
    return next((shapes[name][0] for name in names if name in shapes), None)


def _access(checkpoint: Checkpoint, model: ModelSpec) -> dict[str, Any]:
    gguf = {"gguf_file": checkpoint.gguf_file} if checkpoint.gguf_file else {}
    return {"local_files_only": True, "trust_remote_code": model.trust_remote_code, **gguf}


def peft_library() -> Any:
    """peft. Raises InputError, with the pip line, where it is not installed."""
    return load_extra("peft", "a model with LoRA adapters")
