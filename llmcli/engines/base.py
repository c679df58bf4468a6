"""A model ready to run, whatever runs it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from llmcli.arrays import Bools, Floats, Integers
from llmcli.decoding.request import Request
from llmcli.decoding.steps import Hypothesis, StepStream
from llmcli.decoding.text_config import text_setting
from llmcli.models.architectures import Kind
from llmcli.models.checkpoint import Checkpoint
from llmcli.spec import BatchOptions, Decoding, EngineName
from llmcli.tokenization.typed_text import allows_special, typed_specials

if TYPE_CHECKING:
    import torch

Inputs = dict[str, Integers]
"""input_ids, and perhaps attention_mask and token_type_ids, each (B, T); to score the target of an
encoder-decoder model on torch, decoder_input_ids (B, U) too."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a forward pass returns; a field is None where the model has no such head."""

    logits: Floats | None = None
    """(B, L) of a classifier, (B, T, L) of a token classifier; (B, T, V) of a language model, or
    (n, V) at selected positions."""
    hidden: Floats | None = None
    """(B, T, D) token states, of a model without a head."""
    starts: Floats | None = None
    """(B, T) logits of an extractive question answering model: the answer starts here."""
    ends: Floats | None = None
    """(B, T) logits: the answer ends here."""


class Engine(Protocol):
    """Runs a model. Tasks exchange token ids and numpy arrays with it and see no framework.

    Several threads may use one engine at the same time: a call keeps its state to itself.
    """

    name: EngineName
    schedules: bool
    """`decode` takes any number of prompts, and continues as many at a time as fit."""
    streams: int
    """Parts of a batch that `search` computes at the same time."""

    def forward(self, inputs: Inputs, positions: Bools | None = None) -> Outputs:
        """Run one forward pass over a batch: an encoder with its head, or a language model.

        positions: a mask (B, T) of the tokens for which a masked model computes logits; None: all.
        """

    def decode(self, request: Request, options: Decoding) -> StepStream:
        """Continue prompts token by token, greedily or by sampling."""

    def search(self, request: Request, options: Decoding) -> list[list[Hypothesis]]:
        """The best continuations of each prompt by beam search, best first."""

    def score(self, rows: Sequence[Sequence[int]], counts: Sequence[int]) -> list[Floats]:
        """Log-probabilities, in nats, of the last `counts` tokens of each row."""


INT8 = "int8 (asked for: a little less exact)"


@dataclass(frozen=True, slots=True)
class Placement:
    """The device and dtype of a model, and the reason for them in words."""

    device: "str | torch.device"
    dtype: "str | torch.dtype"
    reason: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model ready to run, with its tokenizer. Nothing in it changes while it runs."""

    network: Any
    """The torch module; None if the engine is ct2."""
    tokenizer: Any
    kind: Kind
    context: int | None
    """Maximum number of positions; None if the model sets no limit."""
    checkpoint: Checkpoint
    placement: Placement
    config: Any
    """The settings of config.json, as attributes."""
    generation_config: Any
    """Those of generation_config.json; None if the model generates no text."""
    engine: Engine
    engine_reason: str = ""
    """Why torch runs the model and not ct2; empty if ct2 runs it."""
    rows: int | None = None
    """Rows of the embedding table: ids are below it; None if the model has no such table."""
    exact: Engine | None = None
    """The same model in float32, where `engine` rounds although nobody asked."""
    exact_error: float = 0.0
    """How far a logit of `engine` is known to be from that of `exact`."""

    @property
    def pad_token_id(self) -> int | None:
        """The padding token: the model's, else the tokenizer's; None if it has no vector."""
        rows = float("inf") if self.rows is None else self.rows
        for pad in (text_setting(self.config, "pad_token_id"), self.tokenizer.pad_token_id):
            if isinstance(pad, int) and 0 <= pad < rows:
                return pad
        return None

    def batch(self, batch: BatchOptions) -> BatchOptions:
        """The options as given, or with one text a batch if padding would change a result.

        An encoder on a GPU reads many times as many tokens in a pass: it needs less time for a
        layer of a small batch than a processor needs to start its kernels.
        """
        config = self.config
        is_unpaddable = config.model_type in UNPADDABLE
        if self.kind == "classifier" and config.is_encoder_decoder:
            # It is read at the last end token, which padding must not be.
            is_unpaddable |= self.pad_token_id == config.eos_token_id
        elif self.kind == "classifier":
            is_unpaddable |= self.pad_token_id is None
        if is_unpaddable:
            return replace(batch, batch_size=1)
        on_gpu = str(self.placement.device).startswith("cuda")
        return replace(batch, scale=GPU_SCALE) if on_gpu and self.kind in ENCODERS else batch

    def read_as_text(self, texts: Sequence[str], *, fills: bool = False) -> list[str]:
        """The special tokens that are typed in some texts, if they are read as text.

        fills: `[MASK]` is a gap that is filled.
        """
        if allows_special(self.tokenizer):
            return []
        names = (name for text in texts for name in typed_specials(self.tokenizer, text))
        return [name for name in dict.fromkeys(names) if not fills or name not in GAPS]

    def identity(self) -> dict[str, str]:
        """What the results depend on: the model's files, device, dtype and library versions."""
        from llmcli.models.hub import fingerprint

        return {
            "libraries": ", ".join(
                f"{name} {import_module(name).__version__}" for name in LIBRARIES[self.engine.name]
            ),
            "device": f"{self.placement.device} {self.placement.dtype}",
            "model": fingerprint(self.checkpoint),
        }


ERRORS = {"bfloat16": 0.075, "int8": 0.15}
"""How far logits may be from those of float32. Of a MiniLM, they were by up to 0.07 in bfloat16,
for 4,000 reviews, and by up to 0.083 in int8, for 66. A run that meets more allows for more."""
GAPS = ("[MASK]", "<mask>")
"""How a gap can be typed for any masked model."""
LIBRARIES: dict[EngineName, tuple[str, ...]] = {
    "torch": ("torch", "transformers", "tokenizers"),
    "ct2": ("ctranslate2", "tokenizers"),
}
"""The libraries that each engine computes with."""

GPU_SCALE = 16
ENCODERS: tuple[Kind, ...] = ("encoder", "classifier", "tagger", "reader")
"""Kinds whose passes give little for each token."""

# RWKV reads padding as text; XLNet classifies by the last position, even if it is padding.
UNPADDABLE = ("rwkv", "xlnet")


def end_tokens(loaded: Loaded) -> frozenset[int]:
    """The end-of-text tokens of the generation config, else of the tokenizer; -1: none."""
    ends: Any = loaded.generation_config.eos_token_id
    if ends is None:
        ends = loaded.tokenizer.eos_token_id
    if ends is None:
        return frozenset()
    return frozenset(end for end in ([ends] if isinstance(ends, int) else ends) if end >= 0)


def decoder_start(loaded: Loaded) -> list[int]:
    """The tokens that a sequence-to-sequence model's decoder starts from."""
    config = loaded.generation_config
    pad = text_setting(loaded.config, "pad_token_id")
    known = (config.decoder_start_token_id, config.bos_token_id, pad, 0)
    start = next(token for token in known if token is not None)
    return list(start) if isinstance(start, list) else [start]
