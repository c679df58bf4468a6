"""Make a backend of `tokenizers` what the classes of transformers make of it.

Those take from tokenizer.json the vocabulary, and put parts of their own around it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Settings = dict[str, Any]
WORD_PIECES = ("BertTokenizer", "DistilBertTokenizer")
VOCABULARY = ("vocab.txt", "vocab.json", "merges.txt")
MERGES = {
    "dropout": None,
    "ignore_merges": False,
    "continuing_subword_prefix": "",
    "end_of_word_suffix": "",
}
QWEN_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""What Qwen's tokenizers cut a text into first."""


class UnsupportedTokenizer(Exception):
    """A tokenizer is not known to come out equal here; the text says why, as "its ..."."""


def load_backend(folder: Path, name: str, given: dict[str, Any]) -> "Tokenizer":
    """The tokenizer of tokenizer.json; where there is none, of a vocabulary."""
    from tokenizers import Tokenizer
    from tokenizers.models import BPE, WordPiece

    files = {one: str(folder / one) for one in ("tokenizer.json", *VOCABULARY)}
    there = {one for one, path in files.items() if Path(path).is_file()}
    try:
        if "tokenizer.json" in there:
            return Tokenizer.from_file(files["tokenizer.json"])
        if "vocab.txt" in there and name in WORD_PIECES:
            words = WordPiece.read_file(files["vocab.txt"])
            return Tokenizer(WordPiece(words, unk_token=str(text_of(given["unk"]))))
        if {"vocab.json", "merges.txt"} <= there and name in ("GPT2Tokenizer", "RobertaTokenizer"):
            return Tokenizer(BPE(*BPE.read_file(files["vocab.json"], files["merges.txt"])))
    except Exception as error:  # the package raises nothing narrower
        raise UnsupportedTokenizer(f"its tokenizer cannot be read: {error}") from None
    raise UnsupportedTokenizer("it has no tokenizer.json")


def replace_parts(
    backend: "Tokenizer", name: str, settings: Settings, given: dict[str, Any]
) -> None:
    """Give a tokenizer the parts that its class has, whatever tokenizer.json says."""
    from tokenizers import Regex, decoders, normalizers, pre_tokenizers

    normalizer: Any = None
    prefix = settings.get("add_prefix_space")
    if name in WORD_PIECES:
        _check_model(
            backend,
            unk_token=str(text_of(given["unk"])),
            continuing_subword_prefix="##",
            max_input_chars_per_word=100,
        )
        normalizer = normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=settings.get("tokenize_chinese_chars", True),
            strip_accents=settings.get("strip_accents"),
            lowercase=settings.get("do_lower_case", True),
        )
        backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        backend.decoder = decoders.WordPiece(prefix="##")
    elif name == "LlamaTokenizer":
        _check_model(backend, fuse_unk=True, byte_fallback=True, **MERGES)
        backend.model.unk_token = None
        starts = prefix is None or prefix
        scheme = "never" if not starts else "always" if settings.get("legacy") else "first"
        backend.pre_tokenizer = pre_tokenizers.Metaspace("\u2581", scheme, split=False)
        parts = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
        if starts:
            parts.append(decoders.Strip(" ", left=1))
        backend.decoder = decoders.Sequence(parts)
    else:
        _check_model(backend, unk_token=None, fuse_unk=False, byte_fallback=False, **MERGES)
        begins = bool(prefix)
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=begins)
        if name == "Qwen2Tokenizer":
            words = pre_tokenizers.Split(Regex(QWEN_WORDS), behavior="isolated")
            letters = pre_tokenizers.ByteLevel(add_prefix_space=begins, use_regex=False)
            backend.pre_tokenizer = pre_tokenizers.Sequence([words, letters])
        if name in ("Qwen2Tokenizer", "GPTNeoXTokenizer"):
            normalizer = normalizers.NFC()
        backend.decoder = decoders.ByteLevel()
    if any(token.normalized for token in backend.get_added_tokens_decoder().values()):
        if _state(backend.normalizer) != _state(normalizer):
            raise UnsupportedTokenizer(
                "its tokenizer.json normalizes texts in another way than its class"
            )
    backend.normalizer = normalizer


def _check_model(backend: "Tokenizer", **wanted: Any) -> None:
    for key, value in wanted.items():
        found = getattr(backend.model, key, UnsupportedTokenizer)
        if found != value and not (value == "" and found is None):
            raise UnsupportedTokenizer(f"its tokenizer.json has another {key} than its class")


def text_of(token: Any) -> Any:
    """The text of a special token that is given as such, or with its rules."""
    return token.get("content") if isinstance(token, dict) else token


def _state(part: Any) -> Any:
    return None if part is None else part.__getstate__()


def add_missing(backend: "Tokenizer", tokens: Sequence[Any]) -> None:
    """Add the special tokens that tokenizer.json lacks."""
    from tokenizers import AddedToken

    found = {token.content: token for token in backend.get_added_tokens_decoder().values()}
    missing: dict[str, AddedToken] = {}
    for token in tokens:
        text = text_of(token)
        if text in found and not found[text].special:
            raise UnsupportedTokenizer(f"its token {text} is special, and is not")
        rules = token if isinstance(token, dict) else {}
        rules = {key: value for key, value in rules.items() if key not in ("__type", "special")}
        if text not in found:
            missing.setdefault(text, AddedToken(**{"content": text, **rules}, special=True))
    backend.add_tokens(list(missing.values()))


def replace_template(
    backend: "Tokenizer", name: str, settings: Settings, special: dict[str, str]
) -> None:
    """Give a tokenizer the special tokens that its class puts around a text, or a pair."""
    from tokenizers import processors

    def known(token: str) -> tuple[str, Any]:
        return special[token], backend.token_to_id(special[token])

    if name in WORD_PIECES:
        cls, sep = known("cls"), known("sep")
        backend.post_processor = processors.TemplateProcessing(
            single=f"{cls[0]}:0 $A:0 {sep[0]}:0",
            pair=f"{cls[0]}:0 $A:0 {sep[0]}:0 $B:1 {sep[0]}:1",
            special_tokens=[cls, sep],
        )
    elif name == "RobertaTokenizer":
        backend.post_processor = processors.RobertaProcessing(
            known("sep"),
            known("cls"),
            settings.get("trim_offsets", True),
            settings.get("add_prefix_space", False),
        )
    elif name == "GPTNeoXTokenizer" or backend.post_processor is None:
        if settings.get("add_bos_token") or settings.get("add_eos_token"):
            raise UnsupportedTokenizer(
                "its tokens of beginning and end are not those of a tokenizer.json"
            )
        backend.post_processor = processors.TemplateProcessing(single="$A:0", pair="$A:0 $B:1")
