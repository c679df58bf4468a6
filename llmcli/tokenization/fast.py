"""Tokenizers of the `tokenizers` package: BPE, WordPiece and Unigram."""

import copy
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from llmcli.tokenization.base import Encoded, LightTokenizer, Settings
from llmcli.tokenization.typed_text import remove_cuts

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ATTRIBUTES = {
    "input_ids": "ids",
    "token_type_ids": "type_ids",
    "attention_mask": "attention_mask",
    "special_tokens_mask": "special_tokens_mask",
    "offset_mapping": "offsets",
}
"""What `tokenizers` calls the fields of an encoding."""


class FastTokenizer(LightTokenizer):
    """A tokenizer with a backend of the `tokenizers` package."""

    is_fast = True

    def __init__(
        self,
        backend: "Tokenizer",
        settings: Settings,
        special: dict[str, str],
        extra: Sequence[str],
    ) -> None:
        """backend: used by this tokenizer alone. special, extra: as of LightTokenizer."""
        self.backend_tokenizer = backend
        self._lock = threading.Lock()
        self._backends: dict[tuple[bool, bool], Tokenizer] = {}
        super().__init__(settings, special, extra)
        if type(backend.model).__name__ == "BPE":  # its tokens contain their spaces
            self._cleans_up &= bool(
                settings.get(
                    "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output"
                )
            )

    def _backend(self, split: bool, cuts: bool) -> "Tokenizer":
        """The backend that splits special tokens found in a text, or the one that does not.

        cuts: of those, the backend that drops the cuts of a text. They are settings of a backend,
        which cannot change while another thread uses it. So there is one for each choice; the first
        that is asked for takes the original, unless it drops cuts.
        """
        with self._lock:
            choice = (split, cuts)
            if choice not in self._backends:
                original = self.backend_tokenizer
                backend = copy.deepcopy(original) if self._backends or cuts else original
                backend.encode_special_tokens = split
                if cuts:
                    remove_cuts(backend)
                self._backends[choice] = backend
            return self._backends[choice]

    def _encode(
        self,
        texts: Sequence[Any],
        fields: Sequence[str],
        *,
        add_special: bool,
        split: bool,
        cuts: bool,
    ) -> Encoded:
        backend = self._backend(split, cuts)
        encodings = backend.encode_batch(texts, add_special_tokens=add_special)
        encoded = Encoded()
        for field in fields:
            encoded[field] = [getattr(encoding, ATTRIBUTES[field]) for encoding in encodings]
        encoded.encodings = encodings
        return encoded

    def __len__(self) -> int:
        return self.backend_tokenizer.get_vocab_size(with_added_tokens=True)

    def decode(self, ids: int | Sequence[int], skip_special_tokens: bool = False) -> str:
        """The text of tokens."""
        ids = [ids] if isinstance(ids, int) else list(ids)
        text = self.backend_tokenizer.decode(ids, skip_special_tokens=skip_special_tokens)
        return self._clean_up(text)

    def convert_ids_to_tokens(self, ids: int | Sequence[int]) -> Any:
        """The token of an id, or those of several; None for an unknown id."""
        if isinstance(ids, int):
            return self.backend_tokenizer.id_to_token(ids)
        return [self.backend_tokenizer.id_to_token(int(token)) for token in ids]

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """The text of tokens, which are given as the vocabulary spells them."""
        decoder = self.backend_tokenizer.decoder
        return " ".join(tokens) if decoder is None else decoder.decode(list(tokens))

    def get_added_vocab(self) -> dict[str, int]:
        """The tokens that are matched in a text before all others, with their ids."""
        added = self.backend_tokenizer.get_added_tokens_decoder()
        return {token.content: token_id for token_id, token in sorted(added.items())}

    def _id_of(self, token: str) -> int | None:
        return self.backend_tokenizer.token_to_id(token)
