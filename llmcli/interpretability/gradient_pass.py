"""Passes over several copies of a study's text whose outputs can be differentiated."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from llmcli.interpretability.input_attribution import InputSide
from llmcli.interpretability.study import Study


def outputs_at(study: Study, position: int | None, copies: int = 1) -> Any:
    """The outputs of the network for some copies of the text, each row of them a text.

    position: of a language model, the only one whose logits are computed, so that they are
    (B, 1, V); None: all. Gradients flow where they are enabled.
    """
    settings = {"use_cache": False} if study.kind in ("causal", "seq2seq") else {}
    inputs = {name: ids.expand(copies, -1) for name, ids in study.inputs.items()}
    if position is None:
        return study.network(**inputs, **settings)
    with _at_position(study.network, position):
        return study.network(**inputs, **settings)


@contextmanager
def _at_position(network: Any, position: int) -> Iterator[None]:
    """Let the unembedding, the largest matrix of all, see one position alone."""

    def cut(module: nn.Module, args: Any) -> Any:
        return (args[0][:, position : position + 1], *args[1:])

    unembedding = network.get_output_embeddings()
    hook = unembedding.register_forward_pre_hook(cut)
    try:
        yield
    finally:
        hook.remove()


def input_sides(study: Study) -> tuple[tuple[InputSide, ...], str]:
    """The sequences that a study's network reads, and the name of their baseline token.

    Special tokens are kept: a text without [CLS] or its start token is none that a model knows.
    """
    network: Any = study.network
    owners: list[Any] = [None]
    if study.kind == "seq2seq":
        owners = [network.get_encoder(), network.get_decoder()]
    baseline = baseline_token(study)
    sides = tuple(
        InputSide(
            ids=tuple(side.ids),
            embedding=(owner or network).get_input_embeddings(),
            owner=owner,
            baseline=baseline,
            kept=tuple(token.special for token in side.tokens),
        )
        for side, owner in zip(study.sides, owners, strict=True)
    )
    return sides, study.name(baseline)


def baseline_token(study: Study) -> int:
    """The token that stands for "nothing": mask, else padding, unknown, or the end of a text."""
    tokenizer = study.loaded.tokenizer
    rows = study.network.get_input_embeddings().num_embeddings
    for name in ("mask", "pad", "unk", "eos", "bos"):
        token = getattr(tokenizer, f"{name}_token_id", None)
        if token is not None and token < rows:
            return int(token)
    return 0
