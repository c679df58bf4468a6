"""Reading checkpoints with transformers and peft: the only file that calls from_pretrained.

What these functions raise about a checkpoint, `errors_explained` turns into one line.
"""

import warnings
from functools import partial
from typing import Any

from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerFast
from transformers.utils import logging

from llmcli.decoding.text_config import set_text_setting, text_setting
from llmcli.engines.pytorch.completeness import require_finite_weights, require_whole_adapters
from llmcli.errors import ModelUnsuitable
from llmcli.models.adapters import PREFIX, saved_names
from llmcli.models.checkpoint import (
    TOKENIZER_FILES,
    Checkpoint,
    check_settings,
    check_tokenizer,
    with_vocabulary,
)
from llmcli.models.safetensors import Tensors
from llmcli.spec import ModelSpec
from llmcli.system.extras import load_extra
from llmcli.system.panics import panics_caught
from llmcli.tokenization.components import PROBE, require_usable
from llmcli.tokenization.marian import split_code

logging.set_verbosity_error()
logging.disable_progress_bar()  # stderr belongs to cli/output.py


def read_config(checkpoint: Checkpoint, model: ModelSpec) -> Any:
    """The configuration of transformers, with the defaults of its class.

    A padding token that has no row in the embedding table, such as -1, is left out: torch would
    refuse it, and what is padding is masked.
    """
    if checkpoint.base is not None and not (checkpoint.folder / "config.json").is_file():
        config = read_config(checkpoint.base, model)
        for name, value in checkpoint.changes.items():
            setattr(config, name, value)
        return config
    config = AutoConfig.from_pretrained(checkpoint.folder, **_access(checkpoint, model))
    pad, rows = (text_setting(config, name) for name in ("pad_token_id", "vocab_size"))
    if isinstance(pad, int) and isinstance(rows, int) and not 0 <= pad < rows:
        set_text_setting(config, "pad_token_id", None)
    return config


def read_tokenizer(checkpoint: Checkpoint, model: ModelSpec) -> Any:
    """The tokenizer of a checkpoint. Raises ModelUnsuitable if it has no vocabulary."""
    checkpoint = with_vocabulary(checkpoint)
    if checkpoint.gguf_file is None:
        check_tokenizer(checkpoint)
    check_settings(checkpoint, TOKENIZER_FILES)
    # A GGUF file states its tokenizer whole, where some classes would replace parts of it.
    is_stated = checkpoint.unpacked_from is not None
    tokenizer_class: Any = PreTrainedTokenizerFast if is_stated else AutoTokenizer
    with panics_caught():
        tokenizer = tokenizer_class.from_pretrained(checkpoint.folder, **_access(checkpoint, model))
        if hasattr(tokenizer, "backend_tokenizer"):
            require_usable(tokenizer.backend_tokenizer)
        tokenizer(PROBE)
    tokenizer.allow_special = model.allow_special
    return _mended(tokenizer)


def read_tokenizer_folder(folder: Any) -> Any:
    """The tokenizer in a folder that this program wrote."""
    access = {"local_files_only": True, "trust_remote_code": False}
    with panics_caught():
        return _mended(AutoTokenizer.from_pretrained(folder, **access))


def _mended(tokenizer: Any) -> Any:
    """The tokenizer; of Marian, whose class takes all of `>> a << b` up to << for a code, with only
    the codes of the vocabulary as codes."""
    if hasattr(tokenizer, "remove_language_code"):
        tokenizer.remove_language_code = partial(_code_and_text, tokenizer.supported_language_codes)
    return tokenizer


def _code_and_text(codes: list[str], text: str) -> tuple[list[str], str]:
    code, rest = split_code(text, codes)
    return [code] if code else [], rest


def read_network(
    network_class: Any, checkpoint: Checkpoint, model: ModelSpec, config: Any, dtype: Any
) -> tuple[Any, dict[str, Any]]:
    """A torch module with a checkpoint's weights, and what transformers says about them.

    config: of transformers. dtype: of torch. The second value lists `missing_keys`, weights that
    got random values, and `mismatched_keys`, those whose shape was another one.
    Adapters are added to the weights of the model that they are for.
    """
    if checkpoint.base is not None:
        return _read_adapted(network_class, checkpoint, model, config, dtype)
    check_settings(checkpoint, ("config.json", "generation_config.json"))
    network, info = network_class.from_pretrained(
        checkpoint.folder,
        config=config,
        dtype=dtype,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # listed in `info`, for the caller to judge
        use_safetensors=True,
        **_access(checkpoint, model),
    )
    if checkpoint.gguf_file is not None:
        _as_floats(network)
        require_finite_weights(network, checkpoint)
    return network, info


def _as_floats(network: Any) -> None:
    """Say of weights from a GGUF file what they are: floats, which can be trained and saved."""
    network.hf_quantizer = None
    for owner in (network, network.config):
        for name in ("is_quantized", "quantization_method", "quantization_config"):
            vars(owner).pop(name, None)


def read_pickled_network(
    network_class: Any, checkpoint: Checkpoint, model: ModelSpec
) -> tuple[Any, dict[str, Any]]:
    """A torch module with weights from pickles; torch's weights-only reader runs no code.

    Safetensors are read where there are any: then only a module beside the network is pickled.
    The second value is that of `read_network`.
    """
    network, info = network_class.from_pretrained(
        checkpoint.folder,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # listed in `info`
        use_safetensors=any(checkpoint.folder.glob("model*.safetensors")),
        **_access(checkpoint, model),
    )
    return network, info


def _read_adapted(
    network_class: Any, checkpoint: Checkpoint, model: ModelSpec, config: Any, dtype: Any
) -> tuple[Any, dict[str, Any]]:
    """`read_network` of adapters, which may bring a head that their base lacks."""
    peft_library()
    base: Any = checkpoint.base
    # Their own table, if they have one, is larger than the base's.
    rows = text_setting(read_config(base, model), "vocab_size")
    set_text_setting(config, "vocab_size", rows)
    network, info = read_network(network_class, base, model, config, dtype)
    adapted, left_out = with_saved_adapters(network, checkpoint)
    adapted = adapted.merge_and_unload().requires_grad_(True)
    saved = set(saved_names(checkpoint)) - left_out
    missing = {*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])} - saved
    misfits = {(name,) for name in left_out}
    return adapted, {
        "missing_keys": missing - left_out,
        "mismatched_keys": misfits,
        "unexpected_keys": info["unexpected_keys"],
    }


def with_saved_adapters(
    network: Any, checkpoint: Checkpoint, *, trains: bool = False
) -> tuple[Any, set[str]]:
    """A network with a checkpoint's adapters beside its weights.

    trains: whether they are to be trained. Where they bring an embedding table of another size,
    for tokens that were added, the network is resized first. Also returns the names of what was
    left out: a head of another size. Raises ModelUnsuitable if they are incomplete, or were made
    for another model.
    """
    rows = _adapted_rows(network, checkpoint)
    if rows is not None:
        network.resize_token_embeddings(rows, mean_resizing=False)
    peft, folder = peft_library(), str(checkpoint.folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peft uses deprecated transformers APIs
            adapted = peft.PeftModel.from_pretrained(
                network, folder, is_trainable=trains, ignore_mismatched_sizes=True
            )
            own = peft.get_peft_model_state_dict(adapted, save_embedding_layers=False)
    except KeyError as error:
        name = str(error).strip("'").removeprefix(PREFIX)
        raise ModelUnsuitable(f"{checkpoint.model_id} lacks the weight {name}") from None
    left_out = require_whole_adapters(adapted, checkpoint, own)
    return adapted, {name.removeprefix(PREFIX) for name in left_out}


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
