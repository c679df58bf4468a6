"""What all tokenizers here have in common: the part of transformers' interface that llmcli uses."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from tokenizers import Encoding

NO_LIMIT = int(1e30)
"""The `model_max_length` of a tokenizer that has none."""

ROLES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
"""What special tokens are for; `bos_token` and `bos_token_id` are attributes of a tokenizer."""

Settings = dict[str, Any]
"""The contents of tokenizer_config.json."""


class UnsupportedTokenizer(Exception):
    """A tokenizer may give other results than in transformers; the message begins with "it"."""


class Encoded(dict[str, Any]):
    """What a tokenizer returns: lists of one text, or for several texts lists of such lists."""

    encodings: "Sequence[Encoding]" = ()

    def sequence_ids(self, at: int = 0) -> list[int | None]:
        """For each token of input `at`: 0 or 1, the text of the pair that it is in, or None."""
        sequences: list[int | None] = self.encodings[at].sequence_ids
        return sequences


class LightTokenizer(ABC):
    """A tokenizer that needs no transformers. Several threads may use one at the same time."""

    is_fast: bool
    unk_token_id: int | None
    eos_token_id: int | None
    allow_special = False
    """Read special tokens that are typed in a text as tokens."""

    def __init__(self, settings: Settings, special: dict[str, str], extra: Sequence[str]) -> None:
        """special: the special tokens by their role, such as bos; extra: more of them."""
        self.model_max_length: int = _first(settings, "model_max_length", "max_len") or NO_LIMIT
        self.chat_template: str | dict[str, str] | None = settings.get("chat_template")
        self._inputs: Sequence[str] = settings["model_input_names"]
        self._splits_special = bool(settings.get("split_special_tokens", False))
        self._cleans_up = bool(settings.get("clean_up_tokenization_spaces", False))
        self._special = special
        for role in ROLES:
            token = special.get(role)
            setattr(self, f"{role}_token", token)
            setattr(self, f"{role}_token_id", None if token is None else self._id_of(token))
        self.all_special_tokens = list(dict.fromkeys([*special.values(), *extra]))
        self.all_special_ids: list[int] = self.convert_tokens_to_ids(self.all_special_tokens)

    def __call__(
        self,
        text: str | Sequence[str],
        pairs: str | Sequence[str] | None = None,
        *,
        add_special_tokens: bool = True,
        return_special_tokens_mask: bool = False,
        return_offsets_mapping: bool = False,
        return_attention_mask: bool | None = None,
        split_special_tokens: bool | None = None,
        cuts: bool = False,
        truncation: Literal[False] = False,
        padding: Literal[False] = False,
        verbose: bool = True,
    ) -> Encoded:
        """Tokenize a text, or several, each alone or with its pair, as transformers does.

        split_special_tokens: `</s>` is text; None: by the settings. cuts: drop each typed_text.CUT.
        """
        single = isinstance(text, str)
        texts: list[Any] = [text] if single else list(text)
        if pairs is not None and not (single and not pairs):
            texts = list(zip(texts, [pairs] if single else pairs, strict=True))
        if return_attention_mask is None:
            return_attention_mask = "attention_mask" in self._inputs
        fields = {
            "input_ids": True,
            "token_type_ids": "token_type_ids" in self._inputs,
            "attention_mask": return_attention_mask,
            "special_tokens_mask": return_special_tokens_mask,
            "offset_mapping": return_offsets_mapping,
        }
        split = self._splits_special if split_special_tokens is None else split_special_tokens
        wanted = [name for name, is_wanted in fields.items() if is_wanted]
        encoded = self._encode(
            texts, wanted, add_special=add_special_tokens, split=split, cuts=cuts
        )
        if single:
            encoded.update({name: values[0] for name, values in encoded.items()})
        return encoded

    @abstractmethod
    def _encode(
        self,
        texts: Sequence[Any],
        fields: Sequence[str],
        *,
        add_special: bool,
        split: bool,
        cuts: bool,
    ) -> Encoded:
        """Tokenize texts, or pairs of texts. fields: what the result contains."""

    @abstractmethod
    def __len__(self) -> int:
        """The size of the vocabulary, added tokens included."""

    @abstractmethod
    def decode(self, ids: int | Sequence[int], skip_special_tokens: bool = False) -> str:
        """The text of tokens."""

    @abstractmethod
    def convert_ids_to_tokens(self, ids: int | Sequence[int]) -> Any:
        """The token of an id, or those of several."""

    @abstractmethod
    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """The text of tokens, which are given as the vocabulary spells them."""

    @abstractmethod
    def get_added_vocab(self) -> dict[str, int]:
        """The tokens that are matched in a text before all others, with their ids."""

    @abstractmethod
    def _id_of(self, token: str) -> int | None:
        """The id of a token; None if it is not in the vocabulary."""

    def convert_tokens_to_ids(self, tokens: str | Sequence[str]) -> Any:
        """The id of a token, or those of several; the unknown token's id for an unknown one."""
        if not isinstance(tokens, str):
            return [self.convert_tokens_to_ids(token) for token in tokens]
        token_id = self._id_of(tokens)
        return self.unk_token_id if token_id is None else token_id

    def _clean_up(self, text: str) -> str:
        """Remove spaces before punctuation and contractions, if the settings say so."""
        if self._cleans_up:
            for mark in (".", "?", "!", ","):
                text = text.replace(f" {mark}", mark)
            text = text.replace(" ' ", "'")
            for ending in ("n't", "'m", "'s", "'ve", "'re"):
                text = text.replace(f" {ending}", ending)
        return text

    @property
    def special_tokens_map(self) -> dict[str, str]:
        """The special tokens by the names that chat templates know, such as bos_token."""
        return {f"{role}_token": token for role, token in self._special.items()}


def _first(settings: Settings, *names: str) -> Any:
    return next((settings[name] for name in names if name in settings), None)
