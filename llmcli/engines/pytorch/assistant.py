"""The torch engine with speculative decoding: drafts from the text or from a smaller model."""

from collections.abc import Sequence

from llmcli.decoding.lookup_state import takes_lookup
from llmcli.decoding.loop import DecodingLoop
from llmcli.decoding.prompt_lookup import PromptLookup
from llmcli.decoding.request import Request
from llmcli.decoding.speculative import AssistedState, RewindableModel
from llmcli.decoding.steps import StepStream
from llmcli.engines.base import Loaded
from llmcli.engines.pytorch.engine import TorchEngine
from llmcli.errors import ModelUnsuitable
from llmcli.spec import Decoding


class DraftModel:
    """Drafts what a smaller model with the same vocabulary would generate."""

    def __init__(self, draft: Loaded, vocabulary: int) -> None:
        """vocabulary: number of tokens that the larger model has."""
        self._model = RewindableModel(draft.network)
        self._context = draft.context
        self._embeddings = draft.network.get_input_embeddings().num_embeddings
        self._vocabulary = vocabulary
        self._ids: list[int] = []  # that are in the cache

    def draft(self, ids: Sequence[int], most: int) -> list[int]:
        """Its greedy continuation: at most `most` tokens, fewer if its context ends before."""
        if self._context is not None:
            most = min(most, self._context - len(ids) + 1)  # the last one need not be read
        if most < 1 or max(ids) >= self._embeddings:  # the larger table may have spare rows
            return []
        text = list(ids)
        same = min(_common_prefix(self._ids, text), len(text) - 1)  # one token is left to read
        self._model.forget(len(self._ids) - same)
        for _ in range(most):
            logits = self._model.logits(text, 1)[0, : self._vocabulary]  # (V,)
            text.append(int(logits.argmax()))
        self._ids = text[:-1]
        return text[len(ids) :]


def _common_prefix(first: Sequence[int], second: Sequence[int]) -> int:
    """The number of tokens that two texts have in common at the beginning."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(first), len(second)))


class AssistedEngine(TorchEngine):
    """The torch engine for one text at a time, with drafts."""

    def __init__(self, loaded: Loaded, draft: Loaded | None) -> None:
        """draft: the smaller model; None: prompt lookup.

        Raises ModelUnsuitable if the two models have different vocabularies, or if the cache of
        one of them cannot be cropped.
        """
        super().__init__(loaded.network)
        self.schedules = False
        self._draft = draft
        RewindableModel(loaded.network)
        if draft is None:
            return
        RewindableModel(draft.network)
        if draft.tokenizer.get_vocab() != loaded.tokenizer.get_vocab():
            raise ModelUnsuitable(
                f"`assist` {draft.checkpoint.model_id}: its vocabulary differs from that of "
                f"{loaded.checkpoint.model_id}; take a smaller model of the same family, or lookup"
            )

    def decode(self, request: Request, options: Decoding) -> StepStream:
        """Continue the one prompt of a request."""
        if self._draft is None and takes_lookup(self._network):
            return self._with_lookup(request, options)
        (prompt,), (limit,) = request.prompts, request.limits
        return DecodingLoop(self.state(prompt, limit), request, options)

    def state(self, prompt: Sequence[int], limit: int) -> AssistedState:
        """The state of a decoding loop. limit: maximum number of new tokens."""
        vocabulary = self._network.get_input_embeddings().num_embeddings
        drafter = PromptLookup() if self._draft is None else DraftModel(self._draft, vocabulary)
        return AssistedState(self._network, drafter, prompt, limit)
