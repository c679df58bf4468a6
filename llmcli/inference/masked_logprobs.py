"""What a masked language model predicts at chosen positions."""

from llmcli.arrays import Bools, Floats, log_softmax, require_choice
from llmcli.decoding.text_config import text_setting
from llmcli.engines.base import Inputs, Loaded
from llmcli.errors import ModelUnsuitable

LOGITS = 1 << 25  # numbers that one batch computes at most: tokens times vocabulary


def masked_budget(loaded: Loaded) -> int:
    """How many tokens a batch may have."""
    size: int = text_setting(loaded.config, "vocab_size")
    return max(1, LOGITS // size)


def mask_token_id(loaded: Loaded, purpose: str) -> int:
    """The id of the mask token. Raises ModelUnsuitable for a model without one.

    purpose: what it is needed for, as in `to fill`.
    """
    if loaded.tokenizer.mask_token is None:
        raise ModelUnsuitable(f"{loaded.checkpoint.model_id} has no mask token {purpose}")
    mask: int = loaded.tokenizer.mask_token_id
    return mask


def logprobs_at(loaded: Loaded, inputs: Inputs, positions: Bools) -> Floats:
    """Log-probabilities (n, V), in nats, at the n positions of a batch that a mask (B, T) names."""
    logits = loaded.engine.forward(inputs, positions).logits  # (n, V)
    assert logits is not None  # a masked model has them
    require_choice(logits)
    return log_softmax(logits)
