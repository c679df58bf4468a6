"""What the tokenizers of transformers do, over `tokenizers` and `sentencepiece` alone."""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from llmcli.tokenization.chat_template import render

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

NO_LIMIT = int(1e30)
"""The `model_max_length` of a tokenizer that has none."""

NAMED = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
Settings = dict[str, Any]


class Encoded(dict[str, Any]):
    """What a tokenizer gives: lists of one text, or lists of such lists."""

    encodings: "Sequence[Encoding]" = ()

    def sequence_ids(self, at: int = 0) -> list[int | None]:
        """Which of two texts each token of input `at` is of; None for special tokens."""
        found: list[int | None] = self.encodings[at].sequence_ids
        return found


class _Common(ABC):
    """What both kinds of tokenizer know of themselves."""

    unk_token_id: int | None
    eos_token_id: int | None

    def __init__(self, settings: Settings, special: dict[str, str], extra: Sequence[str]) -> None:
        """special: the special tokens by what they are for, such as bos; extra: more of them."""
        self.model_max_length: int = _given(settings, "model_max_length", "max_len") or NO_LIMIT
        self.chat_template: str | dict[str, str] | None = settings.get("chat_template")
        self._splits = bool(settings.get("split_special_tokens", False))
        self._tidies = bool(settings.get("clean_up_tokenization_spaces", False))
        self._special = special
        for name in NAMED:
            token = special.get(name)
            setattr(self, f"{name}_token", token)
            setattr(self, f"{name}_token_id", None if token is None else self._known(token))
        self.all_special_tokens = list(dict.fromkeys([*special.values(), *extra]))
        self.all_special_ids: list[int] = self.convert_tokens_to_ids(self.all_special_tokens)

    @abstractmethod
    def _known(self, token: str) -> int | None:
        """The id of a token; None where there is none."""

    def convert_tokens_to_ids(self, tokens: str | Sequence[str]) -> Any:
        """The id of a token, or those of several; that of the unknown token for an unknown one."""
        if not isinstance(tokens, str):
            return [self.convert_tokens_to_ids(token) for token in tokens]
        found = self._known(tokens)
        return self.unk_token_id if found is None else found

    def _tidied(self, text: str) -> str:
        if self._tidies:
            for mark in (".", "?", "!", ","):
                text = text.replace(f" {mark}", mark)
            text = text.replace(" ' ", "'")
            for end in ("n't", "'m", "'s", "'ve", "'re"):
                text = text.replace(f" {end}", end)
        return text

    def apply_chat_template(
        self,
        messages: Sequence[dict[str, Any]],
        *,
        add_generation_prompt: bool = False,
        return_dict: Literal[False] = False,
    ) -> list[int]:
        """The ids of a conversation. Raises ValueError without a template, TemplateError by it.

        messages: each with the text `content` and a `role`.
        """
        template = self.chat_template
        if isinstance(template, dict):
            template = template.get("default")
        if template is None:
            raise ValueError("there is no chat template for this")
        names = {f"{name}_token": token for name, token in self._special.items()}
        text = render(template, messages, add_generation_prompt, names)
        ids: list[int] = self(text, add_special_tokens=False)["input_ids"]  # type: ignore[operator]
        return ids


class FastTokenizer(_Common):
    """One of the `tokenizers` package."""

    is_fast = True

    def __init__(
        self,
        backend: "Tokenizer",
        settings: Settings,
        special: dict[str, str],
        extra: Sequence[str],
    ) -> None:
        self.backend_tokenizer = backend
        super().__init__(settings, special, extra)
        self._inputs = settings["model_input_names"]
        if type(backend.model).__name__ == "BPE":  # tidying would take spaces that are tokens' own
            self._tidies &= bool(
                settings.get(
                    "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output"
                )
            )

    def __len__(self) -> int:
        return self.backend_tokenizer.get_vocab_size(with_added_tokens=True)

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
        truncation: Literal[False] = False,
        padding: Literal[False] = False,
        verbose: bool = True,
    ) -> Encoded:
        """Tokenize a text, or several, each alone or with its pair."""
        inputs: list[Any]
        if isinstance(text, str):
            inputs = [(text, pairs) if pairs else text]
        else:
            inputs = list(text) if pairs is None else list(zip(text, pairs, strict=True))
        backend = self.backend_tokenizer
        splits = self._splits if split_special_tokens is None else split_special_tokens
        if backend.encode_special_tokens != splits:  # it cannot be set while a thread tokenizes
            backend.encode_special_tokens = splits
        found = backend.encode_batch(inputs, add_special_tokens=add_special_tokens)
        lists: dict[str, Any] = {"input_ids": [one.ids for one in found]}
        if "token_type_ids" in self._inputs:
            lists["token_type_ids"] = [one.type_ids for one in found]
        if (
            "attention_mask" in self._inputs
            if return_attention_mask is None
            else return_attention_mask
        ):
            lists["attention_mask"] = [one.attention_mask for one in found]
        if return_special_tokens_mask:
            lists["special_tokens_mask"] = [one.special_tokens_mask for one in found]
        if return_offsets_mapping:
            lists["offset_mapping"] = [one.offsets for one in found]
        encoded = _encoded(lists, single=isinstance(text, str))
        encoded.encodings = found
        return encoded

    def decode(self, ids: int | Sequence[int], skip_special_tokens: bool = False) -> str:
        """The text of tokens."""
        ids = [ids] if isinstance(ids, int) else list(ids)
        text = self.backend_tokenizer.decode(ids, skip_special_tokens=skip_special_tokens)
        return self._tidied(text)

    def convert_ids_to_tokens(self, ids: int | Sequence[int]) -> Any:
        """The token of an id, or those of several; None for an id that is none."""
        if isinstance(ids, int):
            return self.backend_tokenizer.id_to_token(ids)
        return [self.backend_tokenizer.id_to_token(int(one)) for one in ids]

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """The text of tokens that are given by their names."""
        decoder = self.backend_tokenizer.decoder
        return " ".join(tokens) if decoder is None else decoder.decode(list(tokens))

    def get_added_vocab(self) -> dict[str, int]:
        """The tokens that are found in a text before all others, and their ids."""
        added = self.backend_tokenizer.get_added_tokens_decoder()
        return {token.content: at for at, token in sorted(added.items())}

    def _known(self, token: str) -> int | None:
        return self.backend_tokenizer.token_to_id(token)


class MarianTokenizer(_Common):
    """Marian's: SentencePiece for each side, and one vocabulary beside them."""

    is_fast = False

    def __init__(
        self,
        folder: Path,
        vocabulary: dict[str, int],
        settings: Settings,
        special: dict[str, str],
        extra: Sequence[str],
    ) -> None:
        from sentencepiece import SentencePieceProcessor

        self._source, self._target = SentencePieceProcessor(), SentencePieceProcessor()
        self._source.Load(str(folder / "source.spm"))
        self._target.Load(str(folder / "target.spm"))
        self._decoding = self._target  # until something was decoded, which the source's then does
        self._ids = vocabulary
        self._tokens = {at: token for token, at in vocabulary.items()}
        added = settings.get("added_tokens_decoder", {})
        self._added = {token["content"]: int(at) for at, token in added.items()}
        size = len({**vocabulary, **self._added})
        for token in dict.fromkeys([*special.values(), *extra]):
            if token not in self._added:
                self._added[token] = vocabulary.get(token, size)
                size += token not in vocabulary
        self._size = size
        self._tokens |= {at: token for token, at in self._added.items()}
        longest_first = sorted(self._added, key=len, reverse=True)
        self._splitter = re.compile(f"({'|'.join(map(re.escape, longest_first))})")
        super().__init__({"model_max_length": 512, **settings}, special, extra)
        self.source_lang: str | None = settings.get("source_lang")
        self.target_lang: str | None = settings.get("target_lang")
        self.supported_language_codes = [token for token in vocabulary if _CODE.fullmatch(token)]

    def __len__(self) -> int:
        return self._size

    def __call__(
        self,
        text: str | Sequence[str],
        pairs: str | Sequence[str] | None = None,
        *,
        add_special_tokens: bool = True,
        return_special_tokens_mask: bool = False,
        return_offsets_mapping: Literal[False] = False,
        return_attention_mask: bool | None = None,
        split_special_tokens: bool | None = None,
        truncation: Literal[False] = False,
        padding: Literal[False] = False,
        verbose: bool = True,
    ) -> Encoded:
        """Tokenize a text, or several, each alone or with its pair, as a source."""
        if return_offsets_mapping:
            raise NotImplementedError("this tokenizer does not tell where its tokens lie")
        split = self._splits if split_special_tokens is None else split_special_tokens
        texts = [text] if isinstance(text, str) else list(text)
        seconds: Sequence[str | None] = [None] * len(texts)
        if pairs is not None:
            seconds = [pairs] if isinstance(pairs, str) else pairs
        ids = [self._encode(one, split) for one in texts]
        ids = [
            a if b is None else a + self._encode(b, split)
            for a, b in zip(ids, seconds, strict=True)
        ]
        end = [self.eos_token_id] if add_special_tokens else []
        lists: dict[str, Any] = {"input_ids": [one + end for one in ids]}
        if return_attention_mask is None or return_attention_mask:
            lists["attention_mask"] = [[1] * len(one) for one in lists["input_ids"]]
        if return_special_tokens_mask:
            marked = {*self.all_special_ids} - {self.unk_token_id} if add_special_tokens else set()
            lists["special_tokens_mask"] = [
                [int(token in marked) for token in one] + [1] * len(end) for one in ids
            ]
        return _encoded(lists, single=isinstance(text, str))

    def _encode(self, text: str, split: bool) -> list[Any]:
        ids: list[Any] = []
        for part in [text] if split else self._splitter.split(text):
            if not split and part in self._added:
                ids.append(self._added[part])
            elif part or split:
                code = _CODE.match(part)
                rest = part[code.end() :] if code else part
                pieces: list[str] = self._source.encode(rest, out_type=str)
                ids += self.convert_tokens_to_ids([*([code[0]] if code else []), *pieces])
        return ids

    def decode(self, ids: int | Sequence[int], skip_special_tokens: bool = False) -> str:
        """The text of tokens, put together as that of the source: transformers' way."""
        self._decoding = self._source
        ids = [ids] if isinstance(ids, int) else ids
        left_out = set(self.all_special_ids) if skip_special_tokens else set()
        tokens = self.convert_ids_to_tokens([one for one in ids if one not in left_out])
        return self._tidied(self.convert_tokens_to_string(tokens))

    def convert_ids_to_tokens(self, ids: int | Sequence[int]) -> Any:
        """The token of an id, or those of several. Raises IndexError for an id that is none."""
        if not isinstance(ids, int):
            return [self.convert_ids_to_tokens(int(one)) for one in ids]
        known = self._tokens.get(ids)
        return self._decoding.IdToPiece(ids) if known is None else known

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """The text of tokens that are given by their names."""
        text, pieces = "", list[str]()
        for token in tokens:
            if token in self.all_special_tokens:
                text += f"{self._decoding.decode_pieces(pieces)}{token} "
                pieces = []
            else:
                pieces.append(token)
        text += self._decoding.decode_pieces(pieces)
        return str(text.replace("\u2581", " ").strip())

    def get_added_vocab(self) -> dict[str, int]:
        """The tokens that are found in a text before all others, and their ids."""
        return dict(self._added)

    def _known(self, token: str) -> int | None:
        return self._added.get(token, self._ids.get(token))


_CODE = re.compile(r">>.*?<<", re.DOTALL)
"""Marian's name of a language, such as >>fra<<, at the beginning of a text."""


def _encoded(lists: dict[str, Any], single: bool) -> Encoded:
    return Encoded({key: value[0] for key, value in lists.items()} if single else lists)


def _given(settings: Settings, *names: str) -> Any:
    return next((settings[name] for name in names if name in settings), None)
