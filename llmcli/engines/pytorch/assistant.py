"""The torch engine with speculative decoding: guesses from the text or from a smaller model."""

from collections.abc import Sequence

from llmcli.decoding.speculative import AssistedState, PromptLookup, RewindableModel
from llmcli.decoding.steps import StepStream
from llmcli.engines.base import Loaded, Request
from llmcli.engines.pytorch.engine import TorchEngine, decoding_loop
from llmcli.errors import ModelUnsuitable
from llmcli.spec import Decoding


class DraftModel:
    """Guesses what a smaller model with the same vocabulary would write."""

    def __init__(self, draft: Loaded, vocabulary: int) -> None:
        """vocabulary: how many tokens the larger model has."""
        self._reader = RewindableModel(draft.network)
        self._context = draft.context
        self._own = draft.network.get_input_embeddings().num_embeddings
        self._vocabulary = vocabulary
        self._ids: list[int] = []  # what it has read

    def draft(self, ids: Sequence[int], most: int) -> list[int]:
        """Its likeliest tokens, one after another, as far as its context goes."""
        if self._context is not None:
            most = min(most, self._context - len(ids) + 1)  # the last guess is not read
        if most < 1 or max(ids) >= self._own:  # tables of embeddings may be filled up
            return []
        text = list(ids)
        same = min(_same(self._ids, text), len(text) - 1)  # its last token is read anew
        self._reader.forget(len(self._ids) - same)
        for _ in range(most):
            logits = self._reader.logits(text, 1)[0, : self._vocabulary]  # (V,)
            text.append(int(logits.argmax()))
        self._ids = text[:-1]
        return text[len(ids) :]


def _same(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two texts begin with alike."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(first), len(second)))


class AssistedEngine(TorchEngine):
    """The torch engine for one text at a time, with guesses."""

    def __init__(self, loaded: Loaded, draft: Loaded | None) -> None:
        """draft: the smaller model; None: the text itself is looked at.

        Raises ModelUnsuitable where the two have not the same vocabulary, or one of them cannot
        take back what it has read.
        """
        super().__init__(loaded.network)
        self._draft = draft
        RewindableModel(loaded.network)
        if draft is None:
            return
        RewindableModel(draft.network)
        if draft.tokenizer.get_vocab() != loaded.tokenizer.get_vocab():
            raise ModelUnsuitable(
                f"--assist {draft.checkpoint.model_id}: its vocabulary is not that of "
                f"{loaded.checkpoint.model_id}; take a smaller model of the same family, or lookup"
            )

    def decode(self, request: Request, options: Decoding) -> StepStream:
        (prompt,), (limit,) = request.prompts, request.limits
        return decoding_loop(self.state(prompt, limit), request, options)

    def state(self, prompt: Sequence[int], limit: int) -> AssistedState:
        """A text to be continued. limit: new tokens allowed."""
        vocabulary = self._model.get_input_embeddings().num_embeddings
        drafter = PromptLookup() if self._draft is None else DraftModel(self._draft, vocabulary)
        return AssistedState(self._model, drafter, prompt, limit)
