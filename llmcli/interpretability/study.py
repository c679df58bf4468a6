"""One text under one model: what it reads, and what happens inside, computed when it is needed."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from llmcli.data.rows import Row
from llmcli.engines.base import Loaded
from llmcli.engines.checked import LANGUAGE_MODELS
from llmcli.errors import InputError, ModelUnsuitable
from llmcli.interpretability import probe
from llmcli.interpretability.checks import SelfCheck, largest_difference
from llmcli.interpretability.probe import Captured, Edit, Visit
from llmcli.interpretability.reading import Reading, Side, read
from llmcli.models.architectures import Kind
from llmcli.spec.explain import ExplainOptions, SectionName
from llmcli.tokenization.text_stream import token_namer

OTHER_KERNEL = 1e-4
"""How far logits may be apart that two kernels compute."""
MOST_KEPT = 1 << 26  # numbers of recorded attention that are kept in memory, 256 MB


class Study:
    """A model with one text that it has read. Sections of an explanation share it.

    Nothing in it changes but what is computed once and kept. Numbers are float32, in tensors
    without a gradient.
    """

    def __init__(self, loaded: Loaded, row: Row, options: ExplainOptions) -> None:
        """Tokenize the text of a row.

        Raises InputError and UsageError as `read` does, and InputError for a position that the text
        does not have.
        """
        self.loaded, self.options, self.row = loaded, options, row
        self.network: Any = loaded.network
        self.kind: Kind = loaded.kind
        self.reading: Reading = read(loaded, row, options)
        device = loaded.network.device
        self.inputs = {name: ids.to(device) for name, ids in self.reading.inputs.items()}
        self.name: Callable[[int], str] = token_namer(loaded.tokenizer)
        """The readable name of a token."""
        self.results: dict[SectionName, Any] = {}
        """What the sections before the present one found."""
        self.position = self._position()
        """The position of the last side whose prediction is explained."""

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sequences that the model reads: one, or source and target."""
        return self.reading.sides

    @property
    def side(self) -> Side:
        """The sequence that the predictions are about: the text, or the target."""
        return self.reading.sides[-1]

    @property
    def predicts_tokens(self) -> bool:
        """True of a language model, whose logits are (T, V)."""
        return self.kind in LANGUAGE_MODELS

    def _position(self) -> int:
        asked, count = self.options.position, len(self.side.tokens)
        if asked is not None:
            if not -count <= asked < count:
                raise InputError(
                    f"`position` {asked} is not in the text, which has 0 to {count - 1}"
                )
            return asked % count
        if self.kind == "masked":
            ids, mask = self.side.ids, self.loaded.tokenizer.mask_token_id
            return ids.index(mask) if mask in ids else self.reading.content[-1]
        if self.kind == "seq2seq":
            return next(
                (at for at, token in enumerate(self.reading.following) if token is not None), 0
            )
        return self.reading.content[-1]

    def run(self, inputs: dict[str, Tensor] | None = None, **settings: Any) -> Any:
        """A forward pass without gradients and without a cache: the outputs of transformers.

        inputs: of the network, each (B, T); None: the text. settings: of the call, such as
        `output_hidden_states`.
        """
        if self.kind in ("causal", "seq2seq"):
            settings["use_cache"] = False
        with torch.no_grad():
            return self.network(**(inputs or self.inputs), **settings)

    def probed(
        self,
        visit: Visit | None = None,
        edit: Edit | None = None,
        inputs: dict[str, Tensor] | None = None,
        **settings: Any,
    ) -> Any:
        """A forward pass as `run` makes it, with its attentions recorded or changed.

        visit, edit: as of `probe.probed`. Raises ModelUnsuitable for an edit of a model whose
        attention cannot be changed.
        """
        if self.has_heads:
            with probe.probed(self.network, visit, edit):
                return self.run(inputs, **settings)
        if edit is not None:
            raise ModelUnsuitable(f"{self.model_id}: {NO_HEADS}")
        with torch.no_grad():
            return probe.visit_weights(self.network, inputs or self.inputs, visit or _ignore)

    @cached_property
    def has_heads(self) -> bool:
        """True if queries, keys, values and the outputs of heads can be recorded and changed."""
        return probe.has_interface(self.network)

    @property
    def model_id(self) -> str:
        """The model's name."""
        return self.loaded.checkpoint.model_id

    @cached_property
    def outputs(self) -> Any:
        """The outputs of a plain pass over the text, with `hidden_states` of all layers."""
        outputs = self.run(output_hidden_states=True)
        for name in ("logits", "start_logits", "end_logits", "last_hidden_state"):
            values = getattr(outputs, name, None)
            if values is not None and not torch.isfinite(values).all():
                raise ModelUnsuitable(
                    f"{self.model_id} computes numbers that are not finite for this text"
                )
        return outputs

    @cached_property
    def logits(self) -> Tensor:
        """(T, V) of a language model, (T, L) of a tagger, (L,) of a classifier, in float32."""
        logits: Tensor = self.outputs.logits[0]
        return logits.float()

    @cached_property
    def attentions(self) -> tuple[Captured, ...]:
        """All attentions of the text, in the order of computation; (B=1, ...).

        Empty for a model without attention. Raises InputError where they would take too much memory
        to be kept: then visit them with `probed`.
        """
        kept: list[Captured] = []
        numbers = 0

        def keep(captured: Captured) -> None:
            nonlocal numbers
            numbers += captured.weights.numel()
            if numbers > MOST_KEPT:
                raise InputError(
                    f"the attention of {len(self.side.tokens):,} tokens is too large to be kept: "
                    "choose `layers`, or shorten the text"
                )
            kept.append(captured)

        self.probed(keep)
        return tuple(kept)

    @cached_property
    def checks(self) -> tuple[SelfCheck, ...]:
        """Whether recording changes what the model computes."""
        recorded, plain = self.probed(), self._eager() if self.has_heads else self.run()
        name = next(key for key in ("logits", "start_logits", "last_hidden_state") if key in plain)
        error = largest_difference(recorded[name].cpu(), plain[name].cpu())
        return (SelfCheck("explain.probe", error, 0.0 if self.has_heads else OTHER_KERNEL),)

    def _eager(self) -> Any:
        """The outputs of a pass with the model file's own eager attention."""
        before = self.network.config._attn_implementation
        try:
            self.network.set_attn_implementation("eager")
            return self.run()
        finally:
            self.network.set_attn_implementation(before)

    def names(self, ids: Sequence[int]) -> list[str]:
        """Readable names of tokens."""
        return [self.name(token) for token in ids]


NO_HEADS = (
    "its file in transformers has no attention interface: there are weights alone, and no queries, "
    "keys and values"
)


def _ignore(captured: Captured) -> None:
    """Visit nothing."""
