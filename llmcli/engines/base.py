"""A model ready to run, whatever runs it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from llmcli.arrays import Bools, Floats, Integers
from llmcli.decoding.generation_config import FREE, Rules
from llmcli.decoding.steps import Hypothesis, StepStream
from llmcli.models.architectures import Kind
from llmcli.models.checkpoint import Checkpoint
from llmcli.spec import BatchOptions, Decoding, EngineName

if TYPE_CHECKING:
    import torch

Inputs = dict[str, Integers]
"""input_ids, attention_mask and perhaps token_type_ids, each (B, T)."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a model computed of a batch; a field is None where the model has no such head."""

    logits: Floats | None = None
    """(B, L) of a classifier; (n, V) of the places that were asked for of a masked model."""
    hidden: Floats | None = None
    """(B, T, D) token states, of a model without a head."""
    starts: Floats | None = None
    """(B, T) of a model that marks answers: does it begin here?"""
    ends: Floats | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """Texts that a model is to continue, in token ids."""

    prompts: Sequence[Sequence[int]]
    """Of a sequence-to-sequence model, what its decoder begins with."""
    limits: Sequence[int]
    """New tokens allowed in each row."""
    end_tokens: frozenset[int]
    seeds: Sequence[int] = ()
    """Of each row, where tokens are drawn."""
    sources: Sequence[Sequence[int]] | None = None
    """What the encoder of a sequence-to-sequence model reads."""
    rules: Rules = FREE
    """Of a search."""
    live: bool = False
    """The steps are wanted as they are made."""


class Engine(Protocol):
    """What runs a model. Tasks see token ids and arrays alone."""

    name: EngineName

    def run(self, inputs: Inputs, places: Bools | None = None) -> Outputs:
        """Run an encoder, with its head, over a batch.

        places: a mask (B, T) of the tokens whose logits are wanted of a masked model.
        """

    def decode(self, request: Request, options: Decoding) -> StepStream:
        """Continue prompts with a causal model, greedily or by sampling."""

    def search(self, request: Request, options: Decoding) -> list[list[Hypothesis]]:
        """The best continuations of each prompt by beam search, best first."""

    def score(self, rows: Sequence[Sequence[int]], counts: Sequence[int]) -> list[Floats]:
        """Log-probabilities, in nats, of the last `counts` tokens of each row."""


INT8 = "int8 (asked for: a little less exact)"


@dataclass(frozen=True, slots=True)
class Placement:
    """A device, a dtype and, in words, why these."""

    device: "str | torch.device"
    dtype: "str | torch.dtype"
    reason: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model ready to run, with its tokenizer."""

    model: Any
    """Of transformers; None where ct2 runs it."""
    tokenizer: Any
    kind: Kind
    context: int | None
    """How many positions the model has; None where it sets no bound."""
    checkpoint: Checkpoint
    placement: Placement
    config: Any
    """The settings of config.json, as attributes."""
    generation: Any
    """Those of generation_config.json; None where the model generates nothing."""
    engine: Engine
    why: str = ""
    """Why torch runs it, where ct2 could have been meant."""

    def batch(self, spec: BatchOptions) -> BatchOptions:
        """What the user asked for, or texts one by one where padding would change a result."""
        config = self.config
        finds_end_by_padding = self.kind == "classifier" and not config.is_encoder_decoder
        tokens = (config.pad_token_id, self.tokenizer.pad_token_id)
        has_none = finds_end_by_padding and not any(isinstance(one, int) for one in tokens)
        if has_none or config.model_type in UNPADDABLE:
            return replace(spec, batch_size=1)
        return spec


# RWKV takes padding for text; XLNet looks at the last place of a row, padding or not.
UNPADDABLE = ("rwkv", "xlnet")


def end_tokens(loaded: Loaded) -> frozenset[int]:
    """The tokens that end a text: the generation config's, else the tokenizer's own."""
    ends: Any = loaded.generation.eos_token_id
    if ends is None:
        ends = loaded.tokenizer.eos_token_id
    if ends is None:
        return frozenset()
    return frozenset([ends] if isinstance(ends, int) else ends)


def decoder_start(loaded: Loaded) -> list[int]:
    """The tokens that a sequence-to-sequence model's decoder begins with."""
    own = loaded.generation
    known = (own.decoder_start_token_id, own.bos_token_id, loaded.config.pad_token_id, 0)
    start = next(one for one in known if one is not None)
    return list(start) if isinstance(start, list) else [start]
