"""A checkpoint's tokenizer without torch and transformers, wherever it has a tokenizer.json."""

from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

from llmcli.core import hub
from llmcli.core.checkpoint import Checkpoint, read_json
from llmcli.core.tokens import is_byte_level, readable, token_bytes
from llmcli.errors import InputError, ModelUnsuitable
from llmcli.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a text."""

    id: int
    token: str
    """Readable: a byte that is no whole character is in hexadecimal, as <E7 9C>."""
    piece: str
    """As the vocabulary spells it."""
    start: int | None
    """Where it begins in the text, in characters; None if the tokenizer cannot tell."""
    end: int | None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A tokenizer: the one in tokenizer.json, or one of transformers where that is not enough."""

    _tokenizer: Any
    _byte_level: bool

    def encode(self, text: str, *, special: bool = True) -> list[Token]:
        """Split a text; `special` adds what the model expects around it."""
        if not isinstance(self._tokenizer, Tokenizer):
            ids = self._tokenizer(text, add_special_tokens=special, verbose=False)["input_ids"]
            pieces = self._tokenizer.convert_ids_to_tokens(ids)
            return [self._token(id, piece) for id, piece in zip(ids, pieces, strict=True)]
        found = self._tokenizer.encode(text, add_special_tokens=special)
        parts = zip(found.ids, found.tokens, found.offsets, strict=True)
        return [self._token(id, piece, start, end) for id, piece, (start, end) in parts]

    def decode(self, ids: list[int]) -> str:
        """Put tokens together, special ones included. Raises InputError for an unknown id."""
        size = self.size
        unknown = [id for id in ids if not 0 <= id < size]
        if unknown:
            raise InputError(f"no token has id {unknown[0]}: ids go from 0 to {size - 1}")
        text: str = self._tokenizer.decode(ids, skip_special_tokens=False)
        return text

    @property
    def size(self) -> int:
        if isinstance(self._tokenizer, Tokenizer):
            return self._tokenizer.get_vocab_size()
        return len(self._tokenizer)

    def _token(
        self, id: int, piece: str, start: int | None = None, end: int | None = None
    ) -> Token:
        return Token(id, readable(token_bytes(piece, self._byte_level)), piece, start, end)


def load_vocabulary(spec: ModelSpec) -> Vocabulary:
    """Load the tokenizer that `spec` names. Raises ModelNotFound, ModelUnsuitable."""
    checkpoint = hub.resolve(spec)
    path = checkpoint.folder / "tokenizer.json"
    if checkpoint.gguf_file is None and path.is_file() and _is_alone(checkpoint):
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the Rust library raises no narrower class
            raise ModelUnsuitable(f"{path} is damaged: {error}") from None
    else:
        from llmcli.core.loading import load_tokenizer

        slow = load_tokenizer(spec)
        tokenizer = getattr(slow, "backend_tokenizer", slow)
    if isinstance(tokenizer, Tokenizer):  # a length stored with it is not to cut the text
        tokenizer.no_truncation()
        tokenizer.no_padding()
    return Vocabulary(tokenizer, is_byte_level(tokenizer))


# Settings of tokenizer_config.json that change what tokenizer.json says.
OVERRIDES = (
    *("add_prefix_space", "add_bos_token", "add_eos_token"),
    *("do_lower_case", "strip_accents", "tokenize_chinese_chars"),
)
PLAIN = ("PreTrainedTokenizerFast", "TokenizersBackend")  # classes that heed none of them


def _is_alone(checkpoint: Checkpoint) -> bool:
    """True where tokenizer.json says all, so that transformers need not be asked."""
    path = checkpoint.folder / "tokenizer_config.json"
    if not path.is_file():
        return True
    settings = read_json(checkpoint, path)
    return settings.get("tokenizer_class") in PLAIN or not any(key in settings for key in OVERRIDES)
